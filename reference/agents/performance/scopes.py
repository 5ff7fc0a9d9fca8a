"""Loops around a node and what changes in them: what every check of a Python file asks for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Loop = ast.For | ast.AsyncFor | ast.While | Comprehension
_SMALL = 20  # a loop of at most so many constant steps costs nothing worth a comment
_BATCHES = ("chunk", "batch", "page", "attempt", "retry", "retries")


@dataclass(frozen=True, slots=True)
class Fault:
    """`lines`: those whose addition makes the fault new: the call's, and the loop's head. `values`: untrusted."""

    rule: str
    line: int
    end_line: int
    lines: frozenset[int]
    where: str = ""
    values: dict[str, str] = field(default_factory=dict)


class Source:
    """A parsed file with the parent of every node.

    What is asked of a scope or a loop is read off it once: the checks ask again at every call, and a walk for each
    would make the time grow with the square of a function's length.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.parents: dict[ast.AST, ast.AST] = {}
        self._assigned: dict[ast.AST, dict[str, list[ast.expr]]] = {}
        self._entered: dict[ast.AST, dict[str, list[ast.expr]]] = {}
        self._stored: dict[ast.AST, frozenset[str]] = {}
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node

    def function(self, node: ast.AST) -> Function | None:
        """The innermost function around `node`."""
        at = self.parents.get(node)
        while at is not None and not isinstance(at, Function):
            at = self.parents.get(at)
        return at

    def loops(self, node: ast.AST) -> list[Loop]:
        """Loops that run `node` once per step, innermost first, within its function."""
        found: list[Loop] = []
        child, at = node, self.parents.get(node)
        while at is not None and not isinstance(at, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            if isinstance(at, ast.For | ast.AsyncFor):
                if child in at.body:
                    found.append(at)
            elif isinstance(at, ast.While):
                if child in at.body or child is at.test:
                    found.append(at)
            # the first iterable of a comprehension is read once; `child` is then the generator that holds `node`
            elif isinstance(at, Comprehension) and not (child is at.generators[0] and self._in_iter(node, child)):
                found.append(at)
            child, at = at, self.parents.get(at)
        return found

    def _in_iter(self, node: ast.AST, generator: ast.AST) -> bool:
        return isinstance(generator, ast.comprehension) and any(one is node for one in ast.walk(generator.iter))

    def assigned(self, scope: ast.AST, name: str) -> list[ast.expr]:
        """What is assigned to `name` anywhere in `scope`."""
        if scope not in self._assigned:
            self._assigned[scope] = _by_name(assignments(scope))
        return self._assigned[scope].get(name, [])

    def entered(self, scope: ast.AST, name: str) -> list[ast.expr]:
        """What a `with` anywhere in `scope` gives the `name` to."""
        if scope not in self._entered:
            items = (one for one in ast.walk(scope) if isinstance(one, ast.withitem))
            self._entered[scope] = _by_name(
                (one.optional_vars.id, one.context_expr) for one in items if isinstance(one.optional_vars, ast.Name)
            )
        return self._entered[scope].get(name, [])

    def stored(self, loop: Loop) -> frozenset[str]:
        """Names that the loop itself assigns."""
        if loop not in self._stored:
            self._stored[loop] = frozenset(
                n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )
        return self._stored[loop]

    def fault(self, rule: str, node: ast.expr | ast.stmt, loop: Loop | None = None, **values: str) -> Fault:
        lines = {node.lineno} | ({loop.lineno} if loop is not None else set())
        owner = self.function(node)
        return Fault(rule, node.lineno, node.lineno, frozenset(lines), owner.name if owner else "", values)


def bounded(loop: Loop) -> bool:
    """Constant few steps, batches or retries."""
    if isinstance(loop, ast.While):
        return True  # pages and readers: the number of steps is not that of a collection
    pairs = [(loop.target, loop.iter)] if isinstance(loop, ast.For | ast.AsyncFor) else [
        (one.target, one.iter) for one in loop.generators
    ]  # fmt: skip
    return all(_few(target, iterable) for target, iterable in pairs)


def _few(target: ast.expr, iterable: ast.expr) -> bool:
    words = " ".join(names(target)).lower()
    if any(word in words for word in _BATCHES):
        return True
    if isinstance(iterable, ast.Tuple | ast.List | ast.Set):
        return len(iterable.elts) <= _SMALL
    if isinstance(iterable, ast.Call):
        name = dotted(iterable.func)
        if name == "range":
            args = iterable.args
            last = args[-1].value if args and isinstance(args[-1], ast.Constant) else None
            constant = all(isinstance(one, ast.Constant) for one in args)
            return len(args) == 3 or (constant and isinstance(last, int) and last <= _SMALL)
        return any(word in name.lower() for word in ("chunk", "batch", "paginat"))
    return False


def names(node: ast.AST) -> set[str]:
    """Every name in the node, read or written."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def dotted(node: ast.AST) -> str:
    """`a.b.c` of such an expression; calls and indices in between are left out; "" where it starts with neither."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return ""


def varying(loop: Loop) -> set[str]:
    """Names that may have another value, or another content, in the next step."""
    found: set[str] = set()
    for node in ast.walk(loop):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(node.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found |= {dotted(node.func.value).split(".")[0]}
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            found |= names(node.value)
    return found


def assignments(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of every assignment to a bare name in `scope`; a name that one statement has twice, once."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for name in {one.id for one in node.targets if isinstance(one, ast.Name)}:
                yield name, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _by_name(pairs: Iterable[tuple[str, ast.expr]]) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
