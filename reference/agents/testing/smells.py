"""Tests that a change removes, skips, or writes so that they cannot fail. Python only."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from reference.agents.quality.definitions import Definition, definitions, dotted, touches, tree
from reference.agents.quality.guard import finding
from reference.agents.testing.references import Tests
from reference.agents.types import Change, ChangedFile, Finding

_SKIPS = {"skip", "xfail", "skipTest", "expectedFailure"}


def smells(file: ChangedFile) -> Iterator[Finding]:
    """Faults on added lines of one test file."""
    if file.language != "python" or file.after is None or (module := tree(file.after)) is None:
        return
    before = definitions(file.before or "")
    for node in ast.walk(module):
        if isinstance(node, ast.Assert) and node.lineno in file.added and _always_true(node.test):
            yield finding(file, "tests/always-true", node.lineno, condition=ast.unparse(node.test)[:80])
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Attribute)
            and node.lineno in file.added
            and node.value.attr.startswith("assert_")
        ):
            yield finding(file, "tests/always-true", node.lineno, condition=ast.unparse(node)[:80])
    for name, one in definitions(file.after).items():
        old = before.get(name)
        if old is not None and is_test(one) and _SKIPS & set(one.decorators) - set(old.decorators):
            line = touches(file, one.start, one.end)
            if line is not None:
                yield finding(file, "tests/skipped-test", line, name=name)


def removed_tests(change: Change, files: Sequence[ChangedFile]) -> Iterator[Finding]:
    """Tests and asserts that go while what they test stays; nothing where the change adds as many as it removes."""
    tests = Tests(change)
    mine = [x for x in change.files if x in tests.changed or x.status == "deleted"]
    was = sum(_checks(x.before) for x in mine)
    now = sum(_checks(x.after) for x in mine)
    if now >= was:
        return
    gone_code = {
        one.name for x in change.files if x not in mine
        for name, one in definitions(x.before or "").items() if name not in definitions(x.after or "")
    }  # fmt: skip
    staying = {one.name for x in mine for one in definitions(x.after or "").values()}
    for file in files:
        if file not in mine or file.status == "deleted" or file.language != "python" or file.after is None:
            continue
        gone = [
            one for name, one in definitions(file.before or "").items()
            if is_test(one) and name not in definitions(file.after) and one.name not in staying
            and not gone_code & _words(one)
        ]  # fmt: skip
        line = touches(file, 1, 1 << 30)
        if gone and line is not None:
            shown = ", ".join(x.name for x in gone[:5]) + (f" and {len(gone) - 5} more" if len(gone) > 5 else "")
            yield finding(file, "tests/removed-test", _after_removal(file, gone[0].start) or line, names=shown)


def is_test(one: Definition) -> bool:
    return one.kind != "class" and one.name.startswith("test")


def _after_removal(file: ChangedFile, old: int) -> int | None:
    """The first new line that stands after old line `old` in its hunk, else the last one before it."""
    for hunk in file.hunks:
        if hunk.old_start <= old < hunk.old_start + hunk.old_length:
            rows = [x.new for x in hunk.lines if x.new is not None and (x.old is None or x.old >= old)]
            every = [x.new for x in hunk.lines if x.new is not None]
            return rows[0] if rows else every[-1] if every else None
    return None


def _words(one: Definition) -> set[str]:
    nodes = list(ast.walk(one.node))
    return {x.id for x in nodes if isinstance(x, ast.Name)} | {x.attr for x in nodes if isinstance(x, ast.Attribute)}


def _checks(text: str | None) -> int:
    module = tree(text) if text else None
    if module is None:
        return 0
    return sum(
        isinstance(x, ast.Assert) or (isinstance(x, ast.Call) and ("assert" in (d := dotted(x.func)) or "raises" in d))
        for x in ast.walk(module)
    )


def _always_true(test: ast.expr) -> bool:
    if isinstance(test, ast.Tuple):
        return bool(test.elts)
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(isinstance(x, ast.Constant) and bool(x.value) for x in test.values)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is):
        same = ast.dump(test.left) == ast.dump(test.comparators[0])
        return same and isinstance(test.left, ast.Attribute | ast.Subscript | ast.Constant)
    return False
