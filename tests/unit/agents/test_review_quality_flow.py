"""Faults that control and data flow prove, clones and leftovers: each found where it is new, none where it is not."""

import asyncio

import pytest

from reference.agents.interfaces import Context
from reference.agents.quality import QualitySpecialist
from reference.agents.rules.registry import rule
from reference.agents.sources import from_texts

HEAD = "def first():\n    return 1\n"


def found(before, after):
    change = from_texts(before, after)
    report = asyncio.run(QualitySpecialist().review(Context(change, tuple(x.path for x in change.files))))
    assert report.reason == "", report.reason
    for one in report.findings:
        rule(one.rule).filled(one.values)
        assert one.line in change.file(one.path).commentable
    return [(one.rule.removeprefix("quality/"), one.line) for one in report.findings]


def python(code, before=HEAD):
    return found({"src/a.py": before}, {"src/a.py": before + code})


FAULTS = [
    ("def f(a):\n    if a:\n        go(a)\n    else:\n        go(a)\n", "same-branches", 4),
    ("def f(a):\n    return go(1) if a else go(1)\n", "same-branches", 4),
    ("def f(xs):\n    for x in xs:\n        if x:\n            xs.remove(x)\n", "changed-while-iterated", 4),
    ("def f(xs):\n    for k, v in xs.items():\n        if v:\n            del xs[k]\n", "changed-while-iterated", 4),
    ("async def g():\n    return 1\n\n\nasync def f():\n    g()\n", "not-awaited", 8),
    (
        "class A:\n    async def g(self):\n        return 1\n\n    async def f(self):\n        self.g()\n",
        "not-awaited",
        8,
    ),
    ("def f(xs):\n    for i in range(len(xs) + 1):\n        go(xs[i])\n", "off-by-one", 4),
    ("def f(xs):\n    i = 0\n    while i <= len(xs):\n        go(xs[i])\n        i += 1\n", "off-by-one", 5),
    ("def f(go):\n    return go(a=1, a=2)\n", "repeated-argument", 4),
    ("def f():\n    return 1\n    go()\n", "unreachable", 5),
]
SILENT = [
    "def f(a):\n    if a:\n        pass\n    else:\n        pass\n",
    "def f(a, b):\n    if a:\n        go(1)\n    elif b:\n        go(2)\n    else:\n        go(2)\n",
    "def f(xs):\n    for x in xs:\n        if x:\n            xs.remove(x)\n            break\n",
    "def f(xs):\n    for x in list(xs):\n        xs.remove(x)\n",
    "def f(xs):\n    for x in xs:\n        xs = xs.copy()\n        xs.remove(x)\n",
    "async def g():\n    return 1\n\n\nasync def f():\n    await g()\n    return g()\n",
    "async def g():\n    return 1\n\n\ndef f(g):\n    g()\n",
    "def f(xs):\n    for i in range(len(xs) + 1):\n        if i < len(xs):\n            go(xs[i])\n",
    "def f(xs, ys):\n    for i in range(len(xs) + 1):\n        go(ys[i], xs[:i])\n",
    "def f(xs):\n    i = 0\n    while i <= len(xs):\n        i += 1\n        go(xs[i - 1])\n",
    "def f(go):\n    return go(a=1, b=2)\n",
]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "name", "line"), FAULTS)
def test_a_new_fault_is_found_on_its_line(code, name, line):
    code = "\n\ndef go(*a):\n    return a\n\n\n" + code
    assert python(code) == [(name, line + 6)]


@pytest.mark.slow
@pytest.mark.parametrize("code", SILENT)
def test_what_only_looks_like_a_fault_is_left_alone(code):
    assert python("\n\ndef go(*a):\n    return a\n\n\n" + code) == []


@pytest.mark.slow
@pytest.mark.parametrize(("code", "name", "line"), FAULTS)
def test_a_fault_that_stood_there_before_is_not_new(code, name, line):
    start = "def go(*a):\n    return a\n\n\n" + code
    assert found({"src/a.py": start}, {"src/a.py": "LIMIT = 3\n" + start.replace("return 1", "return 2")}) == []


TOTALS = '''def {name}({rows}):
    """{about}"""
    {sums} = {{}}
    for row in {rows}:
        if row.cancelled or row.amount is None:
            continue
        key = (row.part, row.day.year)
        old = {sums}.get(key, 0)
        tax = row.amount * row.rate / 100
        {sums}[key] = round(old + row.amount + tax, 2)
    biggest = sorted({sums}.items(), key=lambda item: -item[1])
    return [(name, year, amount) for (name, year), amount in biggest if amount > 0]
'''
ONE = TOTALS.format(name="parts", rows="rows", sums="totals", about="Totals by part.")
TWO = TOTALS.format(name="lines", rows="lines", sums="sums", about="Totals of lines.")


def test_a_function_copied_from_another_file_is_found_whatever_its_variables_are_called():
    copied = {"src/a.py": ONE, "src/b.py": HEAD + "\n\n" + TWO}
    assert found({"src/a.py": ONE, "src/b.py": HEAD}, copied) == [("duplicated-code", 5)]


@pytest.mark.slow
def test_a_function_added_twice_is_found_once_at_the_later_place():
    assert found({"src/b.py": HEAD}, {"src/b.py": HEAD + "\n\n" + ONE + "\n\n" + TWO}) == [("duplicated-code", 19)]


@pytest.mark.slow
def test_moved_renamed_and_tested_code_is_no_copy():
    before = {"src/a.py": HEAD + ONE, "src/b.py": HEAD}
    assert found(before, {"src/a.py": HEAD, "src/b.py": HEAD + ONE}) == []
    assert found({"src/a.py": HEAD + ONE}, {"src/c.py": HEAD + ONE}) == []
    assert found({"src/a.py": ONE}, {"src/a.py": ONE, "tests/test_a.py": TWO}) == []
    twice = {"src/a.py": ONE + "\n\n" + TWO, "src/b.py": HEAD}
    assert found(twice, {"src/a.py": ONE, "src/b.py": HEAD + "\n\n" + TWO}) == []


def test_copied_lines_of_javascript_are_found_and_tables_are_not():
    body = "".join(
        f"  if (row.kind === 'k{n}') {{\n    total += row.amount * rate(row, {n});\n  }}\n" for n in range(8)
    )
    one, two = (f"function {x}(row, total) {{\n{body}  return total;\n}}\n" for x in ("one", "two"))
    assert found({"src/a.js": one}, {"src/a.js": one, "src/b.js": two}) == [("duplicated-code", 2)]
    table = "".join(f"  ['name{n}', {n}, 'unit', {n} + 1, 'x'],\n" for n in range(30))
    before = {"src/a.js": f"const A = [\n{table}];\n"}
    assert found(before, before | {"src/b.js": f"const B = [\n{table}];\n"}) == []


def test_a_print_is_a_leftover_only_where_the_module_logs():
    log = "import logging\n\nLOG = logging.getLogger(__name__)\n\n\ndef f(a):\n"
    before = {"src/a.py": log + "    LOG.info(a)\n"}
    assert found(before, {"src/a.py": log + "    print(a)\n    LOG.info(a)\n"}) == [("debug-leftover", 7)]
    assert found({"src/cli.py": log}, {"src/cli.py": log + "    print(a)\n"}) == []
    assert python("\n\ndef f(a):\n    print(a)\n") == []


def test_scripts_that_no_longer_parse_or_drop_errors_are_found():
    good = "function f(a) {\n  return a;\n}\n"
    assert found({"src/a.js": good}, {"src/a.js": good.replace("a;", "(a;")}) == [("syntax-error", 2)]
    catch = "function g() {\n  try {\n    go();\n  } catch (e) {%s}\n}\n"
    assert found({"src/a.js": good}, {"src/a.js": good + catch % ""}) == [("empty-catch", 7)]
    assert found({"src/a.js": good}, {"src/a.js": good + catch % " /* gone already */ "}) == []


def test_an_error_put_into_a_blank_of_go_is_only_counted():
    go = "package a\n\nfunc f() {\n%s}\n"
    assert found({"src/a.go": go % ""}, {"src/a.go": go % "\t_ = g()\n"}) == [("ignored-error", 4)]
    assert not rule("quality/ignored-error").posted


def test_a_new_function_of_many_lines_is_counted():
    long = "\n\ndef f(a):\n" + "".join(f"    a.x{n} = a.y{n}\n" for n in range(125))
    assert python(long) == [("long-function", 5)]
