"""What becomes of a review when one of five specialists raises: run, and looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from reference.agents.interfaces import Context, Specialist
from reference.agents.types import Agent, AgentReport, Change, Review, Status

from .base import NotInstalled
from .state_graph import LangGraphReviewer
from .tool_agent import PydanticAIReviewer

OURS = "asyncio.TaskGroup (ours)"
GUARD, BARE, JOIN = "with its guard", "without the guard", "guard, one edge from a list"


class Raising:
    """Specialist that always fails."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    async def review(self, context: Context) -> AgentReport:
        del context
        raise RuntimeError("this specialist always fails")


@dataclass(frozen=True, slots=True)
class Failure:
    """One observed run.

    Attributes:
        variant: GUARD, BARE or JOIN.
        error: type of the exception that came out of the run; empty if it returned.
        posted: whether there was a review.
        good: specialists whose report in it is complete; 0 without a review.
        of: specialists in all.
    """

    name: str
    variant: str
    error: str
    posted: bool
    good: int
    of: int

    @property
    def sentence(self) -> str:
        if self.posted:
            return f"{self.good} of {self.of} reports, review posted"
        return f"{self.error or 'no error'}, nothing posted"


def one_failing(failing: Agent = Agent.SECURITY, seconds: float = 0.005) -> list[Specialist]:
    """Five specialists: one raises at once, the others wait and find nothing."""
    from reference.agents.experiments.waits import Waiting

    return [Raising(agent) if agent is failing else Waiting(agent, seconds) for agent in Agent]


async def observe_failures(change: Change) -> list[Failure]:
    """One run per orchestration and variant; those of a framework that is not installed are left out."""
    from reference.agents.orchestrator import Reviewer

    specialists = one_failing()
    runs: list[tuple[str, str, Callable[[Change], Awaitable[Review | None]]]] = [
        (OURS, GUARD, Reviewer(specialists).review),
        (OURS, BARE, lambda one: _bare_task_group(one, specialists)),
    ]
    for kind in (LangGraphReviewer, PydanticAIReviewer):
        try:
            runs += [(kind.name, GUARD, kind(specialists).attempt)]
            runs += [(kind.name, BARE, kind(specialists, guard=False).attempt)]
            if kind is LangGraphReviewer:
                runs += [(kind.name, JOIN, LangGraphReviewer(specialists, join=True).attempt)]
        except NotInstalled:
            continue
    return [await _observed(name, variant, run, change, len(specialists)) for name, variant, run in runs]


async def _observed(
    name: str, variant: str, run: Callable[[Change], Awaitable[Review | None]], change: Change, of: int
) -> Failure:
    error, review = "", None
    try:
        # A task of its own: on Python 3.11 a TaskGroup that failed leaves its task marked as being cancelled, and
        # pydantic-ai then ends whatever it runs in that task.
        review = await asyncio.create_task(_awaited(run, change))
    except Exception as problem:
        error = type(problem).__name__
    good = sum(one.status is Status.OK for one in review.reports) if review else 0
    return Failure(name, variant, error, review is not None, good, of)


async def _awaited(run: Callable[[Change], Awaitable[Review | None]], change: Change) -> Review | None:
    return await run(change)


async def _bare_task_group(change: Change, specialists: Sequence[Specialist]) -> Review:
    """The fan-out of the orchestrator with its guard left out; for this comparison only."""
    from reference.agents.orchestrator import aggregate, make_plan

    plan = make_plan(change, specialists)
    steps = {step.agent: step for step in plan.steps}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_plain(one, Context(change, steps[one.agent].files))) for one in specialists]
    reports = tuple(task.result() for task in tasks)
    found = aggregate(change, reports)
    return Review(change, plan, reports, found.comments, found.event)


async def _plain(one: Specialist, context: Context) -> AgentReport:
    return await one.review(context)
