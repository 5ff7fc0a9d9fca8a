"""Code that never runs, prints that were meant for the author, very long new functions; JavaScript, TypeScript, Go."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from reference.agents.quality.definitions import dotted, tree
from reference.agents.quality.guard import finding
from reference.agents.tools.isolation import python_module, run_isolated
from reference.agents.types import ChangedFile, Finding, Role

LONGEST = 120
_COMMANDS = re.compile(
    r"(^|/)(cli|__main__|main|manage|setup|conftest)\.py$|(^|/)(cli|bin|scripts?|tools?|examples?|commands?|docs?|benchmarks?)/"
)
_ROW = re.compile(r"(\S+?):(\d+): (unreachable code after '\w+'|unsatisfiable '\w+' condition)")
_IGNORED = re.compile(r"^\s*_ = [\w.]+\(.*\)\s*(//.*)?$")


def unreachable(files: Sequence[ChangedFile], timeout_s: float) -> Iterator[Finding]:
    """What vulture is certain never runs, on added lines, and not so in the text before. Raises ToolFailed."""
    python = {
        x.path: x for x in files
        if x.language == "python" and x.role is Role.SOURCE and x.after and x.added and tree(x.after) is not None
    }  # fmt: skip
    if not python:
        return
    texts = {f"after/{x.path}": x.after or "" for x in python.values()}
    texts |= {f"before/{x.path}": x.before for x in python.values() if x.before and tree(x.before) is not None}
    done = run_isolated(
        "vulture", [*python_module("vulture"), "--min-confidence", "100", "{files}"], texts,
        timeout_s=timeout_s, ok=(0, 1, 3),
    )  # fmt: skip
    old: Counter[tuple[str, str]] = Counter()
    new = []
    for name, number, what in _ROW.findall(done.stdout):
        side, _, path = done.names[name.rsplit("/", 1)[-1]].partition("/")
        text = (python[path].before if side == "before" else python[path].after) or ""
        key = (path, re.sub(r"\s+", "", text.splitlines()[int(number) - 1]))
        if side == "before":
            old[key] += 1
        else:
            new.append((key, int(number), what))
    for key, line, what in new:
        if old[key] > 0:
            old[key] -= 1
        elif line in python[key[0]].added:
            yield finding(python[key[0]], "quality/unreachable", line, tool="vulture", what=what.replace("'", ""))


def prints(file: ChangedFile) -> Iterator[Finding]:
    """The first new `print` of a library module that logs otherwise and printed nothing before."""
    if file.language != "python" or file.role is not Role.SOURCE or file.after is None or _COMMANDS.search(file.path):
        return
    module = tree(file.after)
    if module is None or "__main__" in file.after or _printed(tree(file.before or "")):
        return
    logs = any(isinstance(x, ast.Call) and dotted(x.func).endswith("getLogger") for x in ast.walk(module))
    if logs and (found := [x for x in _printed(module) if x.lineno in file.added]):
        yield finding(file, "quality/debug-leftover", found[0].lineno, call="print")


def _printed(module: ast.Module | None) -> list[ast.Call]:
    every = ast.walk(module) if module is not None else ()
    return sorted(
        (x for x in every if isinstance(x, ast.Call) and dotted(x.func) == "print" and not x.keywords),
        key=lambda x: x.lineno,
    )


def long_functions(file: ChangedFile) -> Iterator[Finding]:
    """New functions of more than 120 lines, in any language with a grammar."""
    if file.role is not Role.SOURCE or file.after is None or len(file.added) <= LONGEST:
        return
    from reference.agents.syntax import functions

    old = {x.qualified for x in functions(file.language, file.before or "")}
    for one in functions(file.language, file.after):
        long = one.end - one.start + 1
        if long > LONGEST and one.qualified not in old and one.start in file.added and one.kind != "class":
            yield finding(file, "quality/long-function", one.start, name=one.name, count=long)


def scripts(file: ChangedFile) -> Iterator[Finding]:
    """JavaScript, TypeScript and Go: a parse error where there was none, an empty `catch`, an error put into `_`."""
    if file.role is not Role.SOURCE or file.after is None or not file.added:
        return
    from reference.agents.syntax.trees import tree as parsed

    made = parsed(file.language, file.after.encode("utf-8", "replace"))
    if made is None:
        return
    root = made.root_node
    before = parsed(file.language, file.before.encode("utf-8", "replace")) if file.before is not None else None
    # A grammar does not know every dialect: only a file that it could read before can be broken for certain.
    if root.has_error and before is not None and not before.root_node.has_error:
        at = next((x for x in _nodes(root) if x.type == "ERROR" or x.is_missing), root)
        near = min(file.added, key=lambda x: abs(x - at.start_point[0] - 1))
        yield finding(file, "quality/syntax-error", near, tool="tree-sitter")
    for node in _nodes(root):
        if node.type == "catch_clause" and (body := node.child_by_field_name("body")) is not None:
            line = node.start_point[0] + 1
            if not body.named_children and line in file.added and body.start_point[0] + 1 in file.added:
                yield finding(file, "quality/empty-catch", line, tool="tree-sitter")
    if file.language == "go":
        for number, text in file.added.items():
            if _IGNORED.match(text):
                yield finding(file, "quality/ignored-error", number, tool="text")


def _nodes(root: Any) -> Iterator[Any]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))
