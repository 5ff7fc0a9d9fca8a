"""What is the same whoever orchestrates: the plan before the fan-out, the answer after the fan-in."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from reference.agents.interfaces import Context, Specialist
from reference.agents.types import Agent, AgentReport, Change, Plan, Review, ReviewError, Severity, Status

FanIn = Callable[[Sequence[AgentReport]], Review]


class NotInstalled(ReviewError):
    """The framework is missing; the message says how to get it."""


def need(module: str, name: str) -> None:
    """Raises NotInstalled unless `module` can be imported."""
    try:
        importlib.import_module(module)
    except ImportError as problem:
        raise NotInstalled(
            f"{name} is not installed ({problem}): pip install ai-design-workbook[frameworks]"
        ) from problem


class FrameworkReviewer(ABC):
    """Reviews changes like orchestrator.Reviewer without its language tier: same plan, specialists and aggregation.

    Args:
        specialists: default: the five.
        guard: a specialist that raises becomes a report that says so; without it the framework does what it does.
        cap: inline comments at most.
        deadline_s: of one specialist, where the plan does not give it less.

    Raises:
        NotInstalled: the framework is missing.
    """

    name: ClassVar[str]
    module: ClassVar[str]  # what has to be importable

    def __init__(
        self,
        specialists: Sequence[Specialist] | None = None,
        *,
        guard: bool = True,
        cap: int = 10,
        deadline_s: float = 120.0,
    ) -> None:
        need(self.module, self.name)
        if specialists is None:
            from reference.agents.orchestrator import five_specialists

            specialists = five_specialists()
        agents = [one.agent for one in specialists]
        if len(set(agents)) != len(agents):
            raise ReviewError("specialists: two of them are the same agent")
        self.specialists, self.guard, self.cap, self.deadline_s = list(specialists), guard, cap, deadline_s

    @abstractmethod
    async def orchestrate(self, contexts: Mapping[Agent, Context], fan_in: FanIn) -> Review | None:
        """Every specialist that has a context, side by side; then what `fan_in` makes of their reports.

        None: the framework ended without an error and without a fan-in.
        """

    async def review(self, change: Change, posted_before: frozenset[str] = frozenset()) -> Review:
        """The review.

        Raises:
            ReviewError: the framework ended without calling the fan-in.
            Exception: what a specialist raised, if there is no guard; its type is the framework's choice.
        """
        review = await self.attempt(change, posted_before)
        if review is None:
            raise ReviewError(f"{self.name}: the run ended without an error, but its fan-in never ran; nothing to post")
        return review

    async def attempt(self, change: Change, posted_before: frozenset[str] = frozenset()) -> Review | None:
        """As `review`, but None where the framework ended without calling the fan-in."""
        from reference.agents.orchestrator import make_plan

        begun = time.perf_counter()
        plan = make_plan(change, self.specialists)
        contexts = {
            step.agent: Context(change, step.files, min(step.timeout_s, self.deadline_s)) for step in plan.steps
        }

        def fan_in(reports: Sequence[AgentReport]) -> Review:
            return self._answer(change, plan, reports, posted_before, begun)

        return await self.orchestrate(contexts, fan_in) if contexts else fan_in(())

    def _answer(
        self, change: Change, plan: Plan, reports: Sequence[AgentReport], posted_before: frozenset[str], begun: float
    ) -> Review:
        from reference.agents.orchestrator import aggregate
        from reference.agents.orchestrator.reviewer import _notes

        planned = {step.agent for step in plan.steps}
        by_agent = {one.agent: one for one in reports}
        for agent in (one.agent for one in self.specialists):
            if agent in planned:  # a model that orchestrates may leave one out: that must show
                by_agent.setdefault(agent, AgentReport(agent, status=Status.FAILED, reason="never called"))
            else:
                by_agent[agent] = AgentReport(agent, status=Status.SKIPPED, reason=plan.skip or "no file for it")
        ordered = tuple(by_agent[one.agent] for one in self.specialists)
        found = aggregate(change, ordered, cap=self.cap, minimum=Severity.WARNING, posted_before=posted_before)
        return Review(
            change=change,
            plan=plan,
            reports=ordered,
            comments=found.comments,
            event=found.event,
            left_out=found.left_out,
            notes=tuple(_notes(change, plan.unread, ordered)),
            seconds=time.perf_counter() - begun,
        )


async def timed_review(one: Specialist, context: Context, began: float) -> AgentReport:
    """The specialist's report, with its times. Raises what it raises, and TimeoutError when its time is over.

    began: `time.perf_counter()` when the fan-out began.
    """
    begun = time.perf_counter()
    async with asyncio.timeout(context.timeout_s):
        report = await one.review(context)
    return dataclasses.replace(report, agent=one.agent, begun=begun - began, ended=time.perf_counter() - began)


def failed_report(agent: Agent, problem: BaseException) -> AgentReport:
    """What the review says of a specialist that raised."""
    if isinstance(problem, TimeoutError):
        return AgentReport(agent, status=Status.TIMED_OUT, reason="not done in time")
    return AgentReport(agent, status=Status.FAILED, reason=f"{type(problem).__name__}: {problem}"[:300])
