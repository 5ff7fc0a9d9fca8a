"""The same faults in JavaScript, TypeScript and Go, from their syntax trees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .scopes import Fault

_SCRIPT_LOOPS = {"for_statement", "for_in_statement"}
_STEPS = {"forEach", "map", "filter", "reduce", "some", "every", "find", "flatMap"}
_SCANS = {"includes", "indexOf", "find", "findIndex"}
_ASKS = {"findOne", "findById", "findUnique", "findFirst", "findByPk", "query", "save", "execute", "queryRow"}
_CLIENTS = {"fetch", "axios", "got", "ky"}
_GO_ASKS = {"Query", "QueryRow", "QueryContext", "QueryRowContext", "Exec", "ExecContext"}
_GO_HTTP = {"http.Get", "http.Post", "http.Head", "http.PostForm"}
_SCRIPT_FUNCTIONS = {"function_declaration", "function_expression", "arrow_function", "method_definition",
                     "generator_function_declaration"}  # fmt: skip
_GO_FUNCTIONS = {"function_declaration", "method_declaration", "func_literal"}
_CLEANUPS = {"setInterval": "clearInterval", "addEventListener": "removeEventListener", "subscribe": "unsubscribe"}


def faults(language: str, text: str) -> list[Fault] | None:
    """None for a text without a grammar here. Lines count from 1."""
    from reference.agents.syntax import tree

    parsed = tree(language, text.encode("utf-8", "replace"))
    if parsed is None:
        return None
    read = _go if language == "go" else _script
    found = []
    stack: list[Any] = [parsed.root_node]
    while stack:
        node = stack.pop()
        found += list(read(node))
        stack += node.named_children
    return found


def _text(node: Any) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def _words(node: Any) -> set[str]:
    return set(re.findall(r"[A-Za-z_$][\w$]*", _text(node)))


def _fault(rule: str, node: Any, loop: Any, functions: set[str], name: str) -> Fault:
    line = node.start_point[0] + 1
    lines = {line} | ({loop.start_point[0] + 1} if loop is not None else set())
    at = node.parent
    while at is not None and not (at.type in functions and at.child_by_field_name("name") is not None):
        at = at.parent
    where = _text(at.child_by_field_name("name")) if at is not None else ""
    return Fault(f"performance/{rule}", line, line, frozenset(lines), where, {"name": name[:80]})


def _script_loop(node: Any, callbacks: bool) -> tuple[Any, set[str]] | None:
    """The loop around `node` and the names of its item; `callbacks`: those of forEach and the like count too."""
    child, at = node, node.parent
    while at is not None:
        if at.type in _SCRIPT_LOOPS and child == at.child_by_field_name("body"):
            head = at.child_by_field_name("left") or at.child_by_field_name("initializer")
            right = at.child_by_field_name("right")
            if right is not None and right.type == "array":
                return None
            return at, _words(head) | _declared(at)
        if at.type in _SCRIPT_FUNCTIONS:
            call = at.parent.parent if at.parent is not None and at.parent.type == "arguments" else None
            callee = call.child_by_field_name("function") if call is not None else None
            step = _text(callee.child_by_field_name("property")) if callee is not None else ""
            if not callbacks or step not in _STEPS:
                return None
            heads = at.child_by_field_name("parameters") or at.child_by_field_name("parameter")
            return call, _words(heads) | _declared(at)
        child, at = at, at.parent
    return None


def _declared(scope: Any) -> set[str]:
    """Names that a step makes for itself."""
    found: set[str] = set()
    stack = [scope.child_by_field_name("body")]
    while stack:
        node = stack.pop()
        if node is None:
            continue
        if node.type in {"variable_declarator", "short_var_declaration"}:
            found |= _words(node.child_by_field_name("name") or node.child_by_field_name("left"))
        stack += node.named_children
    return found


def _script(node: Any) -> Iterator[Fault]:
    if node.type == "await_expression" and node.named_child_count:
        yield from _awaited(node)
    elif node.type == "call_expression":
        callee = node.child_by_field_name("function")
        method = _text(callee.child_by_field_name("property")) if callee.type == "member_expression" else ""
        if method in _SCANS:
            yield from _scan(node, callee, method)
        elif _text(callee).split(".")[-1] == "useEffect":
            yield from _effect(node)
        elif method == "reduce":
            yield from _reduced(node)
    elif node.type == "spread_element":
        yield from _spread(node)


def _awaited(node: Any) -> Iterator[Fault]:
    around = _script_loop(node, callbacks=False)
    call = node.named_children[0]
    if around is None or call.type != "call_expression":
        return
    loop, items = around
    if loop.type == "for_statement" and re.search(r"attempt|retry|retries|page|chunk|batch", _text(loop)[:200], re.I):
        return
    if not _words(call.child_by_field_name("arguments")) & items or re.search(
        r"chunk|batch|page", " ".join(items), re.I
    ):
        return
    if any(one.type in {"break_statement", "return_statement"} for one in _inside(loop)):
        return  # a search that stops at the first hit
    name = _text(call.child_by_field_name("function"))
    if name.split(".")[0] in _CLIENTS:
        yield _fault("request-in-loop", node, loop, _SCRIPT_FUNCTIONS, name)
    elif "." in name and name.split(".")[-1] in _ASKS:
        yield _fault("query-in-loop", node, loop, _SCRIPT_FUNCTIONS, name)


def _inside(scope: Any) -> Iterator[Any]:
    """Nodes of `scope`, without those of functions in it."""
    stack = list(scope.named_children)
    while stack:
        node = stack.pop()
        yield node
        if node.type not in _SCRIPT_FUNCTIONS | _GO_FUNCTIONS:
            stack += node.named_children


def _scan(node: Any, callee: Any, method: str) -> Iterator[Fault]:
    around = _script_loop(node, callbacks=True)
    owner = callee.child_by_field_name("object")
    if around is None or owner.type != "identifier" or _text(owner) in around[1]:
        return
    # The callee of the loop is the same call for `xs.find(...)` whose callback this is not in; a string has
    # includes and indexOf too, so only what is declared as an array here, or searched with a callback, is known
    name = _text(owner)
    arguments = node.child_by_field_name("arguments").named_children
    callback = bool(arguments) and arguments[0].type in _SCRIPT_FUNCTIONS
    if not callback and not _array(node, name):
        return
    if arguments and _words(arguments[0]) & around[1]:
        rule = "array-scan-in-loop" if _array(node, name) else "list-scan"
        yield _fault(rule, node, around[0], _SCRIPT_FUNCTIONS, f"{name}.{method}")


def _array(node: Any, name: str) -> bool:
    """Whether `name` is made as an array of unknown length in a scope around `node`."""
    at = node.parent
    while at is not None:
        for one in at.named_children:
            if one.type not in {"lexical_declaration", "variable_declaration"}:
                continue
            for made in one.named_children:
                if _text(made.child_by_field_name("name")) == name:
                    value = made.child_by_field_name("value")
                    if value is None:
                        return False
                    spread = value.type == "array" and any(c.type == "spread_element" for c in value.named_children)
                    empty = value.type == "array" and not value.named_child_count
                    made_by = re.search(
                        r"\.(map|filter|flatMap|from|keys|values|entries)\([^;]*\)\Z", _text(value), re.S
                    )
                    return spread or empty or made_by is not None
        at = at.parent
    return False


def _spread(node: Any) -> Iterator[Fault]:
    """`all = [...all, x]` and `all = {...all, k: x}` in a loop."""
    held = node.parent
    target = held.parent
    if target is None or target.type != "assignment_expression" or target.child_by_field_name("right") != held:
        return
    name = _text(target.child_by_field_name("left"))
    around = _script_loop(target, callbacks=True)
    if around is not None and _text(node)[3:] == name and name not in _declared(around[0]):
        yield _fault("copied-each-step", node, around[0], _SCRIPT_FUNCTIONS, name)


def _reduced(node: Any) -> Iterator[Fault]:
    """A reducer that answers with a spread copy of its accumulator."""
    arguments = node.child_by_field_name("arguments").named_children
    if len(arguments) < 2 or arguments[0].type != "arrow_function" or arguments[1].type not in {"array", "object"}:
        return
    parameters = arguments[0].child_by_field_name("parameters")
    first = _text(parameters.named_children[0]) if parameters is not None and parameters.named_child_count else ""
    body = arguments[0].child_by_field_name("body")
    answers = [body] if body.type != "statement_block" else [n for n in _inside(body) if n.type == "return_statement"]
    for answer in answers:
        whole = answer
        while whole.type in {"parenthesized_expression", "return_statement"} and whole.named_child_count:
            whole = whole.named_children[0]
        if whole.type in {"object", "array"}:
            for part in whole.named_children:
                if part.type == "spread_element" and first and _text(part)[3:] == first.split(":")[0]:
                    yield _fault("copied-each-step", part, node, _SCRIPT_FUNCTIONS, first)
                    return


def _effect(node: Any) -> Iterator[Fault]:
    """An effect that starts a timer or a listener and answers with no clean-up."""
    arguments = node.child_by_field_name("arguments").named_children
    body = arguments[0].child_by_field_name("body") if arguments and arguments[0].type in _SCRIPT_FUNCTIONS else None
    if body is None or body.type != "statement_block" or any(one.type == "return_statement" for one in _inside(body)):
        return
    for one in _inside(body):
        if one.type != "call_expression":
            continue
        name = _text(one.child_by_field_name("function")).split(".")[-1]
        options = _text(one.child_by_field_name("arguments"))
        if (
            name in _CLEANUPS
            and _CLEANUPS[name] not in _text(body)
            and "once:" not in options
            and "signal" not in options
        ):
            yield _fault("effect-without-cleanup", one, node, _SCRIPT_FUNCTIONS, name)


def _go_loop(node: Any) -> Any:
    """The innermost loop over a collection around `node`, within its function."""
    at = node.parent
    while at is not None and at.type not in _GO_FUNCTIONS:
        if at.type == "for_statement":
            return at
        at = at.parent
    return None


def _ranges(loop: Any) -> Any:
    return next((one for one in loop.named_children if one.type == "range_clause"), None)


def _go(node: Any) -> Iterator[Fault]:
    if node.type not in {"call_expression", "defer_statement", "assignment_statement", "go_statement"}:
        return
    loop = _go_loop(node)
    if loop is None:
        return
    ranges = _ranges(loop)
    if node.type == "defer_statement":
        text = _text(node)
        if ranges is not None and re.search(r"\.(Close|Unlock|RUnlock|Rollback)\(\)\Z", text):
            yield _fault("defer-in-loop", node, loop, _GO_FUNCTIONS, text.removeprefix("defer ")[:60])
    elif ranges is None:
        return
    elif node.type == "call_expression":
        yield from _go_call(node, loop, ranges)
    elif node.type == "go_statement":
        if not re.search(r"<-|Acquire|SetLimit|\.Wait\(", _text(loop)):
            yield _fault("unbounded-goroutines", node, loop, _GO_FUNCTIONS, "go")
    elif node.named_child_count == 2 and "+=" in _text(node):
        left, right = node.named_children
        if re.search(r'["`]', _text(right)) and re.fullmatch(r"\w+", _text(left)):
            yield _fault("string-concatenation", node, loop, _GO_FUNCTIONS, _text(left))


def _go_call(node: Any, loop: Any, ranges: Any) -> Iterator[Fault]:
    name = _text(node.child_by_field_name("function"))
    items = _words(ranges.child_by_field_name("left")) | _declared(loop)
    arguments = node.child_by_field_name("arguments")
    if not _words(arguments) & (items - {"_", "err"}) or re.search(r"chunk|batch|page", " ".join(items), re.I):
        return
    owner, _, method = name.rpartition(".")
    if method in _GO_ASKS and re.search(r"(db|tx|conn|pool|stmt|store)\Z", owner, re.I):
        yield _fault("query-in-loop", node, loop, _GO_FUNCTIONS, name)
    elif name in _GO_HTTP:
        yield _fault("request-in-loop", node, loop, _GO_FUNCTIONS, name)
