"""Module-level dicts that a function fills for every new key and that nothing empties."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .scopes import Fault, Function, Source, dotted, names

_EMPTIES = {"pop", "popitem", "clear"}
_MAPPINGS = {"dict", "defaultdict", "collections.defaultdict", "OrderedDict", "collections.OrderedDict"}
# Keys of which a process has only so many: classes, modules, languages
_FEW = {"cls", "klass", "type", "kind", "typ", "tp", "func", "fn", "function", "module", "locale", "lang", "language",
        "encoding", "model", "owner"}  # fmt: skip


def faults(source: Source) -> Iterator[Fault]:
    """Module-level caches that only grow."""
    caches = {
        target.id: node
        for node in source.tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and _empty(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target]) if isinstance(target, ast.Name)
    }  # fmt: skip
    for name, node in caches.items():
        if _emptied(source, name):
            continue
        for fill in ast.walk(source.tree):
            owner = source.function(fill)
            if isinstance(fill, ast.Assign) and owner is not None and _fills(source, fill, name, owner):
                found = source.fault("performance/growing-cache", fill, None, name=name)
                lines = frozenset({node.lineno, fill.lineno})
                yield Fault(found.rule, fill.lineno, fill.lineno, lines, found.where, found.values)
                break


def _empty(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    return isinstance(value, ast.Call) and dotted(value.func) in _MAPPINGS and not value.keywords


def _emptied(source: Source, name: str) -> bool:
    """Whether anything in the module removes entries, counts them, replaces the dict or hands it to somebody else."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global) and name in node.names:
            return True
        if not (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)):
            continue
        user = source.parents[node]
        if isinstance(user, ast.Attribute):
            if user.attr in _EMPTIES:
                return True
        elif isinstance(user, ast.Subscript):
            if isinstance(user.ctx, ast.Del):
                return True
        elif not isinstance(user, ast.Compare | ast.For | ast.comprehension):
            return True
    return False


def _fills(source: Source, fill: ast.Assign, name: str, owner: Function) -> bool:
    """`NAME[key] = made(...)` with a key from the parameters, where the function also looks the key up."""
    targets = [one for one in fill.targets if isinstance(one, ast.Subscript) and dotted(one.value) == name]
    if not targets:
        return False
    parameters = {a.arg for a in [*owner.args.posonlyargs, *owner.args.args, *owner.args.kwonlyargs]} - {"self"}
    key = targets[0].slice
    words = names(key)
    for one in list(words):
        for value in source.assigned(owner, one):
            words |= names(value)
    if not words & parameters or words & _FEW or any(w.endswith(("_cls", "_class", "_type")) for w in words):
        return False
    made = [fill.value]
    if isinstance(fill.value, ast.Name):
        made = source.assigned(owner, fill.value.id)
    if not any(isinstance(one, ast.Call | ast.Await | ast.Subscript | ast.BinOp) for one in made):
        return False
    looked = any(
        (isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.In | ast.NotIn) and dotted(n.comparators[0]) == name)
        or (isinstance(n, ast.Call) and dotted(n.func) == f"{name}.get") for n in ast.walk(owner)
    )  # fmt: skip
    tried = any(
        isinstance(n, ast.Try) and any(
            isinstance(m, ast.Subscript) and dotted(m.value) == name and isinstance(m.ctx, ast.Load)
            for part in n.body for m in ast.walk(part)
        ) for n in ast.walk(owner)
    )  # fmt: skip
    return looked or tried
