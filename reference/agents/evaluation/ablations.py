"""What each part adds: tools and language model apart and together; one specialist with all tools against five."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.agents.interfaces import Context, Specialist
from reference.agents.types import Agent, AgentReport, Finding, ReviewError, Status

from .evaluate import Report, Reviewing, build_cases, run_cases, summarised
from .matcher import Outcome

NOT_RUN = "not run: no capable model"
_BAD = (Status.DEGRADED, Status.TIMED_OUT, Status.FAILED, Status.OVER_BUDGET)


@dataclass(frozen=True, slots=True)
class Ablation:
    """One row. `report` is None where it was not run; `note` says why, or what was compared."""

    name: str
    report: Report | None
    note: str = ""


class AllInOne:
    """One specialist that has the tools of all: they run one after the other, in one time-out and one report."""

    agent = Agent.QUALITY

    def __init__(self, specialists: Sequence[Specialist]) -> None:
        self._specialists = tuple(specialists)

    async def review(self, context: Context) -> AgentReport:
        findings: list[Finding] = []
        reasons: list[str] = []
        paths = tuple(one.path for one in context.change.files)
        for specialist in self._specialists:
            share = Context(context.change, paths, context.timeout_s, context.options)
            report = await specialist.review(share)
            findings += report.findings
            reasons += [report.reason] if report.status in _BAD else []
        return AgentReport(self.agent, tuple(findings), Status.DEGRADED if reasons else Status.OK, "; ".join(reasons))


def ablations(
    profile: str = "ci", split: str = "tuning", reviewer: Reviewing | None = None, model_reviewer: Any = None, *,
    tools_only: Report | None = None, every: int = 1,
) -> list[Ablation]:  # fmt: skip
    """Rows: five specialists with tools only; one with all tools; with a language model, if one was let in.

    Args:
        reviewer: tools only; the default one without.
        model_reviewer: a Reviewer whose language tier passed its gate, None without such a model.
        tools_only: what `evaluate` has just measured on the same profile and split; the first row is taken from it.
        every: of how many cases one is reviewed, for a quick look; every row is of the same cases.

    Raises:
        ReviewError: an unknown profile or split, or `tools_only` is of another.
    """
    from reference.agents.orchestrator import default_reviewer, five_specialists

    if tools_only is not None and (tools_only.profile, tools_only.split) != (profile, split):
        raise ReviewError(
            f"tools_only is of {tools_only.profile}, {tools_only.split}, the others would be of {profile}, {split}; "
            "evaluate it on the same cases"
        )

    cases, origin, problems = build_cases(profile, split)
    cases = cases[::every]
    ids = {one.id for one in cases}

    def run(one: Reviewing) -> Report:
        return told(*run_cases(cases, one))

    def told(outcomes: Sequence[Outcome], failed: dict[str, str]) -> Report:
        return summarised(outcomes, failed, profile, split, origin, problems)

    def part(whole: Report) -> Report:
        failed = {id: why for id, why in whole.failed.items() if id in ids}
        return told([one for one in whole.outcomes if one.case.id in ids], failed)

    rows = [
        Ablation(
            "tools only, five specialists", part(tools_only) if tools_only else run(reviewer or default_reviewer())
        ),
        Ablation(
            "tools only, one specialist", run(SingleReviewer(five_specialists())), "the same tools, one after the other"
        ),
    ]
    if model_reviewer is None:
        return [
            *rows,
            Ablation("language model only", None, NOT_RUN),
            Ablation("tools and language model", None, NOT_RUN),
        ]
    without_tools = getattr(model_reviewer, "without_tools", None)
    alone = without_tools() if callable(without_tools) else None
    rows.append(
        Ablation("language model only", run(alone)) if alone is not None
        else Ablation("language model only", None, "not run: this reviewer cannot leave its tools out")
    )  # fmt: skip
    return [*rows, Ablation("tools and language model", run(model_reviewer))]


class SingleReviewer:
    """All findings from one AllInOne; then the usual aggregation, which the five specialists' reviews have as well."""

    def __init__(self, specialists: Sequence[Specialist]) -> None:
        self._one = AllInOne(specialists)

    def review_now(self, change: Any) -> Any:
        from reference.agents.orchestrator import Reviewer

        report = asyncio.run(self._one.review(Context(change, tuple(one.path for one in change.files), 120.0)))
        stands: list[Specialist] = [
            _Said(agent, tuple(f for f in report.findings if f.agent is agent), report) for agent in Agent
        ]
        return Reviewer(specialists=stands).review_now(change)


@dataclass(slots=True)
class _Said:
    """Hands on what AllInOne found of one specialist's kind, so that plan and aggregation are the same."""

    agent: Agent
    findings: tuple[Finding, ...]
    whole: AgentReport

    async def review(self, context: Context) -> AgentReport:
        return AgentReport(self.agent, self.findings, self.whole.status, self.whole.reason)
