"""N+1: a query, a request or a lazy relationship for every item of a collection."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from .scopes import Comprehension, Fault, Function, Loop, Source, bounded, dotted, names

_SESSIONS = {"session", "db_session", "async_session", "dbsession"}
_CURSORS = _SESSIONS | {"cursor", "cur", "conn", "connection", "db", "database"}
_STORES = ("session", "db", "conn", "connection", "cursor", "repo", "repository", "dao", "store", "database", "client")
_LOOKUPS = ("get_by_", "find_", "fetch_", "load_", "query_", "select_", "retrieve_")
_WRITES = {"save", "delete", "refresh_from_db"}
_RESULTS = {"all", "filter", "exclude", "iterator", "order_by", "select_related", "prefetch_related", "scalars"}
_MAKERS = {"Session": "session", "sessionmaker": "session", "cursor": "cursor", "connect": "connection",
           "acquire": "connection", "begin": "connection", "get_connection": "connection", "get_db": "db"}  # fmt: skip
_TYPES = {"Session": "session", "AsyncSession": "session", "Connection": "connection", "Cursor": "cursor",
          "AsyncConnection": "connection", "Database": "db"}  # fmt: skip
_CLIENTS = {"requests.Session", "requests.session", "httpx.Client"}
_HTTP = {"get", "post", "put", "patch", "delete", "head", "request"}
_DDL = ("create", "alter", "drop", "pragma", "begin", "set ", "commit", "savepoint")
_EAGER = ("select_related", "prefetch_related", "joinedload", "selectinload", "subqueryload", "options", "values")
_PLAIN = {"value", "year", "month", "day", "hour", "minute", "days", "seconds", "url", "path", "size"}
_MANAGER = {"all", "count", "first", "filter", "exists"}
Helper = Callable[[str], bool]


def query(call: ast.Call, owner: str = "") -> str:
    """What the call asks for ("query", "request"); "" for neither. `owner`: what its receiver is, if not its name."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    name, method = dotted(call.func), call.func.attr
    owner = owner or dotted(call.func.value).split(".")[-1]
    first = call.args[0] if call.args else None
    if ".objects." in f"{name}." and method != "objects":
        return "query"
    if owner in {"requests", "httpx"} and method in _HTTP:
        return "request"
    if owner in _SESSIONS and method in {"query", "scalar", "scalars"}:
        return "query"
    if owner in _SESSIONS and method == "get" and isinstance(first, ast.Name) and first.id[:1].isupper():
        return "query"
    if owner in _CURSORS and method in {"execute", "fetch", "fetchrow", "fetchval", "fetch_one", "fetch_all"}:
        text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
        return "" if text.strip().lower().startswith(_DDL) else "query"
    if method in {"find_one", "get_by_id", "get_or_none"}:
        return "query"
    if method.startswith(_LOOKUPS) and owner.lower().strip("_").endswith(_STORES) and (call.args or call.keywords):
        return "query"
    if "redis" in owner.lower() and method in {"get", "set", "hget", "hgetall", "exists", "smembers"}:
        return "query"
    if owner[:1].isupper() and method == "get" and isinstance(first, ast.Compare):
        return "query"
    return ""


def faults(source: Source, helper: Helper) -> Iterator[Fault]:
    """`helper`: whether the function of that name, here or imported, asks the database once per call."""
    seen: set[ast.AST] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and not _inner(source, node):
            yield from _in_loop(source, node, helper)
        elif isinstance(node, ast.For | ast.AsyncFor):
            yield from _lazy(source, node, node.target, node.iter, node.body, seen)
        elif isinstance(node, Comprehension):
            first = node.generators[0]
            body: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            yield from _lazy(source, node, first.target, first.iter, body, seen)


def _inner(source: Source, call: ast.Call) -> bool:
    """A link of a longer chain, as `filter` in `X.objects.filter().first()`: the whole chain is one fault."""
    above = source.parents.get(call)
    return isinstance(above, ast.Attribute) and isinstance(source.parents.get(above), ast.Call)


def _in_loop(source: Source, call: ast.Call, helper: Helper) -> Iterator[Fault]:
    loop = next((one for one in source.loops(call) if not bounded(one)), None)
    if loop is None or _ends_early(loop) or not names(call) & source.stored(loop):
        return
    above = source.parents.get(call)
    if isinstance(above, ast.Attribute) and above.attr in {"rowcount", "lastrowid"}:
        return  # what became of each row is asked for, which executemany does not say
    kind = _asked(source, call) or _write(source, call, loop)
    inner: ast.AST = call
    while not kind and isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
        inner = inner.func.value
        kind = _asked(source, inner) if isinstance(inner, ast.Call) else ""
    if kind and not (len(call.args) == 1 and isinstance(call.args[0], ast.Name) and _is_target(loop, call.args[0].id)
                     and kind == "query" and dotted(call.func).endswith("execute")):  # fmt: skip
        yield source.fault(f"performance/{kind}-in-loop", call, loop, name=dotted(call.func))
    elif not kind:
        name = dotted(call.func)
        local = name.removeprefix("self.").removeprefix("cls.")
        if name and "." not in local and helper(local):
            yield source.fault("performance/query-in-loop", call, loop, name=name)


def _asked(source: Source, call: ast.Call) -> str:
    """As `query`, with a receiver under any name known by what it was made of or annotated with."""
    if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
        return query(call)
    return query(call) or query(call, _made(source, call, call.func.value.id) or "-")


def _made(source: Source, node: ast.AST, name: str) -> str:
    """What the local `name` is: "session", "cursor", "connection", "requests"; "" for anything else."""
    function = source.function(node)
    scope = function or source.tree
    made = [*source.assigned(scope, name), *source.entered(scope, name)]
    kinds = set()
    for value in made:
        inner = value.value if isinstance(value, ast.Await) else value
        path = dotted(inner.func) if isinstance(inner, ast.Call) else ""
        kinds.add("requests" if path in _CLIENTS else _MAKERS.get(path.split(".")[-1], ""))
    if function is not None and not made:
        for arg in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]:
            if arg.arg == name and arg.annotation is not None:
                path = dotted(arg.annotation)
                kinds.add("requests" if path in _CLIENTS else _TYPES.get(path.split(".")[-1], ""))
    return kinds.pop() if len(kinds) == 1 else ""


def _write(source: Source, call: ast.Call, loop: Loop) -> str:
    """`row.save()` for every row of a query's result."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _WRITES or call.args:
        return ""
    if not isinstance(call.func.value, ast.Name) or not isinstance(loop, ast.For | ast.AsyncFor):
        return ""
    if not _is_target(loop, call.func.value.id):
        return ""
    options = [loop.iter]
    if isinstance(loop.iter, ast.Name):
        options = source.assigned(source.function(loop) or source.tree, loop.iter.id)
    return "query" if any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
        and (one.func.attr in _RESULTS or ".objects." in f"{dotted(one.func)}.") for one in options
    ) else ""  # fmt: skip


def _is_target(loop: Loop, name: str) -> bool:
    return isinstance(loop, ast.For | ast.AsyncFor) and isinstance(loop.target, ast.Name) and loop.target.id == name


def _ends_early(loop: Loop) -> bool:
    """A search that stops at the first hit, not a walk over all items."""
    if not isinstance(loop, ast.For | ast.AsyncFor):
        return False
    body = list(loop.body)
    for one in loop.body:
        body += one.body if isinstance(one, ast.Try) else []
    return any(isinstance(one, ast.Return | ast.Break) for one in body)


def asks(function: Function) -> bool:
    """Whether a call of the function makes a query outside any loop of its own."""
    return any(isinstance(node, ast.Call) and query(node) for node in ast.walk(function))


def _lazy(
    source: Source, loop: Loop, target: ast.expr, iterable: ast.expr, body: list[ast.AST] | list[ast.stmt],
    seen: set[ast.AST],
) -> Iterator[Fault]:  # fmt: skip
    if not isinstance(target, ast.Name) or not _rows(source, loop, iterable):
        return
    for node in (inner for part in body for inner in ast.walk(part)):
        if not isinstance(node, ast.Attribute) or node in seen or not isinstance(node.value, ast.Attribute):
            continue
        if not isinstance(node.value.value, ast.Name) or node.value.value.id != target.id or node.attr in _PLAIN:
            continue
        above = source.parents.get(node)
        if isinstance(above, ast.Call) and above.func is node and node.attr not in _MANAGER:
            continue
        seen.add(node)
        yield source.fault("performance/lazy-load-in-loop", node, loop, name=dotted(node.value))
        return


def _rows(source: Source, loop: Loop, iterable: ast.expr) -> bool:
    """Whether `iterable` is a query's result without eager loading."""
    options = [iterable]
    if isinstance(iterable, ast.Name):
        options = source.assigned(source.function(loop) or source.tree, iterable.id)
    for one in options:
        chain = ast.unparse(one)
        if any(word in chain for word in _EAGER):
            return False
        if isinstance(one, ast.Call) and (".objects." in chain or ".session.query(" in f".{chain}"):
            return True
    return False
