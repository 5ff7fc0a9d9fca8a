"""Every fault of JavaScript, TypeScript and Go is found, and its repaired twin is silent."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.agents.diff.compute import hunks_of
from reference.agents.interfaces import Context
from reference.agents.performance import PerformanceSpecialist
from reference.agents.types import AgentReport, Change, ChangedFile, Role


def review(after: str, language: str, before: str = "") -> AgentReport:
    file = ChangedFile(
        "web/a.x", "modified" if before else "added", Role.SOURCE, language,
        hunks=hunks_of(before, after), before=before or None, after=after,
    )  # fmt: skip
    change = Change("memory", "a", "b", (file,))
    return asyncio.run(PerformanceSpecialist().review(Context(change, ("web/a.x",))))


def rules(report: AgentReport) -> list[str]:
    return [one.rule.split("/")[1] for one in report.findings]


def work(body: str, head: str = "for (const x of xs)", before: str = "", after: str = "") -> str:
    return f"async function work(xs, ys) {{\n  {before}\n  {head} {{\n    {body}\n  }}\n  {after}\n}}\n"


def effect(*body: str) -> str:
    return "function View() {\n  useEffect(() => {\n    " + "\n    ".join(body) + "\n  }, []);\n}\n"


def gopher(body: str, head: str = "for _, x := range xs", before: str = "") -> str:
    return f"package a\n\nfunc work(xs []int) {{\n\t{before}\n\t{head} {{\n\t\t{body}\n\t}}\n}}\n"


Q, R, COPY, SCAN = "query-in-loop", "request-in-loop", "copied-each-step", "array-scan-in-loop"
CLEAN = "effect-without-cleanup"
SCRIPTS = {
    "fetch": (R, work("use(await fetch(url(x)));"), work("use(x);", before="await Promise.all(xs.map(fetch));")),
    "axios": (
        R,
        work("const r = await axios.get(x.url);"),
        work("const r = await axios.get(page);", "for (const page of ys)"),
    ),
    "few": (R, work("await fetch(x);"), work("await fetch(x);", "for (const x of ['a', 'b'])")),
    "retry": (
        R,
        work("await fetch(xs[i]);", "for (let i = 0; i < xs.length; i++)"),
        work("await fetch(attempt);", "for (let attempt = 0; attempt < 3; attempt++)"),
    ),
    "first hit": (R, work("await fetch(x);"), work("if (await fetch(x)) { return x; }")),
    "query": (Q, work("use(await User.findById(x.id));"), work("use(x);", before="await User.find({ id: xs });")),
    "prisma": (
        Q,
        work("use(await prisma.user.findUnique({ where: { id: x } }));"),
        work("use(await cache.read(x));"),
    ),
    "includes": (
        SCAN,
        work("use(known.includes(x));", before="const known = ys.map(y => y.id);"),
        work("use(known.has(x));", before="const known = new Set(ys);"),
    ),
    "index": (
        SCAN,
        work("if (seen.indexOf(x) < 0) { seen.push(x); }", before="const seen = [];"),
        work("if (kinds.indexOf(x) < 0) { use(x); }", before="const kinds = ['a', 'b'];"),
    ),
    "callback": (
        SCAN,
        "function f(xs, ys) {\n  const all = [...ys];\n  return xs.filter(x => all.includes(x));\n}\n",
        "function f(xs, ys) {\n  const all = new Set(ys);\n  return xs.filter(x => all.has(x));\n}\n",
    ),
    "unknown": (
        "list-scan",
        work("use(ys.find(y => y.id === x.id));"),
        work("use(by.get(x.id));"),
    ),
    "reduce": (
        COPY,
        "const m = xs.reduce((all, x) => ({ ...all, [x.id]: x }), {});\n",
        "const m = xs.reduce((all, x) => { all[x.id] = x; return all; }, {});\n",
    ),
    "reduce return": (
        COPY,
        "const m = xs.reduce((all, x) => { return [...all, x.id]; }, []);\n",
        "const m = xs.reduce((all, x) => { return { ...x, n: 1 }; }, {});\n",
    ),
    "spread": (
        COPY,
        work("all = [...all, x];", before="let all = [];"),
        work("all.push(x);", before="const all = [];"),
    ),
    "timer": (
        CLEAN,
        effect("setInterval(tick, 1000);"),
        effect("const id = setInterval(tick, 1000);", "return () => clearInterval(id);"),
    ),
    "listener": (
        CLEAN,
        effect("window.addEventListener('resize', on);"),
        effect("window.addEventListener('resize', on, { once: true });"),
    ),
}  # fmt: skip
GO = {
    "query": (Q, gopher("db.QueryRow(q, x)"), gopher("use(x)", before="db.Query(q, ids)")),
    "transaction": (Q, gopher("tx.ExecContext(ctx, q, x)"), gopher("plan.Exec(q, x)")),
    "request": (R, gopher("http.Get(x)"), gopher("http.Get(chunk)", "for _, chunk := range xs")),
    "defer": ("defer-in-loop", gopher("defer f.Close()"), gopher("func() { defer f.Close() }()")),
    "text": ("string-concatenation", gopher('s += "a"', before='s := ""'), gopher("n += 1", before="n := 0")),
    "goroutine": ("unbounded-goroutines", gopher("go use(x)"), gopher("slots <- 1\n\t\tgo use(x)")),
}


@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_fault_of_a_script_is_found_and_its_repaired_twin_is_silent(name: str, language: str) -> None:
    rule, bad, good = SCRIPTS[name]
    assert rules(review(bad, language)) == [rule]
    assert rules(review(good, language)) == []


@pytest.mark.parametrize("name", GO)
def test_a_fault_of_go_is_found_and_its_repaired_twin_is_silent(name: str) -> None:
    rule, bad, good = GO[name]
    assert rules(review(bad, "go")) == [rule]
    assert rules(review(good, "go")) == []


def test_a_fault_that_stood_there_before_is_not_new() -> None:
    bad = work("await fetch(x);")
    assert rules(review("// moved\n" + bad, "typescript", bad)) == []


_WORDS = st.sampled_from(
    ["for (const x of xs) {", "await fetch(x)", "}", "(", ")", "=>", "a.includes(x)", "useEffect(() => {",
     "setInterval()",
     "xs.reduce((a, x) => ({...a}), {})", "all = [...all]", "for _, x := range xs {", "defer f.Close()", "go f()",
     "func f() {", "s += \"a\"", "db.Query(x)", "reduce(", "\n", " ", ";", "let a = []"]
)  # fmt: skip


@pytest.mark.slow
@given(st.one_of(st.text(max_size=300), st.lists(_WORDS, max_size=30).map("".join)), st.sampled_from(["tsx", "go"]))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_lines_within_it(text: str, language: str) -> None:
    for one in review(text, language).findings:
        assert 1 <= one.line <= one.end_line <= len(text.split("\n"))


def test_a_copy_that_each_step_starts_anew_does_not_grow() -> None:
    assert rules(review(work("let one = [x]; one = [...one, 2];"), "javascript")) == []


def test_a_defer_in_a_loop_over_no_collection_is_silent() -> None:
    assert rules(review(gopher("defer f.Close()\n\t\tbreak", "for"), "go")) == []
