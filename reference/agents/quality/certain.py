"""Faults that the syntax alone proves, on added lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from reference.agents.quality.definitions import dotted, last_name, tree
from reference.agents.quality.guard import finding
from reference.agents.types import ChangedFile, Finding, Role

_MARKER = re.compile(r"(<{7}|>{7}|\|{7}) \S")
_DEBUG = {"breakpoint", "pdb.set_trace", "ipdb.set_trace", "pudb.set_trace"}
_SCRIPT_DEBUG = re.compile(r"^\s*debugger;?\s*$")


def lines(file: ChangedFile) -> Iterator[Finding]:
    """What needs no syntax: conflict markers (both kinds in one file), `debugger` statements."""
    marks = [number for number, text in file.added.items() if _MARKER.match(text)]
    if {file.added[x][0] for x in marks} >= {"<", ">"}:
        yield finding(file, "quality/merge-conflict", min(marks), tool="text")
    if file.language in {"javascript", "typescript", "tsx", "jsx"} and file.role is Role.SOURCE:
        for number, text in file.added.items():
            if _SCRIPT_DEBUG.match(text):
                yield finding(file, "quality/debug-leftover", number, tool="text", call="debugger")


def python(file: ChangedFile) -> Iterator[Finding]:
    """A file that no longer parses; repeated operands and conditions; swallowed errors; debugger calls."""
    if file.language != "python" or file.after is None or not file.added:
        return
    module = tree(file.after)
    if module is None:
        try:
            ast.parse(file.after)
        except SyntaxError as problem:
            if file.before is None or tree(file.before) is not None:
                there = problem.lineno or 1
                near = min(file.added, key=lambda x: abs(x - there))
                yield finding(file, "quality/syntax-error", near)
        return
    for node in ast.walk(module):
        if getattr(node, "lineno", None) in file.added:
            yield from _node(file, node)


def _node(file: ChangedFile, node: ast.AST) -> Iterator[Finding]:
    line = node.lineno  # type: ignore[attr-defined]
    if isinstance(node, ast.Call) and dotted(node.func) in _DEBUG:
        yield finding(file, "quality/debug-leftover", line, call=dotted(node.func))
    if file.role is not Role.SOURCE:  # tests compare things with themselves on purpose
        return
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and not isinstance(node.ops[0], ast.NotEq | ast.Eq):
        if _pure(node.left) and ast.dump(node.left) == ast.dump(node.comparators[0]):
            yield finding(file, "quality/same-operands", line, expression=ast.unparse(node)[:70])
    elif isinstance(node, ast.BoolOp):
        parts = [ast.dump(x) for x in node.values if _pure(x)]
        if len(set(parts)) < len(parts):
            yield finding(file, "quality/same-operands", line, expression=ast.unparse(node)[:70])
    elif isinstance(node, ast.If):
        seen, one = {ast.dump(node.test)}, node
        while len(one.orelse) == 1 and isinstance(one.orelse[0], ast.If):
            one = one.orelse[0]
            if ast.dump(one.test) in seen and _pure(one.test):
                yield finding(file, "quality/repeated-condition", line if one.lineno not in file.added else one.lineno,
                              expression=ast.unparse(one.test)[:70])  # fmt: skip
            seen.add(ast.dump(one.test))
    elif (
        isinstance(node, ast.ExceptHandler)
        and len(node.body) == 1
        and isinstance(node.body[0], ast.Pass)
        and (node.type is None or last_name(node.type) == "BaseException")
    ):
        yield finding(file, "quality/swallowed-error", line)


def _pure(node: ast.AST) -> bool:
    return not any(isinstance(x, ast.Call | ast.Await | ast.Yield | ast.NamedExpr) for x in ast.walk(node))
