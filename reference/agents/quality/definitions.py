"""Functions and classes of a Python text by qualified name, and what of them a change touches."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reference.agents.types import ChangedFile

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_STUB_DECORATORS = {"overload", "abstractmethod", "abstractproperty", "singledispatch"}


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One function, method or class.

    Attributes:
        qualified: "Class.method"; a second definition of the same name (a property's setter, an overload) gets "#2".
        kind: "function", "method" or "class".
        owner: qualified name of what it stands in; empty at module level.
        nested: it stands inside a function.
        start, end: lines from 1, decorators included. `line`: that of the `def` or `class`.
        public: neither it nor an owner begins with an underscore, and it is not nested; dunder names count as public.
    """

    name: str
    qualified: str
    node: FunctionNode | ast.ClassDef
    kind: str
    owner: str
    nested: bool
    public: bool

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def start(self) -> int:
        return min([self.node.lineno, *(x.lineno for x in self.node.decorator_list)])

    @property
    def end(self) -> int:
        return self.node.end_lineno or self.node.lineno

    @property
    def docstring(self) -> str | None:
        return ast.get_docstring(self.node, clean=False)

    @property
    def decorators(self) -> tuple[str, ...]:
        """Last parts of the decorators' names: "property" of `@functools.cached.property`."""
        return tuple(last_name(x.func if isinstance(x, ast.Call) else x) for x in self.node.decorator_list)

    @property
    def is_stub(self) -> bool:
        """Overload, abstract method, or a body of nothing but a docstring, `...`, `pass` or NotImplementedError."""
        if self.kind == "class":
            return False
        if _STUB_DECORATORS & set(self.decorators):
            return True
        return all(_says_nothing(x) for x in self.node.body)


def _says_nothing(x: ast.stmt) -> bool:
    if isinstance(x, ast.Pass):
        return True
    if isinstance(x, ast.Raise) and x.exc is not None:
        return last_name(x.exc.func if isinstance(x.exc, ast.Call) else x.exc) == "NotImplementedError"
    return isinstance(x, ast.Expr) and isinstance(x.value, ast.Constant)


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`, `f` of `f`; empty for what has no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST) -> str:
    """ "a.b.c"; empty where a part is not a plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


@functools.lru_cache(maxsize=128)
def tree(text: str) -> ast.Module | None:
    """None for what Python cannot parse."""
    from reference.agents.syntax import parse_python

    return parse_python(text)


@functools.lru_cache(maxsize=128)
def definitions(text: str) -> Mapping[str, Definition]:
    """Every definition of `text` by qualified name, in the order of the text; empty if it does not parse."""
    found: dict[str, Definition] = {}
    if (module := tree(text)) is not None:
        for one in _walk(module, "", False, True, False):
            name, number = one.qualified, 2
            while name in found:
                name, number = f"{one.qualified}#{number}", number + 1
            found[name] = one
    return found


def _walk(parent: ast.AST, owner: str, nested: bool, public: bool, in_class: bool) -> Iterator[Definition]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            is_class = isinstance(node, ast.ClassDef)
            qualified = f"{owner}.{node.name}" if owner else node.name
            dunder = node.name.startswith("__") and node.name.endswith("__")
            seen = public and not nested and (dunder or not node.name.startswith("_"))
            kind = "class" if is_class else "method" if in_class else "function"
            yield Definition(node.name, qualified, node, kind, owner, nested, seen)
            yield from _walk(node, qualified, nested or not is_class, seen, is_class)
        elif not isinstance(node, ast.expr):
            yield from _walk(node, owner, nested, public, in_class)


def touched_lines(file: ChangedFile) -> frozenset[int]:
    """New line numbers that the change adds, and those that now stand where lines were only removed."""
    lines = set(file.added)
    for hunk in file.hunks:
        gone = False
        for one in hunk.lines:
            if one.kind == "removed":
                gone = True
            elif one.new is not None:
                if gone and one.kind == "context":
                    lines.add(one.new)
                gone = False
    return frozenset(lines)


def touches(file: ChangedFile, start: int, end: int) -> int | None:
    """The first line in [start, end] that the change adds, else the first where it removed one; None if neither."""
    if added := [x for x in file.added if start <= x <= end]:
        return min(added)
    return min((x for x in touched_lines(file) if start <= x <= end), default=None)
