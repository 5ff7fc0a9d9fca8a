"""Faults of control and data flow that one file's syntax tree proves. Python only; new against the text before."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from reference.agents.quality.definitions import dotted, tree
from reference.agents.quality.guard import finding
from reference.agents.types import ChangedFile, Finding, Role

Fault = tuple[str, ast.AST, dict[str, str]]  # rule, where, values
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_SHRINKING = {"remove", "pop", "popitem", "insert", "discard", "clear"}
_EMPTY = (ast.Pass, ast.Continue, ast.Break, ast.Raise)


def flow(file: ChangedFile) -> Iterator[Finding]:
    """Identical branches, containers changed while iterated, coroutines not awaited, certain off-by-one, repeated
    arguments. A fault with the same text before the change is not new."""
    if file.language != "python" or file.role is not Role.SOURCE or file.after is None or not file.added:
        return
    if (module := tree(file.after)) is None:
        return
    earlier = tree(file.before) if file.before else None
    old = Counter(_key(x) for x in faults(earlier)) if earlier is not None else Counter()
    for fault in faults(module):
        rule, node, values = fault
        if old[_key(fault)] > 0:
            old[_key(fault)] -= 1
            continue
        lines = [x for x in file.added if node.lineno <= x <= (node.end_lineno or node.lineno)]  # type: ignore[attr-defined]
        if lines:
            yield finding(file, f"quality/{rule}", min(lines), **values)  # type: ignore[arg-type]


def faults(module: ast.Module) -> Iterator[Fault]:
    """Every fault of a module, in no particular order of lines."""
    elifs = {id(x.orelse[0]) for x in ast.walk(module) if isinstance(x, ast.If) and len(x.orelse) == 1}
    yield from _not_awaited(module)
    for node in ast.walk(module):
        if (isinstance(node, ast.If) and id(node) not in elifs and _same_branches(node)) or (
            isinstance(node, ast.IfExp) and ast.dump(node.body) == ast.dump(node.orelse)
        ):
            yield "same-branches", node, {"condition": ast.unparse(node.test)[:70]}
        elif isinstance(node, ast.For):
            yield from _changed_while_iterated(node)
            yield from _past_the_end(node)
        elif isinstance(node, ast.While):
            yield from _past_the_end(node)
        elif isinstance(node, ast.Call):
            names = Counter(x.arg for x in node.keywords if x.arg)
            for name, times in names.items():
                if times > 1:
                    yield "repeated-argument", node, {"name": name}


def _key(fault: Fault) -> tuple[str, ...]:
    return fault[0], *fault[2].values()


def _same_branches(node: ast.If) -> bool:
    if not node.orelse or all(isinstance(x, _EMPTY) for x in node.body):
        return False
    only = node.body[0]
    if len(node.body) == 1 and isinstance(only, ast.Return) and (only.value is None or _constant(only.value)):
        return False
    return [ast.dump(x) for x in node.body] == [ast.dump(x) for x in node.orelse]


def _constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


def _own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and what is in them, except inside functions defined there."""
    for node in nodes:
        yield node
        if not isinstance(node, _FUNCTIONS):
            yield from _own(ast.iter_child_nodes(node))


def _changed_while_iterated(loop: ast.For) -> Iterator[Fault]:
    over = loop.iter
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute) and not over.args:
        over = over.func.value if over.func.attr in {"items", "keys", "values"} else over
    name = dotted(over)
    if not name or name in _stored(loop.body):
        return
    for statement in _goes_on(loop.body):
        if isinstance(statement, ast.Delete):
            if any(isinstance(x, ast.Subscript) and dotted(x.value) == name for x in statement.targets):
                yield "changed-while-iterated", loop, {"name": name, "how": "del"}
                return
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            called = statement.value.func
            if isinstance(called, ast.Attribute) and called.attr in _SHRINKING and dotted(called.value) == name:
                yield "changed-while-iterated", loop, {"name": name, "how": called.attr}
                return


def _goes_on(block: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Simple statements after which the loop may take its next item."""
    if block and isinstance(block[-1], ast.Break | ast.Return | ast.Raise):
        return
    for statement in block:
        if isinstance(statement, _FUNCTIONS):
            continue
        inner = [getattr(statement, x, None) for x in ("body", "orelse", "finalbody")]
        inner += [x.body for x in getattr(statement, "handlers", [])]
        blocks = [x for x in inner if isinstance(x, list)]
        if not blocks:
            yield statement
        elif isinstance(statement, ast.For | ast.While | ast.If | ast.With | ast.Try):
            for one in blocks:
                yield from _goes_on(one)


def _stored(block: Sequence[ast.stmt]) -> set[str]:
    return {
        dotted(x) for x in _own(block) if isinstance(x, ast.Name | ast.Attribute) and isinstance(x.ctx, ast.Store)
    }  # fmt: skip


def _length_of(node: ast.AST) -> str:
    """ "x" of `len(x)`."""
    if isinstance(node, ast.Call) and dotted(node.func) == "len" and len(node.args) == 1:
        return dotted(node.args[0])
    return ""


def _past_the_end(loop: ast.For | ast.While) -> Iterator[Fault]:
    """`for i in range(len(x) + 1)` or `while i <= len(x)` with x[i] read and nothing that could keep i in range."""
    index = name = ""
    if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) and isinstance(loop.iter, ast.Call):
        arguments = loop.iter.args
        if dotted(loop.iter.func) == "range" and 1 <= len(arguments) <= 2:
            stop = arguments[-1]
            if (
                isinstance(stop, ast.BinOp) and isinstance(stop.op, ast.Add) and isinstance(stop.right, ast.Constant)
                and isinstance(stop.right.value, int) and stop.right.value > 0
            ):  # fmt: skip
                index, name = loop.target.id, _length_of(stop.left)
    elif isinstance(loop, ast.While) and isinstance(loop.test, ast.Compare) and len(loop.test.ops) == 1:
        left, right = loop.test.left, loop.test.comparators[0]
        if isinstance(loop.test.ops[0], ast.LtE) and isinstance(left, ast.Name):
            index, name = left.id, _length_of(right)
    if not index or not name:
        return
    reads = False
    for node in _own(loop.body):
        if isinstance(node, ast.If | ast.IfExp | ast.While) and any(
            isinstance(x, ast.Name) and x.id == index for x in ast.walk(node.test)
        ):
            return
        if isinstance(node, ast.Try | ast.BoolOp | ast.Break | ast.Return | ast.Yield):
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and dotted(node.func.value) == name:
            return
        if isinstance(loop, ast.While) and isinstance(node, ast.Subscript):
            # Only a read before the index moves is certain; the first statement of the body is.
            if node not in list(_own(loop.body[:1])):
                continue
            if isinstance(loop.body[0], ast.AugAssign) and dotted(loop.body[0].target) == index:
                continue
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and dotted(node.value) == name:
            reads = reads or (isinstance(node.slice, ast.Name) and node.slice.id == index)
    if reads and name not in _stored(loop.body) and (isinstance(loop, ast.While) or index not in _stored(loop.body)):
        yield "off-by-one", loop, {"name": name, "index": index}


def _not_awaited(module: ast.Module) -> Iterator[Fault]:
    """A call that stands alone, of a coroutine function of this module or of a method of the same class."""

    def coroutines(body: Sequence[ast.stmt]) -> set[str]:
        every = Counter(x.name for x in body if isinstance(x, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef))
        return {
            x.name for x in body
            if isinstance(x, ast.AsyncFunctionDef) and every[x.name] == 1 and not x.decorator_list and not _yields(x)
        }  # fmt: skip

    free = coroutines(module.body) - {
        x.id for x in ast.walk(module) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)
    }
    free -= {x.arg for x in ast.walk(module) if isinstance(x, ast.arg)}
    free -= {x.name for n in module.body for x in ast.walk(n) if x is not n and isinstance(x, ast.FunctionDef)}
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and dotted(node.value.func) in free:
            yield "not-awaited", node, {"name": dotted(node.value.func)}
    for owner in (x for x in ast.walk(module) if isinstance(x, ast.ClassDef)):
        own = {f"self.{x}" for x in coroutines(owner.body)}
        for node in _own(
            x for m in owner.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef) for x in m.body
        ):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and dotted(node.value.func) in own:
                yield "not-awaited", node, {"name": dotted(node.value.func)}


def _yields(function: ast.AsyncFunctionDef) -> bool:
    return any(isinstance(x, ast.Yield) for x in _own(function.body))
