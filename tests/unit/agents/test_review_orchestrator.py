"""One specialist in trouble costs its own findings and no others; the slowest sets the time. The clock is ours."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from reference.agents.interfaces import Context, Reply
from reference.agents.orchestrator import PlanLimits, Reviewer, default_reviewer, five_specialists, make_plan
from reference.agents.rules import registry
from reference.agents.sources import from_texts
from reference.agents.types import Agent, AgentReport, Finding, ReviewError, Status


class Clock(selectors.SelectSelector):
    """Whoever waits for a time is there at once, and the loop's clock with it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits for something that never comes"
        self.now += timeout
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def run(work: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
    """(result, seconds on the loop's clock)."""
    loop = Loop()
    try:
        return loop.run_until_complete(work), loop.clock.now
    finally:
        loop.close()


OLD = "".join(f"line_{n} = {n}\n" for n in range(1, 9))
CHANGE = from_texts({"a.py": OLD}, {"a.py": OLD.replace("= 3", "= 30").replace("= 4", "= 40").replace("= 5", "= 50")})
RULE = {
    Agent.QUALITY: "quality/bug",
    Agent.SECURITY: "security/weak-hash",
    Agent.PERFORMANCE: "performance/list-membership",
    Agent.TESTS: "tests/always-true",
    Agent.DOCUMENTATION: "documentation/undocumented-parameter",
}


class Fake:
    """Waits, and then finds one fault or does what `action` does."""

    def __init__(self, agent: Agent, seconds: float = 1.0, action: Any = None) -> None:
        self.agent, self.seconds, self.action = agent, seconds, action
        self.contexts: list[Context] = []

    async def review(self, context: Context) -> AgentReport:
        self.contexts.append(context)
        await asyncio.sleep(self.seconds)
        if self.action is not None:
            await self.action()
        return AgentReport(self.agent, (fault(self.agent),))


def fault(agent: Agent) -> Finding:
    entry = registry()[RULE[agent]]
    line = 3 + list(Agent).index(agent) % 3
    return Finding(agent, entry.id, entry.severity, "a.py", line, line, dict.fromkeys(entry.fields, "x"), evidence="e")


def five(**special: Fake) -> list[Fake]:
    return [special.get(agent.value) or Fake(agent) for agent in Agent]


async def raises() -> None:
    raise RuntimeError("tool is gone")


async def gives_up() -> None:
    raise TimeoutError("the tool's own limit")


async def cancels_itself() -> None:
    raise asyncio.CancelledError


async def hangs() -> None:
    await asyncio.Event().wait()


def posted(review) -> set[str]:
    return {one.agent.value for one in review.findings}


def test_five_that_wait_take_as_long_as_the_slowest():
    specialists = [Fake(agent, seconds) for agent, seconds in zip(Agent, (1, 2, 3, 4, 11), strict=True)]
    review, seconds = run(Reviewer(specialists).review(CHANGE))
    assert seconds == 11
    assert [(one.begun, one.ended) for one in review.reports] == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 11)]
    assert posted(review) == {agent.value for agent in Agent}


@pytest.mark.parametrize(("action", "status", "says"), [
    (raises, Status.FAILED, "RuntimeError: tool is gone"),
    (gives_up, Status.FAILED, "TimeoutError: the tool's own limit"),
    (cancels_itself, Status.FAILED, "cancelled itself"),
    (hangs, Status.TIMED_OUT, "not done within 15.03 s"),
])  # fmt: skip
@pytest.mark.parametrize("agent", list(Agent))
def test_one_in_trouble_is_named_and_the_others_findings_stand(agent, action, status, says):
    review, seconds = run(Reviewer(five(**{agent.value: Fake(agent, action=action)})).review(CHANGE))
    report = next(one for one in review.reports if one.agent is agent)
    assert report.status is status
    assert says in report.reason
    assert posted(review) == {one.value for one in Agent} - {agent.value}
    assert [note for note in review.notes if note.startswith(f"{agent.value}: {status.value} (")]
    assert seconds == pytest.approx(15.03 if action is hangs else 1)


def test_the_deadline_of_the_review_cuts_off_whoever_is_not_done():
    review, seconds = run(Reviewer(five(tests=Fake(Agent.TESTS, 9)), deadline_s=5).review(CHANGE))
    assert seconds == 5
    assert [one.status for one in review.reports].count(Status.TIMED_OUT) == 1
    assert posted(review) == {one.value for one in Agent} - {"tests"}


def test_a_report_under_another_name_is_put_right():
    class Impostor(Fake):
        async def review(self, context):
            return replace(await super().review(context), agent=Agent.SECURITY)

    review, _ = run(Reviewer(five(quality=Impostor(Agent.QUALITY))).review(CHANGE))
    assert [one.agent for one in review.reports] == list(Agent)


def test_a_review_that_is_called_off_ends_at_once():
    async def work():
        task = asyncio.create_task(Reviewer(five(tests=Fake(Agent.TESTS, action=hangs))).review(CHANGE))
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    left, seconds = run(work())
    assert (left, seconds) == (set(), 2)


# ---- language tier


class Scripted:
    """A model: seconds it takes, and what it answers."""

    name = "scripted"

    def __init__(self, text: str = "", seconds: float = 1.0, problem: Exception | None = None) -> None:
        self.text, self.seconds, self.problem, self.asked = text, seconds, problem, 0

    async def complete(self, system, user, schema, max_tokens, timeout_s):
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.problem:
            raise self.problem
        return Reply(self.text, 10, 5, self.seconds)


class Tier:
    tier = 2

    def __init__(self, worst: float = 0.1, cost: float = 0.05, action: Any = None) -> None:
        self.worst, self.cost, self.action, self.asked = worst, cost, action, []

    def worst_case(self, context, model):
        return self.worst

    async def improve(self, context, report, model, allowance):
        self.asked.append((report.agent, allowance))
        await asyncio.sleep(1)
        if self.action is not None:
            await self.action()
        return replace(report, cost=report.cost + self.cost, calls=1)


def test_over_budget_the_tier_is_not_asked_and_the_tools_findings_stand():
    tier = Tier(worst=0.2)
    review, _ = run(Reviewer(five(), tier=tier, model=Scripted(), budget=0.5).review(CHANGE))
    assert len(tier.asked) == 2  # two worst cases fit at the same time, all five ask at the same time
    over = [one for one in review.reports if one.status is Status.OVER_BUDGET]
    assert len(over) == 3
    assert all("may cost $0.2000" in one.reason for one in over)
    assert posted(review) == {one.value for one in Agent}
    assert review.cost == pytest.approx(0.1)


def test_what_one_did_not_use_is_there_for_a_later_one():
    specialists = [Fake(agent, 1 + 3 * n) for n, agent in enumerate(Agent)]
    tier = Tier(worst=0.4, cost=0.02)
    review, _ = run(Reviewer(specialists, tier=tier, model=Scripted(), budget=0.5).review(CHANGE))
    assert len(tier.asked) == 5
    assert review.cost == pytest.approx(0.1)


@pytest.mark.parametrize("action", [raises, hangs])
def test_a_tier_in_trouble_leaves_the_tools_findings_and_counts_its_worst_case(action):
    tier = Tier(worst=0.1, action=action)
    review, seconds = run(Reviewer(five(), tier=tier, model=Scripted(), deadline_s=8).review(CHANGE))
    assert posted(review) == {one.value for one in Agent}
    assert {one.status for one in review.reports} == {Status.DEGRADED}
    assert review.cost == pytest.approx(0.5)
    assert seconds == pytest.approx(8 if action is hangs else 2)


def test_the_tier_is_not_asked_about_a_specialist_that_failed():
    tier = Tier()
    run(Reviewer(five(security=Fake(Agent.SECURITY, action=raises)), tier=tier, model=Scripted()).review(CHANGE))
    assert Agent.SECURITY not in {agent for agent, _ in tier.asked}
    assert len(tier.asked) == 4


# ---- headline


def headline_of(text: str) -> str:
    model = Scripted(json.dumps({"summary": text}))
    review, _ = run(Reviewer(five(), model=model, headline=True).review(CHANGE))
    assert model.asked == 1
    return review.headline


def test_a_headline_that_only_says_what_the_change_says_is_kept():
    assert headline_of("Changes three numbers in a.py") == "Changes three numbers in a.py"


@pytest.mark.parametrize("text", ["This looks good and safe to merge", "Adds load_orders() to shop/search.py"])
def test_a_headline_that_judges_or_makes_something_up_is_dropped(text):
    assert headline_of(text) == ""


@pytest.mark.parametrize("model", [
    Scripted("no JSON"), Scripted(problem=ReviewError("refused")), Scripted(problem=OSError("no route")),
    Scripted(seconds=1e6),
])  # fmt: skip
def test_a_headline_in_trouble_costs_no_review(model):
    review, seconds = run(Reviewer(five(), model=model, headline=True, deadline_s=9).review(CHANGE))
    assert (review.headline, posted(review)) == ("", {one.value for one in Agent})
    assert seconds <= 9


def test_a_tier_or_a_headline_without_a_model_is_refused():
    for options in ({"tier": Tier()}, {"headline": True}):
        with pytest.raises(ReviewError, match="need a model"):
            Reviewer(five(), **options)


# ---- what became of earlier comments


class Outcomes:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def muted(self, repository):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_muted_rule_is_left_out():
    review, _ = run(Reviewer(five(), outcomes=Outcomes(frozenset({"quality/bug"}))).review(CHANGE))
    assert posted(review) == {one.value for one in Agent} - {"quality"}
    assert [one.rule for one in review.left_out["muted: nobody acted on it here"]] == ["quality/bug"]


def test_outcomes_that_cannot_be_read_mute_nothing_and_are_named():
    review, _ = run(Reviewer(five(), outcomes=Outcomes(ReviewError("file is damaged"))).review(CHANGE))
    assert posted(review) == {one.value for one in Agent}
    assert "no rule is muted: file is damaged" in review.notes


def test_what_was_posted_before_reaches_the_aggregate():
    review, _ = run(Reviewer(five()).review(CHANGE, posted_before=[fault(Agent.TESTS).fingerprint]))
    assert posted(review) == {one.value for one in Agent} - {"tests"}


# ---- plan


def plan_of(before: dict[str, str], after: dict[str, str]):
    plan = make_plan(from_texts(before, after), [Fake(agent) for agent in Agent])
    return plan, {step.agent.value: set(step.files) for step in plan.steps}


def test_each_specialist_gets_its_files():
    after = {
        "shop/orders.py": "def total(x):\n    return x\n",
        "tests/test_orders.py": "def test_a():\n    assert 1\n",
        "README.md": "text\n",
        "settings.yaml": "a: 1\n",
        "requirements.txt": "flask==3.1.2\n",
    }
    plan, files = plan_of({}, after)
    code = {"shop/orders.py", "tests/test_orders.py"}
    assert files == {
        "quality": code,
        "security": set(after),
        "performance": {"shop/orders.py"},
        "tests": code,
        "documentation": code | {"README.md", "settings.yaml"},
    }
    assert (plan.skip, plan.lines_added, plan.languages["python"]) == ("", 7, 4)


def test_a_deleted_file_is_for_tests_and_documentation_alone():
    _, files = plan_of({"a.py": "x = 1\n", "b.py": "y = 1\n"}, {"b.py": "y = 1\n"})
    assert {agent for agent, named in files.items() if "a.py" in named} == {"tests", "documentation"}


def test_a_trivial_change_still_gets_the_scan_for_secrets():
    plan, files = plan_of({"README.md": "a\n"}, {"README.md": "b\n"})
    assert (plan.skip, files) == ("only documentation", {"security": {"README.md"}})
    quiet = five()
    review, _ = run(Reviewer(quiet).review(from_texts({"README.md": "a\n"}, {"README.md": "b\n"})))
    assert [len(one.contexts) for one in quiet] == [0, 1, 0, 0, 0]
    assert [one.status for one in review.reports].count(Status.SKIPPED) == 4
    assert all(one.reason == "only documentation" for one in review.reports if one.status is Status.SKIPPED)


def test_an_empty_change_is_skipped_with_a_reason_and_no_model_is_asked():
    model = Scripted()
    quiet = five()
    empty = from_texts({"a.py": "x\n"}, {"a.py": "x\n"})
    review, seconds = run(Reviewer(quiet, model=model, headline=True).review(empty))
    assert (review.plan.steps, review.plan.skip, review.comments, review.event) == (
        (),
        "no file changes",
        (),
        "COMMENT",
    )
    assert (model.asked, sum(len(one.contexts) for one in quiet), seconds) == (0, 0, 0)


def test_seconds_grow_with_the_lines_up_to_a_limit():
    limits = PlanLimits(base=2, per_1000_lines=1000, most=10)

    def seconds(lines: int) -> float:
        change = from_texts({}, {"a.py": "x = 1\n" * lines})
        return make_plan(change, [Fake(Agent.QUALITY)], limits=limits).steps[0].timeout_s

    assert [seconds(1), seconds(5), seconds(500)] == [3, 7, 10]


# ---- settings


def test_settings_come_from_the_environment_and_arguments_win():
    made = default_reviewer({"WORKBOOK_REVIEW_BUDGET": "0.2", "WORKBOOK_REVIEW_CAP": "4"}, cap=7)
    assert (made.budget, made.cap) == (0.2, 7)
    with pytest.raises(ReviewError, match="cap"):
        default_reviewer({"WORKBOOK_REVIEW_CAP": "0"})


def test_the_five_are_in_order_and_no_agent_may_come_twice():
    assert [one.agent for one in five_specialists()] == list(Agent)
    with pytest.raises(ReviewError, match="same agent"):
        Reviewer([Fake(Agent.TESTS), Fake(Agent.TESTS)])


def test_a_caller_without_an_event_loop_gets_the_same_review():
    specialists = [Fake(agent, 0) for agent in Agent]
    assert posted(Reviewer(specialists).review_now(CHANGE)) == {agent.value for agent in Agent}
