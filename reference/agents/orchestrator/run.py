"""The specialists side by side: each with its time-out, its share of money and its own failure."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence

from reference.agents.interfaces import Context, LanguageTier, Model, Specialist
from reference.agents.types import Agent, AgentReport, Change, Plan, Status, Step

from .budget import BudgetError, Ledger


@dataclasses.dataclass(frozen=True, slots=True)
class Language:
    """The optional language tier of a review and the model behind it."""

    tier: LanguageTier
    model: Model


async def run_plan(
    change: Change,
    plan: Plan,
    specialists: Sequence[Specialist],
    *,
    ledger: Ledger,
    language: Language | None = None,
    deadline_s: float = 120.0,
    options: Mapping[str, str] | None = None,
) -> tuple[AgentReport, ...]:
    """One report per specialist, in their order. Never raises for what a specialist does: its report says it.

    Time is the event loop's; a specialist that blocks the loop cannot be cut off, so blocking work belongs in threads.

    deadline_s: of all together; whoever is not done by then is cut off and named.
    """
    clock = asyncio.get_running_loop().time  # the one that time-outs run by
    began = clock()
    steps = {step.agent: step for step in plan.steps}
    reports: dict[Agent, AgentReport] = {}

    async def guarded(one: Specialist) -> None:
        step = steps.get(one.agent)
        begun = clock() - began
        if step is None:
            reports[one.agent] = AgentReport(one.agent, status=Status.SKIPPED, reason=plan.skip or "no file for it")
            return
        left = deadline_s - begun
        context = Context(change, step.files, min(step.timeout_s, left), dict(options or {}))
        report = await _with_timeout(one, context)
        if language is not None and report.status in (Status.OK, Status.DEGRADED):
            report = await _with_language(step, context, report, language, ledger, deadline_s, began)
        reports[one.agent] = dataclasses.replace(report, begun=begun, ended=clock() - began)

    async with asyncio.TaskGroup() as group:
        for one in specialists:
            group.create_task(guarded(one))
    return tuple(reports[one.agent] for one in specialists)


async def _with_timeout(one: Specialist, context: Context) -> AgentReport:
    limit = asyncio.timeout(context.timeout_s)
    try:
        async with limit:
            report = await one.review(context)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # the whole review is being cancelled
        return AgentReport(one.agent, status=Status.FAILED, reason="it cancelled itself")
    except Exception as problem:  # a specialist may fail in any way; the others go on and the review names it
        if limit.expired() and isinstance(problem, TimeoutError):  # not a time-out of its own, of a tool perhaps
            return AgentReport(one.agent, status=Status.TIMED_OUT, reason=f"not done within {context.timeout_s:g} s")
        return AgentReport(one.agent, status=Status.FAILED, reason=f"{type(problem).__name__}: {problem}"[:300])
    return dataclasses.replace(report, agent=one.agent)


async def _with_language(
    step: Step,
    context: Context,
    report: AgentReport,
    language: Language,
    ledger: Ledger,
    deadline_s: float,
    began: float,
) -> AgentReport:
    """What the tier makes of the report. On any trouble the tools' findings stand as they were."""
    try:
        held = ledger.reserve(step.agent.value, step.reserve)
    except BudgetError as problem:
        return _marked(report, Status.OVER_BUDGET, f"language model not asked: {problem}")
    # What is not known to be free counts as spent until the tier says what it was.
    cost = step.reserve
    try:
        left = deadline_s - (asyncio.get_running_loop().time() - began)
        async with asyncio.timeout(max(0.0, min(step.timeout_s, left))):
            better = await language.tier.improve(context, report, language.model, step.reserve)
        cost = better.cost - report.cost
        return better
    except TimeoutError:
        return _marked(report, Status.DEGRADED, "language model: out of time", cost)
    except Exception as problem:
        return _marked(report, Status.DEGRADED, f"language model: {type(problem).__name__}: {problem}"[:300], cost)
    finally:
        _settle(ledger, held, cost)


def _settle(ledger: Ledger, held: object, cost: float) -> None:
    import contextlib

    with contextlib.suppress(BudgetError):  # it is counted; the tier that overspent shows in the report's cost
        ledger.settle(held, cost)  # type: ignore[arg-type]


def _marked(report: AgentReport, status: Status, reason: str, cost: float = 0.0) -> AgentReport:
    reasons = "; ".join(part for part in (report.reason, reason) if part)
    return dataclasses.replace(report, status=status, reason=reasons, cost=report.cost + cost)
