"""The tests, quality and documentation specialists on small changes: what each must find, and must stay silent on."""

import asyncio
import re

import pytest

from reference.agents.diff.classify import language_of, role_of
from reference.agents.diff.compute import hunks_of
from reference.agents.documentation import DocumentationSpecialist
from reference.agents.interfaces import Context
from reference.agents.quality import QualitySpecialist
from reference.agents.rules.registry import rule
from reference.agents.testing import TestsSpecialist
from reference.agents.testing.uncovered import ranges
from reference.agents.types import Change, ChangedFile


class Tree:
    """A head revision in memory."""

    def __init__(self, texts):
        self.texts = texts

    def paths(self):
        return sorted(self.texts)

    def read(self, path):
        return self.texts.get(path)

    def grep(self, word, among):
        return [x for x in among if re.search(rf"\b{re.escape(word)}\b", self.texts.get(x, ""))]


def change_of(before, after, **rest):
    files = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new:
            status = "added" if old is None else "deleted" if new is None else "modified"
            hunks = hunks_of(old or "", new or "")
            files.append(ChangedFile(path, status, role_of(path), language_of(path), None, hunks, old, new))
    return Change("o/r", "a", "b", tuple(files), snapshot=Tree(after), **rest)


def rules(specialist, before, after, **rest):
    change = change_of(before, after, **rest)
    context = Context(change, tuple(x.path for x in change.files))
    report = asyncio.run(specialist().review(context))
    assert report.reason == "" or report.status == "skipped"
    for one in report.findings:
        rule(one.rule).filled(one.values)
        assert change.file(one.path).commentable >= {one.line}
    return [one.rule for one in report.findings]


SOURCE = """
def ratio(total, part):
    if total > 0:
        return part / total
    return 0
"""
FIXED = SOURCE.replace("total > 0", "total >= 1")
TEST = "from pkg.maths import ratio\n\n\ndef test_ratio():\n    assert ratio(2, 1) == 0.5\n"
OTHER = "def test_other():\n    assert 1 + 1 == 2\n"


def test_a_changed_condition_without_a_changed_test_is_named():
    before = {"pkg/maths.py": SOURCE, "tests/test_maths.py": TEST}
    assert rules(TestsSpecialist, before, before | {"pkg/maths.py": FIXED}) == ["tests/fix-without-test"]


def test_a_function_that_no_test_names_is_untested():
    before = {"tests/test_other.py": OTHER}
    assert rules(TestsSpecialist, before, before | {"pkg/maths.py": SOURCE}) == ["tests/untested-change"]


@pytest.mark.parametrize(
    "after",
    [
        SOURCE.replace("def ratio", "# a comment\ndef ratio"),
        SOURCE.replace("total, part):", "total: int, part: int) -> float:\n    '''Share.'''"),
        SOURCE.replace("    if total", "    logger.info('x')\n    if total"),
    ],
)
def test_comments_annotations_docstrings_and_log_lines_are_no_behaviour(after):
    before = {"pkg/maths.py": SOURCE, "tests/test_maths.py": TEST}
    assert rules(TestsSpecialist, before, before | {"pkg/maths.py": after}) == []


def test_a_changed_test_that_names_the_function_silences_the_rule():
    before = {"pkg/maths.py": SOURCE, "tests/test_maths.py": TEST}
    after = {"pkg/maths.py": FIXED, "tests/test_maths.py": TEST + "    assert ratio(0, 1) == 0\n"}
    assert rules(TestsSpecialist, before, after) == []


def test_a_repository_without_tests_is_left_in_peace():
    assert rules(TestsSpecialist, {"pkg/maths.py": SOURCE}, {"pkg/maths.py": FIXED}) == []


def test_coverage_replaces_the_heuristic():
    before = {"pkg/maths.py": SOURCE, "tests/test_maths.py": TEST}
    known = {"pkg/maths.py": (frozenset({4}), frozenset({3, 5}))}
    assert rules(TestsSpecialist, before, before | {"pkg/maths.py": FIXED}, coverage=known) == ["tests/uncovered-lines"]


def test_ranges_join_neighbours():
    assert ranges([1, 2, 3, 7]) == "1-3, 7"


def test_go_changes_are_judged_by_the_same_rules():
    old = "package a\n\nfunc Ratio(t int) int {\n\tif t > 0 {\n\t\treturn 1\n\t}\n\treturn 0\n}\n"
    before = {"a/maths.go": old, "a/maths_test.go": "package a\n\nfunc TestRatio(t *testing.T) { Ratio(1) }\n"}
    after = before | {"a/maths.go": old.replace("t > 0", "t >= 0")}
    assert rules(TestsSpecialist, before, after) == ["tests/fix-without-test"]


def test_a_removed_test_whose_code_stays_is_named():
    before = {"pkg/maths.py": SOURCE, "tests/test_maths.py": TEST + "\n\n" + OTHER}
    after = before | {"tests/test_maths.py": OTHER}
    assert "tests/removed-test" in rules(TestsSpecialist, before, after)
    assert "tests/removed-test" not in rules(
        TestsSpecialist, before, {"tests/test_maths.py": OTHER, "pkg/maths.py": ""}
    )


@pytest.mark.parametrize("line", ["assert (ratio(1, 1), 'message')", "assert True", "mock.assert_called_once"])
def test_checks_that_cannot_fail_are_named(line):
    before = {"tests/test_maths.py": TEST}
    assert rules(TestsSpecialist, before, {"tests/test_maths.py": TEST + f"    {line}\n"}) == ["tests/always-true"]


def test_a_new_skip_is_named():
    after = TEST.replace("def test", "@pytest.mark.skip\ndef test")
    assert rules(TestsSpecialist, {"tests/test_a.py": TEST}, {"tests/test_a.py": after}) == ["tests/skipped-test"]


CLEAN = "def f(x):\n    return x\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("def g(a=[]):\n    a.append(1)\n    return a\n", "quality/bug"),
        ("def g(x):\n    return undefined_thing + x\n", "quality/bug"),
        ("def g(x):  # noqa\n    return x is 'a'  # noqa: F632\n", "quality/bug"),
        ("def g(x):\n    breakpoint()\n    return x\n", "quality/debug-leftover"),
        ("def g(x):\n    try:\n        x()\n    except:\n        pass\n", "quality/swallowed-error"),
        ("def g(x):\n    return x.a and x.a\n", "quality/same-operands"),
        (
            "def g(x):\n    if x == 1:\n        return 1\n    elif x == 1:\n        return 2\n",
            "quality/repeated-condition",
        ),
        ("def g(x:\n", "quality/syntax-error"),
        ("<<<<<<< HEAD\n>>>>>>> other\n", "quality/merge-conflict"),
    ],
)
def test_a_certain_fault_on_added_lines_is_named_once_and_not_again_once_it_stands(added, expected):
    before, after = {"pkg/a.py": CLEAN}, {"pkg/a.py": CLEAN + "\n\n" + added}
    assert rules(QualitySpecialist, before, after).count(expected) == 1
    assert (
        rules(QualitySpecialist, after, {"pkg/a.py": after["pkg/a.py"].replace("return x\n", "return x + 0\n", 1)})
        == []
    )


def test_complexity_counts_only_where_it_crosses_the_line():
    chain = "def g(x):\n" + "".join(f"    if x == {i}:\n        return {i}\n" for i in range(25))
    assert rules(QualitySpecialist, {"pkg/a.py": CLEAN}, {"pkg/a.py": CLEAN + chain}) == ["quality/complexity"]
    one_more = chain + "    if x == 99:\n        return 9\n"
    assert rules(QualitySpecialist, {"pkg/a.py": CLEAN + chain}, {"pkg/a.py": CLEAN + one_more}) == []


GOOGLE = 'def f(a, b):\n    """Do it.\n\n    Args:\n        a: one.\n        b: two.\n    """\n    return a + b\n'
REST = 'def f(a, b):\n    """Do it.\n\n    :param a: one.\n    :param b: two.\n    """\n    return a + b\n'


@pytest.mark.slow
@pytest.mark.parametrize("text", [GOOGLE, REST])
def test_a_renamed_parameter_must_be_renamed_in_the_docstring(text):
    renamed = text.replace("(a, b)", "(a, c)").replace("a + b", "a + c")
    found = rules(DocumentationSpecialist, {"pkg/a.py": text}, {"pkg/a.py": renamed})
    assert found == ["documentation/stale-parameter"]
    mended = renamed.replace("b: two", "c: two")
    assert rules(DocumentationSpecialist, {"pkg/a.py": text}, {"pkg/a.py": mended}) == []


@pytest.mark.parametrize("text", [GOOGLE, REST])
def test_a_new_parameter_needs_an_entry_where_all_others_have_one(text):
    more = text.replace("(a, b)", "(a, b, limit)")
    found = rules(DocumentationSpecialist, {"pkg/a.py": text}, {"pkg/a.py": more})
    assert found == ["documentation/undocumented-parameter"]


def test_a_removed_docstring_is_named():
    assert rules(DocumentationSpecialist, {"pkg/a.py": GOOGLE}, {"pkg/a.py": "def f(a, b):\n    return a + b\n"}) == [
        "documentation/docstring-removed"
    ]


def test_overloads_are_not_asked_for_the_docstring_of_their_function():
    after = "from typing import overload\n\n\n@overload\ndef f(a: int, b: int) -> int: ...\n\n\n" + GOOGLE
    assert rules(DocumentationSpecialist, {"pkg/a.py": GOOGLE}, {"pkg/a.py": after}) == []


def test_a_missing_docstring_counts_only_where_the_file_had_them():
    new = "def fresh(x):\n    return x\n"
    house = "".join(f'def f{i}(x):\n    """Give {i}."""\n    return x\n' for i in range(6))
    bare = "".join(f"def f{i}(x):\n    return x\n" for i in range(6))
    found = rules(DocumentationSpecialist, {"pkg/a.py": house}, {"pkg/a.py": house + new})
    assert found == ["documentation/missing-docstring"]
    assert rules(DocumentationSpecialist, {"pkg/a.py": bare}, {"pkg/a.py": bare + new}) == []


def test_a_fault_that_only_moved_is_not_new():
    before = "def g(x):\n    return x is 'a'\n"
    after = "def g(x):\n    if x:\n        return x is 'a'\n"
    assert rules(QualitySpecialist, {"pkg/a.py": before}, {"pkg/a.py": after}) == []
