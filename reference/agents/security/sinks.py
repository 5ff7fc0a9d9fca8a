"""Dangerous calls of Python code: each with what makes it dangerous, and what makes it harmless."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .fault import Fault
from .taint import Def, Values, expressions, is_constant, keyword, name_of, statements

_SQL = re.compile(
    r"\b(select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from|drop\s+table|alter\s+table|where)\b",
    re.IGNORECASE | re.DOTALL,
)
_EXECUTE = {"execute", "executemany", "executescript", "raw", "text", "read_sql", "read_sql_query", "extra", "fetch",
            "fetchrow", "fetchval", "exec_driver_sql", "mogrify"}  # fmt: skip
_SHELL = {"os.system", "os.popen", "commands.getoutput", "subprocess.getoutput", "subprocess.getstatusoutput",
          "asyncio.create_subprocess_shell"}  # fmt: skip
_SUBPROCESS = {"run", "call", "check_call", "check_output", "Popen"}
_LOADS = {"pickle.load", "pickle.loads", "cPickle.loads", "cPickle.load", "dill.load", "dill.loads", "marshal.loads",
          "marshal.load", "joblib.load", "shelve.open", "jsonpickle.decode", "cloudpickle.loads", "cloudpickle.load",
          "pickle.Unpickler"}  # fmt: skip
_FETCH = {"get", "post", "put", "delete", "patch", "head", "request", "urlopen", "stream"}
_FETCHERS = ("requests", "httpx", "urllib", "aiohttp", "session", "client", "http")
_OPEN = {"open", "io.open", "os.open", "codecs.open", "send_file", "flask.send_file", "FileResponse", "os.remove",
         "os.unlink", "shutil.rmtree", "os.listdir", "aiofiles.open"}  # fmt: skip
_MARKUP = {"Markup", "mark_safe", "markupsafe.Markup", "SafeString"}
_SECRET_NAMES = re.compile(
    r"token|secret|password|passwd|otp|nonce|salt|session_id|api_key|csrf|reset_code", re.IGNORECASE
)
_SIGNATURES = re.compile(r"signature|hmac|digest|\bmac\b|csrf|_sig\b|api_key|auth_token|token\b", re.IGNORECASE)
_ACCESS = re.compile(
    r"is_admin|is_staff|is_superuser|is_authenticated|has_perm|permission|authori[sz]ed|can_\w+|owner", re.IGNORECASE
)


def faults_of(module: ast.Module) -> Iterator[Fault]:
    """Every dangerous call, in no order. Functions one by one; the module's own statements as one more."""
    functions: list[Def | ast.Module] = [module]
    functions += [one for one in ast.walk(module) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        values = Values(function)
        guarded = _checks_paths(function)
        for statement in statements(function):
            if isinstance(statement, ast.Assert):
                yield from _asserts(statement)
            for node in expressions(statement):
                if isinstance(node, ast.Call):
                    yield from _call(node, values, guarded)
                elif isinstance(node, ast.Compare):
                    yield from _compare(node)
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Return):
                yield from _predictable(statement, function)
            values.learn(statement)


def _at(node: ast.expr | ast.stmt, rule: str, confidence: float = 0.8, **values: str) -> Fault:
    return Fault(rule, node.lineno, node.end_lineno or node.lineno, values, "ast", confidence)


def _call(node: ast.Call, values: Values, guarded: bool) -> Iterator[Fault]:
    name = name_of(node.func)
    last = name.rsplit(".", 1)[-1]
    first = node.args[0] if node.args else None
    source = values.source(first) if first is not None else ""
    yield from _injections(node, name, last, first, source, values)
    if name in _LOADS or (last == "load" and name.startswith(("yaml.", "torch."))) or name == "yaml.unsafe_load":
        yield from _loads(node, name, source)
    if name in _OPEN or last in ("send_file", "FileResponse", "read_text", "read_bytes", "write_text", "unlink"):
        where = first if name in _OPEN or last in ("send_file", "FileResponse") else node.func
        told = values.source(where) if where is not None else ""
        if told and not guarded:
            yield _at(node, "path-traversal", sink=f"{last}()", source=told)
    if last in _FETCH and name.split(".")[0].lower().startswith(_FETCHERS) and not name.startswith("self.client"):
        url = node.args[1] if last == "request" and len(node.args) > 1 else first
        if url is not None and (told := _whole_url(url, values)):
            yield _at(node, "request-forgery", 0.7, sink=f"{name}()", source=told)
    if last in ("redirect", "RedirectResponse", "HttpResponseRedirect", "HTTPFound") and source and not guarded:
        yield _at(node, "open-redirect", 0.7, sink=f"{last}()", source=source)
    yield from _settings(node, name, last)


def _injections(
    node: ast.Call, name: str, last: str, first: ast.expr | None, source: str, values: Values
) -> Iterator[Fault]:
    if first is None:
        return
    if (last in _EXECUTE and "." in name) or name in ("text", "read_sql"):
        inner = (
            first.args[0]
            if isinstance(first, ast.Call) and name_of(first.func).endswith("text") and first.args
            else first
        )
        if values.is_built(inner) and _SQL.search(values.text(inner)) and not (last == "text" and "execute" in name):
            told = values.source(inner)
            if told:
                yield _at(node, "sql-injection", 0.9, sink=f"{last}()", source=told)
            else:
                yield _at(node, "sql-built", 0.6, sink=f"{last}()")
    shell = name in _SHELL or (last in _SUBPROCESS and is_constant(keyword(node, "shell"), True))
    if shell and not isinstance(first, ast.Constant | ast.List):
        if source:
            yield _at(node, "command-injection", 0.9, sink=f"{name}()", source=source)
        elif values.is_built(first):
            yield _at(node, "shell-command", sink=f"{name}()")
    if name in ("eval", "exec", "builtins.eval", "builtins.exec") and not isinstance(first, ast.Constant):
        if source:
            yield _at(node, "code-injection", 0.95, sink=f"{name}()", source=source)
        else:
            yield _at(node, "dynamic-code", 0.6, sink=f"{name}()")
    if last in ("render_template_string", "from_string") and source:
        yield _at(node, "template-injection", 0.9, sink=f"{last}()", source=source)
    if name in _MARKUP and not isinstance(first, ast.Constant) and (values.is_built(first) or source):
        yield _at(node, "cross-site-scripting", sink=f"{last}()")
    answers = last in ("HttpResponse", "HTMLResponse", "make_response", "write") and values.is_built(first)
    if answers and "<" in values.text(first) and values.source(first):
        yield _at(node, "cross-site-scripting", sink=f"{last}()")


def _loads(node: ast.Call, name: str, source: str) -> Iterator[Fault]:
    if name == "yaml.load":
        loader = keyword(node, "Loader") or (node.args[1] if len(node.args) > 1 else None)
        if loader is not None and name_of(loader).rsplit(".", 1)[-1] in ("SafeLoader", "CSafeLoader", "BaseLoader"):
            return
    if name == "torch.load" and is_constant(keyword(node, "weights_only"), True):
        return
    if source:
        yield _at(node, "request-deserialised", 0.95, sink=f"{name}()", source=source)
    else:
        yield _at(node, "unsafe-deserialisation", 0.6, sink=f"{name}()")


def _settings(node: ast.Call, name: str, last: str) -> Iterator[Fault]:
    if is_constant(keyword(node, "verify"), False) and name.split(".")[0].lower().startswith(_FETCHERS):
        yield _at(node, "tls-unchecked", 0.85, sink=f"{name}(verify=False)")
    if name.endswith(("_create_unverified_context",)):
        yield _at(node, "tls-unchecked", 0.85, sink=f"{last}()")
    if last == "decode" and "jwt" in name.lower():
        options = keyword(node, "options")
        off = options is not None and "verify_signature': False" in ast.unparse(options)
        if off or is_constant(keyword(node, "verify"), False):
            yield _at(node, "token-unchecked", 0.9, sink=f"{name}()")
    if (
        last == "run"
        and is_constant(keyword(node, "debug"), True)
        and name.split(".")[0] in ("app", "application", "server")
    ):
        yield _at(node, "debug-server", 0.85, sink=f"{name}(debug=True)")
    if last == "Environment" and name in ("Environment", "jinja2.Environment"):
        escape = keyword(node, "autoescape")
        if is_constant(escape, False) or (escape is None and name == "jinja2.Environment"):
            yield _at(node, "cross-site-scripting", 0.7, sink=f"{name}() without autoescape")
    if name == "tempfile.mktemp":
        yield _at(node, "temporary-file", 0.9, sink="tempfile.mktemp()")
    if last == "extractall":
        from_zip = "zip" in name.lower()
        if not from_zip and keyword(node, "filter") is None and keyword(node, "members") is None:
            yield _at(node, "archive-extraction", 0.7, sink=f"{name}()")
    if name in ("os.chmod", "os.fchmod") and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
        mode = node.args[1].value
        if isinstance(mode, int) and mode & 0o002:
            yield _at(node, "loose-permissions", 0.9, sink=f"{name}(0o{mode:o})")
    if last in ("XMLParser", "parse", "fromstring") and is_constant(keyword(node, "resolve_entities"), True):
        yield _at(node, "unsafe-xml", 0.9, sink=f"{name}()")


def _whole_url(url: ast.expr, values: Values) -> str:
    """Request data that decides the host: the whole address, or what stands before the first slash after it."""
    if isinstance(url, ast.JoinedStr) and url.values:
        first = url.values[0]
        if isinstance(first, ast.Constant) and re.match(r"https?://[^/{]+/", str(first.value)):
            return ""
    fixed = url.left.value if isinstance(url, ast.BinOp) and isinstance(url.left, ast.Constant) else ""
    if re.match(r"https?://[^/]+/", str(fixed)):
        return ""
    return values.source(url)


def _compare(node: ast.Compare) -> Iterator[Fault]:
    """`signature == expected`, where both sides are computed."""
    if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return
    sides = [node.left, node.comparators[0]]
    if any(isinstance(side, ast.Constant) or _length(side) for side in sides):
        return
    digest = [
        side
        for side in sides
        if isinstance(side, ast.Call) and name_of(side.func).rsplit(".", 1)[-1] in ("hexdigest", "digest")
    ]
    named = [side for side in sides if _SIGNATURES.search(name_of(side).rsplit(".", 1)[-1])]
    if digest and named and "hmac" in ast.unparse(node).lower():
        yield _at(node, "timing-compare", 0.8, what=name_of(named[0])[:40])


def _length(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) == "len"


def _asserts(node: ast.Assert) -> Iterator[Fault]:
    text = ast.unparse(node.test)
    if _ACCESS.search(text) and ("user" in text or "request" in text):
        yield _at(node, "access-by-assert", 0.8, what=text[:60])


def _predictable(node: ast.Assign | ast.AnnAssign | ast.Return, function: Def | ast.Module) -> Iterator[Fault]:
    """A value from the module random whose name, or whose function's name, says that it is secret."""
    if node.value is None:
        return
    if isinstance(node, ast.Return):
        name = "" if isinstance(function, ast.Module) else function.name
    else:
        name = name_of(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    if not _SECRET_NAMES.search(name):
        return
    for call in ast.walk(node.value):
        called = name_of(call.func) if isinstance(call, ast.Call) else ""
        if called.startswith("random.") and not called.startswith(("random.SystemRandom", "random.seed")):
            yield _at(node, "predictable-random", 0.85, sink=f"{called}()", what=name[:40])
            return


def _checks_paths(function: Def | ast.Module) -> bool:
    """Something in this function checks where a path or an address leads."""
    words = ("is_relative_to", "safe_join", "secure_filename", "commonpath", "commonprefix", "resolve", "is_safe_url",
             "url_has_allowed_host", "basename", "url_for", "netloc")  # fmt: skip
    return any(
        (isinstance(node, ast.Attribute) and node.attr in words) or (isinstance(node, ast.Name) and node.id in words)
        for node in ast.walk(function)
    )
