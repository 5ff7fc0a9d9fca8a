"""The source read as syntax: where a server is bound, and where data is loaded that can run code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from workbook.doctor.model import Check
from workbook.doctor.security_data import split
from workbook.doctor.security_servers import is_loopback

ROOMS = ("reference", "workbook", "exercises", "notebooks", "benchmarks", "scripts")
# Modules whose functions run what they read.
CODE_LOADERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
SAFE_NAMES = {"pickle.PicklingError", "pickle.PickleError", "pickle.UnpicklingError", "pickle.dumps", "pickle.dump"}
SERVERS = {"HTTPServer", "ThreadingHTTPServer", "TCPServer", "ThreadingTCPServer", "UDPServer", "WSGIServer"}
HOST_FLAGS = {"--host", "--bind", "--ip", "--listen", "--uds"}
Hit = tuple[str, str, int]


def sources(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """(path from the root, syntax) of every module of the project."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def names_of(tree: ast.Module) -> dict[str, str]:
    """What a name of a module stands for: `from torch import load as l` gives l -> torch.load."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package = alias.name.split(".")[0]
                found[alias.asname or package] = alias.name if alias.asname else package
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """Full name of what is called; an attribute of something else than a name begins with a dot."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return ""


def unsafe_loads(path: str, tree: ast.Module) -> Iterator[Hit]:
    """Calls that can run code which lies in data."""
    names = names_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (what := _unsafe(node, dotted(node.func, names))):
            yield path, what, node.lineno


def _unsafe(node: ast.Call, name: str) -> str:
    keywords = {one.arg: one.value for one in node.keywords}

    def given(keyword: str) -> object:
        value = keywords.get(keyword)
        return value.value if isinstance(value, ast.Constant) else value

    module, _, last = name.rpartition(".")
    if name in ("eval", "exec", "builtins.eval", "builtins.exec"):
        return last or name
    if module.split(".")[0] in CODE_LOADERS and name not in SAFE_NAMES:
        return name
    if name in ("torch.load", "torch.jit.load") and given("weights_only") is not True:
        return name
    if name in ("numpy.load", "numpy.lib.npyio.load") and given("allow_pickle") not in (None, False):
        return "numpy.load(allow_pickle)"
    if name == "pandas.read_pickle" or last == "read_pickle":
        return "read_pickle"
    if name in ("yaml.load", "yaml.load_all"):
        loader = keywords.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
        return "" if loader is not None and "Safe" in ast.unparse(loader) else name
    if name in ("yaml.unsafe_load", "yaml.full_load", "yaml.unsafe_load_all", "yaml.full_load_all"):
        return name
    if last == "from_pretrained" and given("trust_remote_code") not in (None, False):
        return "trust_remote_code"
    return ""


def bound_hosts(path: str, tree: ast.Module) -> Iterator[Hit]:
    """Places that say where a server listens, with the host: a literal, or the source text of what it is."""
    names = names_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from ((path, _said(host), node.lineno) for host in _hosts_of_call(node, dotted(node.func, names)))
        elif isinstance(node, ast.List | ast.Tuple):
            for flag, value in zip(node.elts, node.elts[1:], strict=False):
                if isinstance(flag, ast.Constant) and flag.value in HOST_FLAGS:
                    yield path, _said(value), value.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            option, equals, said = node.value.partition("=")
            if equals and option.startswith("--") and option.rpartition(".")[2].strip("-") in ("ip", "host", "bind"):
                yield path, said, node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "host":
            if node.value is not None:
                yield path, _said(node.value), node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((path, _said(default), default.lineno) for default in _host_defaults(node.args))


def _hosts_of_call(node: ast.Call, name: str) -> Iterator[ast.expr]:
    last = name.rpartition(".")[2]
    first = node.args[0] if node.args else None
    if (last == "bind" or last in SERVERS or name == "socket.create_server") and isinstance(first, ast.Tuple):
        yield first.elts[0]
    elif name in ("asyncio.start_server", "loop.create_server") and len(node.args) > 1:
        yield node.args[1]
    elif name in ("uvicorn.run", "uvicorn.Config") or last in ("serve_forever", "start_server", "run_app"):
        yield from (one.value for one in node.keywords if one.arg == "host")
    elif last == "listening_socket" and first is not None:
        yield first


def _host_defaults(args: ast.arguments) -> Iterator[ast.expr]:
    plain = args.posonlyargs + args.args
    for one, default in zip(plain[len(plain) - len(args.defaults) :], args.defaults, strict=True):
        if one.arg == "host":
            yield default
    for one, given in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if one.arg == "host" and given is not None:
            yield given


def _said(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


def loading(root: Path | None = None) -> list[Check]:
    """No module of the project loads data that can run code, except where `security.toml` says why."""
    hits = [hit for path, tree in sources(root or _root()) for hit in unsafe_loads(path, tree)]
    return [_finding("loading", "unsafe_loading", hits, "calls that can run code from data", "load it as data")]


def binds(root: Path | None = None) -> list[Check]:
    """Every server that the project can start is bound to loopback by default; the others are in `security.toml`."""
    hits = [hit for path, tree in sources(root or _root()) for hit in bound_hosts(path, tree)]
    if not hits:
        return [Check("binds", "not checked", "no place that binds a server was found", "look at security_code.py")]
    beyond = [hit for hit in hits if not is_loopback(hit[1])]
    found = _finding("binds", "binds", beyond, "places that bind a server elsewhere than loopback", "bind 127.0.0.1")
    if found.status == "ok":
        found = Check("binds", "ok", f"{len(hits) - len(beyond)} places bind loopback; {found.found}")
    return [found]


def _finding(name: str, table: str, hits: list[Hit], what: str, mend: str) -> Check:
    left, unused = split(table, hits)
    if left:
        shown = "; ".join(f"{path}:{line} {said}" for path, said, line in left[:5])
        return Check(name, "fail", f"{len(left)} {what}: {shown}", f"{mend}, or give the reason in security.toml")
    if unused:
        shown = ", ".join(f"{one.where} {one.what}" for one in unused)
        return Check(name, "warn", f"security.toml allows what is gone: {shown}", "remove the entries")
    return Check(name, "ok", f"{len(hits)} {what}, each with its reason")


def _root() -> Path:
    from workbook.paths import project_root

    return project_root()
