"""Functions, methods and classes of a file with their lines: what was changed, is it public, is it documented?"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .python import parse_python
from .trees import tree

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class Function:
    """Lines are counted from 1, decorators and signature included.

    Attributes:
        qualified: with the classes and functions around it, "Cart.add".
        parameters: names in order, without self and cls.
        kind: "function", "method" or "class".
    """

    name: str
    qualified: str
    start: int
    end: int
    parameters: tuple[str, ...]
    has_docstring: bool
    public: bool
    kind: str


@functools.lru_cache(maxsize=512)
def functions(language: str, text: str) -> tuple[Function, ...]:
    """In the order of their first lines; () for a language without grammar or a text that cannot be parsed."""
    if language == "python":
        module = parse_python(text)
        found = _python(module) if module is not None else []
    else:
        parsed = tree(language, text.encode("utf-8", "surrogatepass"))
        found = _other(parsed.root_node, language) if parsed is not None else []
    return tuple(sorted(found, key=lambda one: (one.start, -one.end)))


def _python(module: ast.Module) -> list[Function]:
    found: list[Function] = []
    # (node, names around it, public so far, directly in a class); a stack, since nesting can be deep
    stack: list[tuple[ast.AST, tuple[str, ...], bool, bool]] = [(module, (), True, False)]
    while stack:
        node, around, public, in_class = stack.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                is_class = isinstance(child, ast.ClassDef)
                seen = public and not child.name.startswith("_")
                found.append(
                    Function(
                        child.name, ".".join((*around, child.name)),
                        min((one.lineno for one in child.decorator_list), default=child.lineno),
                        child.end_lineno or child.lineno,
                        () if isinstance(child, ast.ClassDef) else _parameters(child.args),
                        ast.get_docstring(child, clean=False) is not None,
                        seen, "class" if is_class else "method" if in_class else "function",
                    )
                )  # fmt: skip
                # what is defined inside a function is nobody's interface
                stack.append((child, (*around, child.name), seen and is_class, is_class))
            else:
                stack.append((child, around, public, in_class))
    return found


def _parameters(arguments: ast.arguments) -> tuple[str, ...]:
    listed = [*arguments.posonlyargs, *arguments.args]
    names = [one.arg for one in listed]
    if names and names[0] in ("self", "cls"):
        names = names[1:]
    names += [one.arg for one in (arguments.vararg,) if one]
    names += [one.arg for one in arguments.kwonlyargs]
    names += [one.arg for one in (arguments.kwarg,) if one]
    return tuple(names)


_DEFINITIONS = {
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "method_definition": "method",
    "method_declaration": "method",
    "class_declaration": "class",
    "abstract_class_declaration": "class",
    "type_spec": "class",
}
_VALUES = {"arrow_function", "function_expression", "generator_function"}


def _other(root: Node, language: str) -> list[Function]:
    found: list[Function] = []
    for node, around, exported in _walk(root):
        kind = _DEFINITIONS.get(node.type, "")
        body = node
        if node.type == "variable_declarator":
            value = node.child_by_field_name("value")
            if value is None or value.type not in _VALUES:
                continue
            kind, body = "function", value
        if not kind:
            continue
        name = _text(node.child_by_field_name("name"))
        if not name:
            continue
        if language == "go":
            public = name[:1].isupper()
        else:
            public = not name.startswith(("_", "#")) and (exported or kind == "method")
        found.append(
            Function(
                name, ".".join((*around, name)), node.start_point[0] + 1, node.end_point[0] + 1,
                _names(body.child_by_field_name("parameters")), _is_documented(node), public, kind,
            )
        )  # fmt: skip
    return found


def _walk(root: Node) -> Iterator[tuple[Any, tuple[str, ...], bool]]:
    """Every node with the names around it and whether it is exported; without recursion."""
    stack: list[tuple[Any, tuple[str, ...], bool]] = [(root, (), False)]
    while stack:
        node, around, exported = stack.pop()
        yield node, around, exported
        name = _text(node.child_by_field_name("name")) if node.type in _DEFINITIONS else ""
        inside = (*around, name) if name else around
        stack.extend(
            (child, inside, exported or node.type == "export_statement") for child in reversed(node.named_children)
        )


def _text(node: Any) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text else ""


def _names(parameters: Any) -> tuple[str, ...]:
    """Identifiers of a parameter list: the first of each parameter, as types follow names."""
    if parameters is None:
        return ()
    names = []
    for one in parameters.named_children:
        field = one.child_by_field_name("name") or one.child_by_field_name("pattern") or one
        while field.named_children and field.type != "identifier":
            field = field.named_children[0]
        if field.type in ("identifier", "shorthand_property_identifier_pattern"):
            names.append(_text(field))
    return tuple(names)


def _is_documented(node: Any) -> bool:
    """A comment ends on the line above the definition, or above the statement that exports or declares it."""
    top = node
    while top.parent is not None and top.parent.type in (
        "export_statement", "lexical_declaration", "variable_declaration", "type_declaration",
    ):  # fmt: skip
        top = top.parent
    before = top.prev_sibling
    return before is not None and before.type == "comment" and top.start_point[0] - before.end_point[0] <= 1
