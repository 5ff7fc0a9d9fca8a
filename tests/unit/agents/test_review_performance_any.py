"""Any text is read without an exception, and every line named is a line of it."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.agents.diff.compute import hunks_of
from reference.agents.interfaces import Context
from reference.agents.performance import PerformanceSpecialist
from reference.agents.types import AgentReport, Change, ChangedFile, Role

_WORDS = st.sampled_from(
    ["for x in xs:", "while k:", "def f(a):", "async def f(a):", "class A:", "return", "await", "K = {}", "K[a] = g(a)",
     "k = []", "k.pop(0)", "k.append(x)", "sorted(k)", "x in k", "open(a)", "s = socket.socket()", "s.close()",
     "X.objects.get(x)", "x.save()", "try:", "finally:", "pass", "global K", "lambda:", "@cache", "del K[a]", "if a:",
     "with open(a) as k:", "time.sleep(1)", "k = {**k}", "\n", "\n    ", "\n        ", "\r\n", "\x0c", ";", " "]
)  # fmt: skip
_TEXT = st.one_of(st.text(max_size=300), st.lists(_WORDS, max_size=30).map("".join).map(lambda s: s[:300]))


def review(after: str, language: str, path: str) -> AgentReport:
    file = ChangedFile(path, "added", Role.SOURCE, language, hunks=hunks_of("", after), before=None, after=after)
    change = Change("memory", "a", "b", (file,))
    return asyncio.run(PerformanceSpecialist().review(Context(change, (path,))))


@pytest.mark.slow
@given(_TEXT)
@settings(max_examples=150, deadline=None)
def test_any_python_text_gives_lines_within_it(text: str) -> None:
    for one in review(text, "python", "a.py").findings:
        assert 1 <= one.line <= one.end_line <= len(text.splitlines())


def test_the_work_grows_with_the_length_of_a_function_and_not_with_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, seen = ast.walk, 0

    def counted(node: ast.AST) -> Iterator[ast.AST]:
        nonlocal seen
        for one in walk(node):
            seen += 1
            yield one

    monkeypatch.setattr(ast, "walk", counted)

    def nodes(calls: int) -> int:
        nonlocal seen
        seen = 0
        body = "".join(f"        r{n} = db{n}.ask(x)\n        if x in k{n}:\n            pass\n" for n in range(calls))
        review(f"def f(xs):\n    for x in xs:\n{body}", "python", "a.py")
        return seen

    assert nodes(80) < 5 * nodes(20)  # with a walk over the function for every call: 14 times as many
