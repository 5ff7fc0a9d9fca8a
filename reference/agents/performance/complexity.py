"""Work that grows with the square of the input, and work that a loop repeats without need."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .scopes import Fault, Loop, Source, bounded, dotted, names, varying

_LISTS = {"list", "sorted"}
_HANDFUL = {"kinds", "types", "modes", "flags", "levels", "formats", "suffixes", "extensions", "columns", "fields",
            "languages", "methods", "errors", "problems", "choices", "options"}  # fmt: skip
_SHORT = {"args", "argv", "arguments", "parts", "segments", "words", "options", "argument_list"}


def faults(source: Source) -> Iterator[Fault]:
    """Work that grows with the square of the input, or faster."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef):
            yield from _twice_recursive(source, node)
            continue
        if not isinstance(node, ast.Compare | ast.Call | ast.AugAssign | ast.Assign | ast.For):
            continue
        loops = source.loops(node)
        if isinstance(node, ast.Call) and loops:
            yield from _front(source, node, loops[0])
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
                known = _posted(source, node, where.id)
                name = "list-membership" if known else "list-scan"
                yield source.fault(f"performance/{name}", node, loop, name=where.id)
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


def _posted(source: Source, node: ast.AST, name: str) -> bool:
    """Whether the list can be long for all that is seen: no parameter, no handful by its name, no bare selection.

    A selection `[x for x in xs if ...]` has fewer items than its source, and they may not be hashable.
    """
    found = _values(source, node, name)
    selection = any(
        isinstance(one, ast.ListComp) and isinstance(one.elt, ast.Name) and any(g.ifs for g in one.generators)
        for one in found
    )
    return bool(found) and not selection and name.lower().split("_")[-1] not in _HANDFUL


def _values(source: Source, node: ast.AST, name: str) -> list[ast.expr]:
    return source.assigned(source.function(node) or source.tree, name)


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
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in {"append", "union"}:
        # A list's append gives None, so what is kept is a frame's, which copies
        grown = dotted(value.func.value) == name
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
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
        yield source.fault("performance/regex-in-loop", node, loop, name=name)
    elif (held := _sorted(node)) and _grows(loop, held) and _list(source, node, held, loop):
        yield source.fault("performance/sort-in-loop", node, loop, name=held)
    elif name in {"sorted", "sum", "min", "max", "open", "json.loads"} and isinstance(first, ast.Name | ast.Constant):
        reads = name != "open" or len(node.args) == 1
        fixed = isinstance(first, ast.Constant) or first.id not in varying(loop)
        if reads and fixed and len(node.args) == 1 and not names(node.args[0]) & varying(loop) and not node.keywords:
            yield source.fault("performance/invariant-in-loop", node, loop, name=name)
    elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        method, owner = node.func.attr, node.func.value.id
        if method in {"index", "count", "remove"} and _list(source, node, owner, loop):
            yield source.fault("performance/list-scan", node, loop, name=f"{owner}.{method}")


def _sorted(node: ast.Call) -> str:
    """The name of the list that `sorted(name)` or `name.sort()` puts in order."""
    if dotted(node.func) == "sorted" and node.args and isinstance(node.args[0], ast.Name):
        return node.args[0].id
    if isinstance(node.func, ast.Attribute) and node.func.attr == "sort" and isinstance(node.func.value, ast.Name):
        return node.func.value.id
    return ""


def _grows(loop: Loop, name: str) -> bool:
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in {"append", "extend", "insert"}
        and isinstance(n.func.value, ast.Name) and n.func.value.id == name for n in ast.walk(loop)
    )  # fmt: skip


def _front(source: Source, node: ast.Call, loop: Loop) -> Iterator[Fault]:
    """`pop(0)` and `insert(0, x)` move every other item; a while loop that empties a list does it for each."""
    if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, ast.Name) or not node.args:
        return
    method, name, first = node.func.attr, node.func.value.id, node.args[0]
    if method not in {"pop", "insert"} or not (isinstance(first, ast.Constant) and first.value == 0):
        return
    if name.strip("_") in _SHORT or (method == "pop" and len(node.args) != 1):
        return
    if isinstance(loop, ast.While):
        # Emptied or filled by the loop itself: "while name" or "while True" with an append in it
        if name not in names(loop.test) and not _grows(loop, name):
            return
    elif bounded(loop):
        return
    started = _values(source, node, name)
    small = [isinstance(v, ast.List) and _grows(loop, name) and name not in source.stored(loop) for v in started]
    if _list(source, node, name, loop) or (bool(started) and all(small)):
        yield source.fault("performance/front-of-list", node, loop, name=f"{name}.{method}")


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
