"""Tests that a change removes, skips, or writes so that they cannot fail. Python only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from reference.agents.quality.definitions import Definition, definitions, dotted, touches, tree
from reference.agents.quality.guard import finding
from reference.agents.testing.references import Tests
from reference.agents.types import Change, ChangedFile, Finding, Role

_SCRIPTS = {"javascript", "typescript", "tsx", "jsx"}
_SCRIPT_SKIP = re.compile(r"\b((?:describe|it|test|context)\.(?:only|skip)|fit|fdescribe|xit|xdescribe)\(\s*['\"`]")
_GO_SKIP = re.compile(r"\b(t\.Skip(?:f|Now)?)\(")
_CHECKING = re.compile(
    r"assert|check|expect|verify|valid|should|raises|warns|fail|ensure|compare|require|match|run", re.I
)
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
        elif old is None and is_test(one) and one.line in file.added and _checks_nothing(one):
            yield finding(file, "tests/no-assert", one.line, name=name)


def scripts(file: ChangedFile) -> Iterator[Finding]:
    """`.only`, `.skip` and `t.Skip` on added lines of a JavaScript, TypeScript or Go test that had none there."""
    pattern = _GO_SKIP if file.language == "go" else _SCRIPT_SKIP if file.language in _SCRIPTS else None
    if pattern is None or file.before is None:
        return  # in a new file a skip is part of the plan: nothing ran before
    gone = sum(bool(pattern.search(x)) for x in file.removed.values())
    found = [(n, m) for n, x in file.added.items() if (m := pattern.search(x))]
    for number, match in found[gone:]:
        rule = "tests/only-test" if match[1].endswith(("only", "fit", "fdescribe")) else "tests/skipped-test"
        yield finding(file, rule, number, tool="text", name=match[1])


def deleted_tests(change: Change, files: Sequence[ChangedFile]) -> Iterator[Finding]:
    """A test file that goes as a whole while the module of its name stays and is changed: named there."""
    from reference.agents.diff.classify import role_of
    from reference.agents.testing.references import module_name

    names = {module_name(x) for x in change.snapshot.paths() if role_of(x) is Role.TEST} if change.snapshot else set()
    for gone in change.files:
        if gone.status != "deleted" or role_of(gone.path) is not Role.TEST:
            continue
        stem = re.sub(r"^test_|_test$|[._-](test|spec)$", "", gone.path.rpartition("/")[2].rpartition(".")[0])
        for file in files:
            others = {f"test_{stem}", f"{stem}_test", f"{stem}.test", f"{stem}.spec"} & names
            if file.role is Role.SOURCE and file.added and module_name(file.path) == stem and not others:
                yield finding(file, "tests/deleted-tests", min(file.added), tool="paths", name=gone.path)


def _checks_nothing(one: Definition) -> bool:
    """No assert, no `raise`, no `with`, no decorator, and no name that speaks of checking: any call may check."""
    nodes = list(ast.walk(one.node))
    if (
        one.decorators
        or one.is_stub
        or any(isinstance(x, ast.Assert | ast.With | ast.AsyncWith | ast.Raise) for x in nodes)
    ):
        return False
    names = [x.id if isinstance(x, ast.Name) else x.attr for x in nodes if isinstance(x, ast.Name | ast.Attribute)]
    return not any(_CHECKING.search(x) for x in names) and not _CHECKING.search(one.name)


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
    """Whether a test runner would collect the function, by its name."""
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
