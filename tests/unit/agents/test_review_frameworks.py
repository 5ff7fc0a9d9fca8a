"""LangGraph and pydantic-ai as orchestrators: the same review as ours, and what each does when a specialist raises."""

from __future__ import annotations

import asyncio
import math
import operator
import subprocess
import sys
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.agents import frameworks
from reference.agents.demo import demo_change
from reference.agents.experiments.waits import Waiting
from reference.agents.frameworks import LangGraphReviewer, NotInstalled, PydanticAIReviewer
from reference.agents.frameworks.compare import code_lines
from reference.agents.frameworks.failures import BARE, GUARD, JOIN, OURS, Raising, one_failing
from reference.agents.interfaces import Context, Specialist
from reference.agents.orchestrator import Reviewer
from reference.agents.rules.registry import rule
from reference.agents.sources import from_texts
from reference.agents.types import Agent, AgentReport, Change, Finding, ReviewError, Severity, Status

CHANGE = from_texts(
    {"shop/orders.py": "def total(lines):\n    return sum(lines)\n"},
    {"shop/orders.py": "def total(lines):\n    print(lines)\n    query = 'x' + lines\n    return sum(lines)\n"},
)
RULES = {
    Agent.QUALITY: "quality/debug-leftover",
    Agent.SECURITY: "security/sql-injection",
    Agent.PERFORMANCE: "performance/list-membership",
    Agent.TESTS: "tests/untested-change",
    Agent.DOCUMENTATION: "documentation/undocumented-parameter",
}


class Saying:
    """Specialist with one finding on line 2 and one on a line that the change does not touch."""

    def __init__(self, agent: Agent) -> None:
        self.agent, self.calls = agent, 0

    async def review(self, context: Context) -> AgentReport:
        self.calls += 1
        await asyncio.sleep(0)
        severity = Severity.CRITICAL if self.agent is Agent.SECURITY else Severity.WARNING
        values = dict.fromkeys(rule(RULES[self.agent]).fields, "that")
        found = [
            Finding(self.agent, RULES[self.agent], severity, path, line, line, values, evidence=f"{line}")
            for path in context.files
            for line in (2 + (self.agent is Agent.TESTS), 1)
        ]
        return AgentReport(self.agent, tuple(found))


def saying() -> list[Specialist]:
    return [Saying(agent) for agent in Agent]


KINDS = [
    pytest.param(lambda s, **k: LangGraphReviewer(s, **k), id="langgraph"),
    pytest.param(lambda s, **k: LangGraphReviewer(s, join=True, **k), id="langgraph-join"),
    pytest.param(lambda s, **k: PydanticAIReviewer(s, **k), id="pydantic-ai"),
    pytest.param(lambda s, **k: PydanticAIReviewer(s, one_at_a_time=True, **k), id="pydantic-ai-one-at-a-time"),
]
GUARDED = [KINDS[0], KINDS[2], KINDS[3]]


@pytest.fixture(autouse=True)
def _frameworks() -> None:
    pytest.importorskip("langgraph", reason="LangGraph is in the extra `frameworks`")
    pytest.importorskip("pydantic_ai", reason="pydantic-ai is in the extra `frameworks`")


def told(review: Any) -> tuple[object, ...]:
    """All that a reader of the review sees, without times."""
    said = [(one.agent, one.findings, one.status, one.reason) for one in review.reports]
    return review.comments, review.event, dict(review.left_out), review.notes, said


# The same review


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_a_framework_gives_the_same_review_as_the_orchestrator(kind: Any) -> None:
    ours = await Reviewer(saying()).review(CHANGE)
    theirs = await kind(saying()).review(CHANGE)
    assert len(ours.comments) == 2
    assert ours.event == "REQUEST_CHANGES"
    assert sum(map(len, ours.left_out.values())) == 5
    assert told(theirs) == told(ours)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]])
async def test_the_five_real_specialists_say_the_same_under_a_framework(kind: Any) -> None:
    change = demo_change()
    ours, theirs = await Reviewer().review(change), await kind(None).review(change)
    assert len(ours.comments) >= 5
    assert theirs.comments == ours.comments


@pytest.mark.parametrize("change", [from_texts({"README.md": "# A\n"}, {"README.md": "# B\n"}), from_texts({}, {})])
@pytest.mark.parametrize("kind", KINDS)
async def test_only_specialists_of_the_plan_are_called(kind: Any, change: Change) -> None:
    specialists = [Saying(agent) for agent in Agent]
    review = await kind(specialists).review(change)
    assert told(review) == told(await Reviewer(saying()).review(change))
    assert len(review.reports) == len(Agent)
    planned = {step.agent for step in review.plan.steps}
    assert {one.agent for one in specialists if one.calls} == planned
    assert len(planned) < len(Agent)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_an_earlier_review_posted_is_not_posted_again(kind: Any) -> None:
    first = await kind(saying()).review(CHANGE)
    seen = frozenset(one.fingerprint for one in first.findings)
    assert seen
    assert not (await kind(saying()).review(CHANGE, seen)).comments


@pytest.mark.parametrize("kind", KINDS)
def test_two_specialists_of_one_kind_are_refused(kind: Any) -> None:
    with pytest.raises(ReviewError, match="same agent"):
        kind([Saying(Agent.TESTS), Saying(Agent.TESTS)])


# One specialist fails


@pytest.mark.parametrize("kind", GUARDED)
async def test_with_the_guard_one_failing_specialist_costs_its_own_report_only(kind: Any) -> None:
    failing: list[Specialist] = [Raising(one.agent) if one.agent is Agent.SECURITY else one for one in saying()]
    review = await kind(failing).review(CHANGE)
    assert told(review) == told(await Reviewer(failing).review(CHANGE))
    assert {one.agent: one.status for one in review.reports}[Agent.SECURITY] is Status.FAILED
    assert [one.status for one in review.reports].count(Status.OK) == 4
    assert review.comments
    assert "always fails" in review.notes[0]


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]])
async def test_with_the_guard_a_specialist_that_hangs_is_cut_off_and_named(kind: Any) -> None:
    hanging: list[Specialist] = [Waiting(Agent.QUALITY, 600.0), Saying(Agent.SECURITY)]
    review = await kind(hanging, deadline_s=0.05).review(CHANGE)
    assert [one.status for one in review.reports] == [Status.TIMED_OUT, Status.OK]
    assert review.comments


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[1], KINDS[2]])
async def test_without_the_guard_one_failing_specialist_stops_the_others_and_nothing_is_posted(kind: Any) -> None:
    cut: list[Agent] = []

    class Watched(Waiting):
        async def review(self, context: Context) -> AgentReport:
            try:
                return await super().review(context)
            except asyncio.CancelledError:
                cut.append(self.agent)
                raise

    specialists = [Raising(agent) if agent is Agent.TESTS else Watched(agent, 600.0) for agent in Agent]
    with pytest.raises(RuntimeError, match="always fails"):
        await asyncio.create_task(kind(specialists, guard=False).review(CHANGE))
    await asyncio.sleep(0)
    assert set(cut) == set(Agent) - {Agent.TESTS}


async def test_what_one_failure_does_is_observed_for_each_orchestration() -> None:
    seen = {(one.name, one.variant): one.sentence for one in await frameworks.observe_failures(CHANGE)}
    good = "4 of 5 reports, review posted"
    assert seen == {
        (OURS, GUARD): good,
        (OURS, BARE): "ExceptionGroup, nothing posted",
        ("LangGraph", GUARD): good,
        ("LangGraph", BARE): "RuntimeError, nothing posted",
        ("LangGraph", JOIN): "no error, nothing posted",
        ("pydantic-ai", GUARD): good,
        ("pydantic-ai", BARE): "RuntimeError, nothing posted",
    }


# LangGraph


class Names(TypedDict):
    got: Annotated[list[str], operator.add]


@pytest.mark.parametrize("failing", [None, "c"])
@pytest.mark.parametrize("join", [True, False])
async def test_an_edge_from_a_list_never_reaches_the_aggregator_when_an_error_handler_answered(
    join: bool, failing: str | None
) -> None:
    """LangGraph 1.2 alone, without any code of ours. If this fails, LangGraph was mended: say so in the notebook."""
    from langgraph.graph import START, StateGraph

    aggregated: list[list[str]] = []

    def node(name: str) -> Any:
        async def run(state: Names) -> dict[str, list[str]]:
            if name == failing:
                raise ValueError(name)
            return {"got": [name]}

        return run

    async def handler(state: Names) -> dict[str, list[str]]:
        return {"got": ["handled"]}

    async def aggregate(state: Names) -> dict[str, list[str]]:
        aggregated.append(sorted(state["got"]))
        return {}

    graph: Any = StateGraph(Names)
    graph.add_node("agg", aggregate)
    for name in "abcde":
        graph.add_node(name, node(name), error_handler=handler)
        graph.add_edge(START, name)
        if not join:
            graph.add_edge(name, "agg")
    if join:
        graph.add_edge(list("abcde"), "agg")
    ended = await graph.compile().ainvoke({"got": []})  # returns in all four cases

    names = [name for name in "abcde" if name != failing] + ["handled"] * (failing is not None)
    assert sorted(ended["got"]) == names
    assert aggregated == ([] if join and failing else [names])


async def test_a_graph_that_ends_without_its_aggregator_is_an_error_not_an_empty_review() -> None:
    reviewer = LangGraphReviewer(one_failing(seconds=0), join=True)
    assert await reviewer.attempt(CHANGE) is None
    with pytest.raises(ReviewError, match="fan-in never ran"):
        await reviewer.review(CHANGE)


async def test_the_environment_cannot_make_langgraph_send_the_change_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from langsmith.run_helpers import get_tracing_context

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://traces.example")
    seen: list[object] = []

    class Looking(Waiting):
        async def review(self, context: Context) -> AgentReport:
            seen.append(get_tracing_context()["enabled"])
            return await super().review(context)

    await LangGraphReviewer([Looking(Agent.QUALITY, 0)]).review(CHANGE)
    assert seen == [False]


# pydantic-ai


async def test_a_request_limit_stops_the_run_and_the_guard_saves_the_reports_made_until_then() -> None:
    reviewer = PydanticAIReviewer(saying(), one_at_a_time=True, request_limit=3)
    review = await reviewer.review(CHANGE)
    assert [one.status for one in review.reports] == [Status.OK] * 3 + [Status.OVER_BUDGET] * 2
    assert "request_limit of 3" in review.reports[-1].reason
    assert review.comments
    assert len(review.notes) == 2


async def test_a_request_limit_loses_every_report_without_the_guard() -> None:
    from pydantic_ai import UsageLimitExceeded

    specialists = [Saying(agent) for agent in Agent]
    with pytest.raises(UsageLimitExceeded, match="request_limit of 1"):
        await PydanticAIReviewer(specialists, guard=False, request_limit=1).review(CHANGE)
    assert [one.calls for one in specialists] == [1] * 5  # all had done their work


async def test_a_request_limit_that_stops_only_the_last_word_costs_nothing_with_the_guard() -> None:
    review = await PydanticAIReviewer(saying(), request_limit=1).review(CHANGE)
    assert told(review) == told(await Reviewer(saying()).review(CHANGE))


async def test_a_tool_call_limit_below_one_answer_runs_no_specialist_at_all() -> None:
    specialists = [Saying(agent) for agent in Agent]
    review = await PydanticAIReviewer(specialists, tool_calls_limit=3).review(CHANGE)
    assert [one.calls for one in specialists] == [0] * 5
    assert {one.status for one in review.reports} == {Status.OVER_BUDGET}
    assert not review.comments
    assert len(review.notes) == 5


async def test_pydantic_ais_own_test_model_calls_every_specialist_once() -> None:
    from pydantic_ai.models.test import TestModel

    specialists = [Saying(agent) for agent in Agent]
    review = await PydanticAIReviewer(specialists, model=TestModel()).review(CHANGE)
    assert [one.calls for one in specialists] == [1] * 5
    assert review.comments == (await Reviewer(saying()).review(CHANGE)).comments


async def test_a_specialist_that_the_model_leaves_out_is_named() -> None:
    from pydantic_ai.models.test import TestModel

    model = TestModel(call_tools=["quality", "tests", "tests"])
    review = await PydanticAIReviewer(saying(), model=model).review(CHANGE)
    missing = {one.agent: one.reason for one in review.reports if one.status is Status.FAILED}
    assert missing == dict.fromkeys((Agent.SECURITY, Agent.PERFORMANCE, Agent.DOCUMENTATION), "never called")
    assert len(review.notes) == 3


async def test_a_specialist_runs_once_however_often_the_model_asks() -> None:
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    def decide(messages: list[Any], info: Any) -> ModelResponse:
        if len(messages) > 3:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart("quality", {}), ToolCallPart("quality", {})])

    specialist = Saying(Agent.QUALITY)
    await PydanticAIReviewer([specialist], model=FunctionModel(decide)).review(CHANGE)
    assert specialist.calls == 1


async def test_a_model_that_fails_does_not_take_the_reports_with_it() -> None:
    from pydantic_ai.messages import ModelResponse, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    def decide(messages: list[Any], info: Any) -> ModelResponse:
        if len(messages) > 1:
            raise ConnectionError("the model is gone")
        return ModelResponse(parts=[ToolCallPart("quality", {})])

    review = await PydanticAIReviewer(saying(), model=FunctionModel(decide)).review(CHANGE)
    assert [one.status for one in review.reports] == [Status.OK] + [Status.FAILED] * 4
    assert "the model is gone" in review.reports[1].reason


async def test_the_model_is_shown_no_text_of_the_change() -> None:
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    shown: list[str] = []

    def decide(messages: list[Any], info: Any) -> ModelResponse:
        shown.append(repr(messages) + repr(info))
        return ModelResponse(parts=[ToolCallPart("quality", {})] if len(messages) == 1 else [TextPart("done")])

    class Quoting(Saying):
        async def review(self, context: Context) -> AgentReport:
            await super().review(context)
            raise ValueError(context.change.files[0].after)

    await PydanticAIReviewer([Quoting(Agent.QUALITY)], model=FunctionModel(decide)).review(CHANGE)
    assert len(shown) == 2
    assert not any("print(" in one or "orders" in one for one in shown)


# Comparing


@pytest.mark.slow
async def test_every_orchestration_gets_a_row_with_what_was_measured() -> None:
    rows = await frameworks.compare(demo_change(), repeats=2)
    assert [one.name for one in rows] == ["asyncio.TaskGroup (ours)", "LangGraph", "pydantic-ai"]
    for one in rows:
        assert one.wall > 0.06
        assert one.overhead > 0
        assert one.spread >= 0
        assert 20 < one.lines < 100
        assert one.on_failure.startswith("4 of 5 reports, review posted; without the guard: ")


async def test_repeats_may_differ_by_name_and_each_wall_is_longer_than_its_slowest_specialist() -> None:
    specialists = [Waiting(agent, 0.001) for agent in Agent]
    counts = {OURS: 3, "LangGraph": 1, "pydantic-ai": 2}
    timings = await frameworks.measure(CHANGE, specialists, counts)
    assert {name: len(found) for name, found in timings.items()} == counts
    assert all(one.ratio > 1 and one.slowest > 0 for found in timings.values() for one in found)


async def test_comparing_nothing_is_refused() -> None:
    nothing = Change("o/r", "a", "b", ())
    with pytest.raises(ReviewError, match="nothing to compare"):
        await frameworks.compare(nothing, repeats=1)
    with pytest.raises(ReviewError, match="at least 1"):
        await frameworks.compare(CHANGE, repeats=0)


@pytest.mark.parametrize(("module", "kind"), [("langgraph", LangGraphReviewer), ("pydantic_ai", PydanticAIReviewer)])
async def test_a_missing_framework_is_named_with_its_mend(
    module: str, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [one for one in sys.modules if one.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NotInstalled, match=r"pip install ai-design-workbook\[frameworks\]"):
        kind(saying())
    by_name = {one.name: one for one in await frameworks.compare(CHANGE, 1, [Waiting(Agent.QUALITY, 0.001)])}
    assert len(by_name) == 3
    missing = by_name.pop(kind.name)
    assert missing.on_failure == "not installed"
    assert math.isnan(missing.wall)
    assert math.isnan(missing.overhead)
    assert math.isnan(missing.spread)
    assert all(one.wall > 0 for one in by_name.values())


def test_importing_the_adapters_imports_no_framework() -> None:
    code = "import sys, reference.agents.frameworks as f; print([m for m in ('langgraph', 'pydantic_ai') if m in sys.modules])"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.lists(st.sampled_from(["", "    # said", "    x = 1", '    y = """a\n    b"""']), max_size=12))
def test_lines_of_source_count_code_only(body: list[str]) -> None:
    text = "\n".join(['@staticmethod\ndef f():\n    """Says.\n\n    More.\n    """', *body, "    return 1  # end"])
    want = 3 + body.count("    x = 1") + 2 * sum('"""' in one for one in body)
    assert code_lines(text) == want
