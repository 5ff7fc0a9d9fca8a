"""Which names of one function hold data of a request, and which texts are put together from values.

Within one function, in the order of its lines, without branches: small, and honest about it. A value that goes through
int(), float(), bool() or uuid.UUID() is harmless for every sink here; one that goes through a function whose name says
escape, quote or sanitise is taken as harmless too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Def = ast.FunctionDef | ast.AsyncFunctionDef

_REQUEST_PARTS = {
    "args", "form", "values", "json", "data", "files", "cookies", "headers", "query_params", "path_params", "GET",
    "POST", "query_string", "FILES", "COOKIES", "META", "get_json", "get_data", "body", "match_info", "rel_url",
    "query",
}  # fmt: skip
_REQUEST_NAMES = {"request", "req", "self.request"}
_HARMLESS = {"int", "float", "bool", "len", "UUID", "uuid.UUID", "hash", "isinstance", "ord"}
_CLEANING = ("escape", "quote", "sanitiz", "sanitis", "clean", "validate", "safe_join", "secure_filename", "bleach")
_ROUTES = {"route", "get", "post", "put", "delete", "patch", "api_view", "websocket", "head", "options", "view_config"}


def name_of(node: ast.AST) -> str:
    """Dotted name of an expression such as `request.args.get`, without the calls in between; empty if it has none."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            return ".".join(reversed(parts))
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript | ast.Await):
            node = node.value
        else:
            return ".".join(reversed(parts))


def is_route(function: Def) -> bool:
    """Decorated as a handler of requests: @app.route, @router.get("/x"), ..."""
    for decorator in function.decorator_list:
        name = name_of(decorator)
        if "." in name and name.rsplit(".", 1)[1] in _ROUTES and isinstance(decorator, ast.Call):
            return True
    return False


def is_request_data(node: ast.AST) -> bool:
    """`request.args[...]`, `self.request.GET.get(...)`, `input()`, `sys.argv[1]`."""
    name = name_of(node)
    if name == "input" and isinstance(node, ast.Call):
        return True
    if name.startswith("sys.argv") and not isinstance(node, ast.Attribute):
        return True
    for request in _REQUEST_NAMES:
        if name.startswith(request + "."):
            return name[len(request) + 1 :].split(".")[0] in _REQUEST_PARTS
    return False


def statements(function: Def | ast.Module) -> Iterator[ast.stmt]:
    """Of this function alone, in the order of the lines; bodies of functions and classes inside are left out."""
    stack: list[ast.stmt] = list(reversed(function.body))
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        inside: list[ast.stmt] = []
        for part in ("body", "handlers", "orelse", "finalbody", "cases"):
            for child in getattr(node, part, []):
                inside += [child] if isinstance(child, ast.stmt) else list(getattr(child, "body", []))
        stack.extend(reversed(inside))


def expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Every expression node that belongs to this statement itself, not to statements inside it."""
    stack: list[ast.AST] = [
        child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt | ast.excepthandler)
    ]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.match_case):
            continue
        yield node
        if not isinstance(node, ast.Lambda):
            stack.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt))


class Values:
    """What is known of the names of one function while its statements are read in order."""

    def __init__(self, function: Def | ast.Module) -> None:
        self._tainted: dict[str, str] = {}
        self._built: dict[str, ast.expr] = {}
        self._plain: set[str] = set()  # numbers and constants: they change no statement
        if not isinstance(function, ast.Module) and is_route(function):
            for one in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]:
                kind = name_of(one.annotation) if one.annotation else "str"
                if one.arg not in ("self", "cls", "request", "req") and kind in ("str", "bytes", "dict", ""):
                    self._tainted[one.arg] = one.arg

    def learn(self, statement: ast.stmt) -> None:
        """Take in an assignment; others change nothing."""
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
            targets, value = [statement.target], statement.value
        elif isinstance(statement, ast.For | ast.AsyncFor):
            targets, value = [statement.target], statement.iter
        if value is None:
            return
        source = self.source(value)
        adds = isinstance(statement, ast.AugAssign)
        for target in targets:
            for node in ast.walk(target):
                if not isinstance(node, ast.Name):
                    continue
                (self._plain.discard if adds or not self._is_plain(value) else self._plain.add)(node.id)
                if source:
                    self._tainted[node.id] = source
                elif not adds:
                    self._tainted.pop(node.id, None)
                if self.is_built(value) or (adds and not isinstance(value, ast.Constant)):
                    self._built[node.id] = value
                elif not adds:
                    self._built.pop(node.id, None)

    def source(self, node: ast.AST) -> str:
        """What of a request is in the value of this expression, in words of its code; empty if nothing is."""
        stack = [node]
        while stack:
            one = stack.pop()
            if isinstance(one, ast.Call):
                called = name_of(one.func)
                last = called.rsplit(".", 1)[-1]
                if called in _HARMLESS or last in _HARMLESS or any(word in last.lower() for word in _CLEANING):
                    continue
            if is_request_data(one):
                return ast.unparse(one)[:60]
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and one.id in self._tainted:
                return self._tainted[one.id]
            if isinstance(one, ast.Compare | ast.Lambda):
                continue  # the result of a comparison is a truth value
            stack.extend(ast.iter_child_nodes(one))
        return ""

    def is_built(self, node: ast.AST) -> bool:
        """The text is put together from values: f-string, %, +, format or join with something that is not constant."""
        if isinstance(node, ast.Name):
            return node.id in self._built
        if isinstance(node, ast.JoinedStr):
            return any(isinstance(part, ast.FormattedValue) and not self._is_plain(part.value) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            return _is_text(node) and not (self._is_plain(node.left) and self._is_plain(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return any(not self._is_plain(one) for one in [*node.args, *(k.value for k in node.keywords)])
        return False

    def _is_plain(self, node: ast.AST) -> bool:
        """A constant, or a number however it was made."""
        if isinstance(node, ast.Tuple):
            return all(self._is_plain(one) for one in node.elts)
        if isinstance(node, ast.Name) and node.id in self._plain:
            return True
        return _constant(node) or (isinstance(node, ast.Call) and name_of(node.func) in _HARMLESS)

    def text(self, node: ast.AST) -> str:
        """The constant parts of a built text, in order; for looking whether it reads like SQL."""
        if isinstance(node, ast.Name) and node.id in self._built:
            node = self._built[node.id]
        return " ".join(
            one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
        )


def _constant(node: ast.AST) -> bool:
    """A constant, or a name in capitals, which by custom is one."""
    if isinstance(node, ast.Name | ast.Attribute):
        last = name_of(node).rsplit(".", 1)[-1]
        return last.isupper()
    if isinstance(node, ast.Tuple):
        return all(_constant(one) for one in node.elts)
    return isinstance(node, ast.Constant)


def _is_text(node: ast.AST) -> bool:
    """A sum or a % whose leaves hold a text constant: 1 + x is arithmetic."""
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, ast.JoinedStr) or (isinstance(one, ast.Constant) and isinstance(one.value, str)):
            return True
        if isinstance(one, ast.BinOp):
            stack += [one.left, one.right]
    return False


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def is_constant(node: ast.AST | None, value: object) -> bool:
    """Whether the node is this very constant: True, False or None."""
    return isinstance(node, ast.Constant) and node.value is value
