"""JavaScript, TypeScript and Go: dangerous calls whose argument is not constant, by their syntax trees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .fault import Fault

_SQL = re.compile(r"\b(select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from)\b", re.IGNORECASE | re.DOTALL)
_HTML = {"innerHTML", "outerHTML"}
_QUERY = {
    "query",
    "execute",
    "raw",
    "exec",
    "Query",
    "QueryRow",
    "Exec",
    "QueryContext",
    "ExecContext",
    "QueryRowContext",
}


def faults_of(language: str, text: str) -> Iterator[Fault]:
    """Faults of a Go, JavaScript or TypeScript text; none where it cannot be parsed."""
    from reference.agents.syntax import tree

    parsed = tree(language, text.encode("utf-8", "surrogatepass"))
    if parsed is None:
        return
    check = _go if language == "go" else _javascript
    stack = [parsed.root_node]
    while stack:
        node = stack.pop()
        yield from check(node)
        stack.extend(node.named_children)


def _javascript(node: Any) -> Iterator[Fault]:
    if node.type == "assignment_expression":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        into_html = left.type == "member_expression" and _text(left).rsplit(".", 1)[-1] in _HTML
        cleaned = any(word in _text(right).lower() for word in ("sanitize", "escape"))
        if into_html and not cleaned and not _is_constant(right):
            yield _at(node, "cross-site-scripting", f"{_text(left)[:40]} =")
    if (
        node.type == "jsx_attribute"
        and _text(node).startswith("dangerouslySetInnerHTML")
        and "sanitize" not in _text(node).lower()
    ):
        yield _at(node, "cross-site-scripting", "dangerouslySetInnerHTML")
    if node.type in ("call_expression", "new_expression"):
        called = _text(node.child_by_field_name("function") or node.child_by_field_name("constructor"))
        first = _first(node)
        if first is None or _is_constant(first):
            return
        last = called.rsplit(".", 1)[-1]
        if called in ("eval", "Function", "window.eval"):
            yield _at(node, "dynamic-code", f"{called}()")
        elif called in ("document.write", "document.writeln") or last == "insertAdjacentHTML":
            yield _at(node, "cross-site-scripting", f"{called}()")
        elif (
            last in ("exec", "execSync")
            and ("child_process" in called or called in ("exec", "execSync"))
            and _is_built(first)
        ):
            yield _at(node, "shell-command", f"{called}()")
        elif last in _QUERY and _is_built(first) and _SQL.search(_text(first)):
            yield _at(node, "sql-built", f"{called[-40:]}()")
    if node.type == "pair":
        key, value = (_text(node.child_by_field_name(name)).strip("'\"") for name in ("key", "value"))
        if (key, value) == ("rejectUnauthorized", "false"):
            yield _at(node, "tls-unchecked", "rejectUnauthorized: false")


def _go(node: Any) -> Iterator[Fault]:
    if node.type == "keyed_element" and re.match(r"InsecureSkipVerify\s*:\s*true\b", _text(node)):
        yield _at(node, "tls-unchecked", "InsecureSkipVerify: true")
    if node.type != "call_expression":
        return
    called = _text(node.child_by_field_name("function"))
    arguments = node.child_by_field_name("arguments")
    given = list(arguments.named_children) if arguments is not None else []
    last = called.rsplit(".", 1)[-1]
    if last in _QUERY and "." in called:
        for one in given[:2]:
            if _is_built(one) and _SQL.search(_text(one)):
                yield _at(node, "sql-built", f"{called[-40:]}()")
                break
    if called in ("exec.Command", "exec.CommandContext"):
        texts = [_text(one) for one in given]
        shell = any(one.strip('"`') in ("sh", "bash", "/bin/sh", "/bin/bash") for one in texts[:2]) and '"-c"' in texts
        if shell and not _is_constant(given[-1]):
            yield _at(node, "shell-command", f"{called}()")
    if called in ("md5.Sum", "sha1.Sum", "md5.New", "sha1.New") and re.search(
        r"passw|secret", _text(node), re.IGNORECASE
    ):
        yield _at(node, "weak-hash", f"{called}()")


def _at(node: Any, rule: str, sink: str) -> Fault:
    return Fault(rule, node.start_point[0] + 1, node.end_point[0] + 1, {"sink": sink}, "tree-sitter", 0.7)


def _text(node: Any) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text else ""


def _first(node: Any) -> Any:
    arguments = node.child_by_field_name("arguments")
    return arguments.named_children[0] if arguments is not None and arguments.named_children else None


def _is_constant(node: Any) -> bool:
    if node is None:
        return True
    if node.type == "template_string":
        return not any(child.type == "template_substitution" for child in node.named_children)
    if node.type == "binary_expression":
        return all(_is_constant(child) for child in node.named_children)
    return node.type in (
        "string",
        "number",
        "null",
        "undefined",
        "true",
        "false",
        "interpreted_string_literal",
        "raw_string_literal",
    )


def _is_built(node: Any) -> bool:
    """A template with substitutions, a sum with a text in it, or fmt.Sprintf."""
    if node.type == "template_string":
        return not _is_constant(node)
    if node.type == "binary_expression":
        return ("'" in _text(node) or '"' in _text(node)) and not _is_constant(node)
    return node.type == "call_expression" and _text(node.child_by_field_name("function")) == "fmt.Sprintf"
