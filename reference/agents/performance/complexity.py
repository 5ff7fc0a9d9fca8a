"""Work that grows with the square of the input, and work that a loop repeats without need."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .scopes import Fault, Loop, Source, assigned, bounded, dotted, names, varying

_LISTS = {"list", "sorted"}


def faults(source: Source) -> Iterator[Fault]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef):
            yield from _twice_recursive(source, node)
            continue
        if not isinstance(node, ast.Compare | ast.Call | ast.AugAssign | ast.Assign | ast.For):
            continue
        loops = source.loops(node)
        endless = [one for one in loops if not bounded(one)]
        if isinstance(node, ast.For):
            if endless:
                yield from _same_twice(source, node)
            continue
        if not endless:
            continue
        loop = endless[0]
        if isinstance(node, ast.Compare):
            where = node.comparators[0]
            if (
                isinstance(node.ops[0], ast.In | ast.NotIn)
                and isinstance(where, ast.Name)
                and _list(source, node, where.id, loop)
            ):
                yield source.fault("performance/list-membership", node, loop, name=where.id)
        elif isinstance(node, ast.AugAssign):
            if (
                isinstance(node.target, ast.Name)
                and isinstance(node.op, ast.Add)
                and _text(source, node, node.target.id)
            ):
                yield source.fault("performance/string-concatenation", node, loop, name=node.target.id)
        elif isinstance(node, ast.Assign):
            yield from _copied(source, node, loop)
        else:
            yield from _call(source, node, loop)


def _values(source: Source, node: ast.AST, name: str) -> list[ast.expr]:
    return list(assigned(source.function(node) or source.tree, name))


def _list(source: Source, node: ast.AST, name: str, loop: Loop) -> bool:
    """A list of unknown length that lives longer than one step of the loop."""
    function = source.function(node)
    if function is not None and not _values(source, node, name):
        every = function.args.args + function.args.kwonlyargs
        return any(
            a.arg == name and a.annotation and ast.unparse(a.annotation).startswith(("list[", "List[")) for a in every
        )
    found = _values(source, node, name)
    inside = any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(loop))
    return bool(found) and not inside and all(
        isinstance(one, ast.ListComp) or (isinstance(one, ast.List) and not one.elts)
        or (isinstance(one, ast.Call) and dotted(one.func) in _LISTS and bool(one.args)) for one in found
    )  # fmt: skip


def _text(source: Source, node: ast.AST, name: str) -> bool:
    found = _values(source, node, name)
    return bool(found) and all(
        isinstance(o, ast.JoinedStr) or (isinstance(o, ast.Constant) and isinstance(o.value, str)) for o in found
    )


def _copied(source: Source, node: ast.Assign, loop: Loop) -> Iterator[Fault]:
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Name):
        return
    name = target.id
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        grown = isinstance(value.left, ast.Name) and value.left.id == name and isinstance(value.right, ast.List)
    elif isinstance(value, ast.Dict):
        grown = any(
            k is None and isinstance(v, ast.Name) and v.id == name
            for k, v in zip(value.keys, value.values, strict=True)
        )
    elif isinstance(value, ast.Call) and dotted(value.func) in {"pd.concat", "pandas.concat"}:
        grown = name in names(value)
    else:
        grown = False
    if grown:
        yield source.fault("performance/copied-each-step", node, loop, name=name)


def _call(source: Source, node: ast.Call, loop: Loop) -> Iterator[Fault]:
    name = dotted(node.func)
    first = node.args[0] if node.args else None
    if name == "re.compile" and isinstance(first, ast.Constant):
        yield source.fault("performance/invariant-in-loop", node, loop, name=name)
    elif name in {"sorted", "sum", "min", "max", "open"} and isinstance(first, ast.Name | ast.Constant):
        reads = name != "open" or len(node.args) == 1
        fixed = isinstance(first, ast.Constant) or first.id not in varying(loop)
        if reads and fixed and len(node.args) == 1 and not names(node) & varying(loop):
            yield source.fault("performance/invariant-in-loop", node, loop, name=name)
    elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        method, owner = node.func.attr, node.func.value.id
        front = isinstance(first, ast.Constant) and first.value == 0
        scans = method in {"index", "count", "remove"} or (method in {"insert", "pop"} and front)
        if scans and _list(source, node, owner, loop):
            yield source.fault("performance/list-scan", node, loop, name=f"{owner}.{method}")


def _same_twice(source: Source, node: ast.For) -> Iterator[Fault]:
    text = ast.unparse(node.iter)
    if not isinstance(node.iter, ast.Name | ast.Attribute):
        return
    for outer in source.loops(node):
        if (
            isinstance(outer, ast.For)
            and ast.unparse(outer.iter) == text
            and not names(node.iter) & names(outer.target)
        ):
            yield source.fault("performance/nested-same-collection", node, outer, name=text)
            return


def _twice_recursive(source: Source, node: ast.FunctionDef) -> Iterator[Fault]:
    if node.decorator_list:
        return
    for one in ast.walk(node):
        if isinstance(one, ast.BinOp):
            sides = [one.left, one.right]
            if all(
                isinstance(s, ast.Call) and dotted(s.func).split(".")[-1] == node.name and len(s.args) == 1
                and isinstance(s.args[0], ast.BinOp) and isinstance(s.args[0].op, ast.Sub) for s in sides
            ):  # fmt: skip
                yield source.fault("performance/exponential-recursion", one, None, name=node.name)
                return
