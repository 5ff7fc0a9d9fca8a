"""What is never let go, and what stops an event loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .scopes import Fault, Function, Source, dotted

_RESOURCES = {"open", "io.open", "os.fdopen", "gzip.open", "bz2.open", "lzma.open", "tarfile.open", "zipfile.ZipFile",
              "socket.socket", "socket.create_connection", "create_connection", "sqlite3.connect", "psycopg2.connect",
              "psycopg.connect", "pymysql.connect", "smtplib.SMTP", "ftplib.FTP", "urlopen", "urllib.request.urlopen",
              "httpx.Client", "ThreadPoolExecutor", "ProcessPoolExecutor", "multiprocessing.Pool",
              "concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"}  # fmt: skip
_CLOSERS = {"close", "shutdown", "terminate", "detach", "quit", "join"}
_TASKS = {"asyncio.create_task", "asyncio.ensure_future", "asyncio.get_event_loop.create_task",
          "asyncio.get_running_loop.create_task", "loop.create_task"}  # fmt: skip
_BLOCKING = {"time.sleep", "subprocess.run", "subprocess.call", "subprocess.check_output", "subprocess.check_call",
             "urllib.request.urlopen", "requests.get", "requests.post", "requests.put", "requests.delete",
             "requests.patch", "requests.request", "requests.head", "httpx.get", "httpx.post",
             "os.system", "socket.create_connection"}  # fmt: skip


def faults(source: Source) -> Iterator[Fault]:
    """Calls that block an event loop, and resources that are opened and never let go."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            owner = source.function(node)
            if name in _BLOCKING and isinstance(owner, ast.AsyncFunctionDef) and not _deferred(source, node):
                yield source.fault("performance/blocking-in-async", node, None, name=name)
            if name in _RESOURCES and owner is not None and not isinstance(node.func, ast.Call):
                yield from _unclosed(source, node, owner, name)
            if name in _TASKS and _dropped(source, node, owner):
                yield source.fault("performance/task-dropped", node, None, name=name)
        elif isinstance(node, ast.FunctionDef) and isinstance(source.parents[node], ast.ClassDef):
            yield from _cached_method(source, node)


def _dropped(source: Source, node: ast.Call, owner: Function | None) -> bool:
    """A task that no name keeps, or only a local one that is never read."""
    above = source.parents[node]
    if isinstance(above, ast.Expr):
        return True
    if owner is None or not isinstance(above, ast.Assign) or len(above.targets) != 1:
        return False
    kept = above.targets[0]
    if not isinstance(kept, ast.Name):
        return False
    return not any(
        (isinstance(n, ast.Name) and n.id == kept.id and isinstance(n.ctx, ast.Load))
        or (isinstance(n, ast.Global | ast.Nonlocal) and kept.id in n.names) for n in ast.walk(owner)
    )  # fmt: skip


def _deferred(source: Source, node: ast.AST) -> bool:
    """In a lambda, which runs elsewhere."""
    at = source.parents.get(node)
    while at is not None and not isinstance(at, Function):
        if isinstance(at, ast.Lambda):
            return True
        at = source.parents.get(at)
    return False


def _unclosed(source: Source, call: ast.Call, owner: Function, name: str) -> Iterator[Fault]:
    above = source.parents[call]
    # The chain `open(p).read()` keeps nobody who could close the file
    if isinstance(above, ast.Attribute) and name == "open":
        yield source.fault("performance/file-left-to-collector", call, None, name=name)
        return
    if not isinstance(above, ast.Assign) or len(above.targets) != 1 or not isinstance(above.targets[0], ast.Name):
        return
    held = above.targets[0].id
    closers: list[ast.Attribute] = []
    for node in ast.walk(owner):
        if not (isinstance(node, ast.Name) and node.id == held and isinstance(node.ctx, ast.Load)):
            continue
        user = source.parents[node]
        # Handed over, returned or kept elsewhere: somebody else closes it; only `held.method` and loops keep it here
        if isinstance(user, ast.Attribute):
            if user.attr in _CLOSERS or user.attr == "__exit__":
                closers.append(user)
        elif not (isinstance(user, ast.For) and user.iter is node):
            return
    if any(isinstance(n, ast.Global | ast.Nonlocal) and held in n.names for n in ast.walk(owner)):
        return
    if not closers or _left_early(source, call, owner, held, closers):
        yield source.fault("performance/resource-not-closed", call, None, name=name)


def _left_early(source: Source, call: ast.Call, owner: Function, held: str, closers: list[ast.Attribute]) -> bool:
    """Whether a return between the opening and the first close skips that close for certain."""
    first = min(one.lineno for one in closers)
    if any(_guarded(source, one) for one in closers):
        return False
    for node in ast.walk(owner):
        if isinstance(node, ast.Return) and call.lineno < node.lineno < first and source.function(node) is owner:
            at = source.parents.get(node)
            # `if held is None: return` has nothing to close
            if isinstance(at, ast.If) and not any(isinstance(n, ast.Name) and n.id == held for n in ast.walk(at.test)):
                return True
    return False


def _guarded(source: Source, node: ast.AST) -> bool:
    """In a try statement, a with statement or a function of its own: whether it runs is not seen from line numbers."""
    at = source.parents.get(node)
    while at is not None and not isinstance(at, Function):
        if isinstance(at, ast.Try | ast.With | ast.AsyncWith | ast.Lambda):
            return True
        at = source.parents.get(at)
    return False


def _cached_method(source: Source, node: ast.FunctionDef) -> Iterator[Fault]:
    if not node.args.args or node.args.args[0].arg != "self":
        return
    for one in node.decorator_list:
        name = dotted(one).split(".")[-1]
        unbounded = name == "cache" or (name == "lru_cache" and isinstance(one, ast.Call) and any(
            isinstance(v, ast.Constant) and v.value is None
            for v in [*one.args, *(k.value for k in one.keywords if k.arg == "maxsize")]
        ))  # fmt: skip
        if unbounded and dotted(one) in {"cache", "lru_cache", "functools.cache", "functools.lru_cache"}:
            fault = source.fault("performance/cached-method", node, None, name=node.name)
            lines = frozenset({node.lineno, one.lineno})
            yield Fault(fault.rule, one.lineno, one.lineno, lines, fault.where, fault.values)
