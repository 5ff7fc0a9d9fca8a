"""Tests switched off in JavaScript and Go, test files deleted while their code changes, tests that check nothing."""

import asyncio

from reference.agents.interfaces import Context
from reference.agents.sources import from_texts
from reference.agents.testing import TestsSpecialist

CODE = "def ratio(a):\n    return a\n"


def found(before, after):
    change = from_texts(before, after)
    report = asyncio.run(TestsSpecialist().review(Context(change, tuple(x.path for x in change.files))))
    assert not report.reason or report.status == "skipped", report.reason
    return [one.rule.removeprefix("tests/") for one in report.findings]


def test_only_and_skip_are_found_where_they_are_new():
    text = "it('adds', () => {\n  expect(1).toBe(1);\n});\n"
    before = {"a.test.js": text}
    assert found(before, {"a.test.js": text.replace("it(", "it.only(")}) == ["only-test"]
    skipped = {"a.test.js": text.replace("it(", "it.skip(")}
    assert found(before, skipped) == ["skipped-test"]
    assert found(skipped, {"a.test.js": text.replace("it('adds", "it.skip('adds two")}) == []
    go = "package a\n\nfunc TestA(t *testing.T) {\n\tt.Error(1)\n}\n"
    assert found({"a_test.go": go}, {"a_test.go": go.replace("\tt.Error", "\tt.Skip()\n\tt.Error")}) == ["skipped-test"]


def test_a_deleted_test_file_is_named_where_its_module_changes():
    tests = "from p.maths import ratio\n\n\ndef test_a():\n    assert ratio(1) == 1\n"
    before = {"p/maths.py": CODE, "tests/test_maths.py": tests}
    assert "deleted-tests" in found(before, {"p/maths.py": CODE + "X = 1\n"})
    assert "deleted-tests" not in found(
        before, {"p/maths.py": CODE + "X = 1\n", "tests/unit/test_maths.py": tests + "\n"}
    )
    assert "deleted-tests" not in found(before, {"p/other.py": CODE + "X = 1\n"})


def test_a_new_test_without_any_check_is_counted():
    start = "from p import ratio\n"
    assert found({"tests/test_a.py": start}, {"tests/test_a.py": start + "\n\ndef test_a():\n    ratio(1)\n"}) == [
        "no-assert"
    ]
    for line in ("assert ratio(1)", "check_ratio(1)", "self.assertEqual(1, ratio(1))"):
        assert (
            found({"tests/test_a.py": start}, {"tests/test_a.py": start + f"\n\ndef test_a(self):\n    {line}\n"}) == []
        )
