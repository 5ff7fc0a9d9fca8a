"""The whole of one review, from a change to what will be posted."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from reference.agents.interfaces import Context, LanguageTier, Model, Outcomes, Specialist
from reference.agents.types import Agent, AgentReport, Change, Review, ReviewError, Severity, Status

from .aggregate import aggregate
from .budget import BudgetError, Ledger
from .plan import PlanLimits, make_plan
from .run import Language, run_plan

if TYPE_CHECKING:
    from reference.agents.llm import Headline


class ReviewSettings(BaseModel):
    """What a team can set; from the environment as WORKBOOK_REVIEW_BUDGET and so on.

    Attributes:
        budget: dollars for language models, per review.
        cap: inline comments at most; critical ones come beyond it.
        deadline_s: of the whole review.
        suggestions: post suggestions inline too.
        headline: let a small model write the summary's first line.
    """

    model_config = ConfigDict(extra="forbid")

    budget: float = Field(0.50, ge=0, le=100)
    cap: int = Field(10, ge=1, le=50)
    deadline_s: float = Field(120.0, gt=0, le=3600)
    suggestions: bool = False
    headline: bool = False


class Reviewer:
    """Reviews changes; keeps nothing between them.

    Args:
        specialists: default: the five.
        tier, model: language tier and its model; both or neither.
        outcomes: what became of earlier suggestions; rules that nobody acted on fall silent.
        timeouts: of the specialists.
        options: for the specialists, such as {"semgrep": "1"}.
    """

    def __init__(
        self,
        specialists: Sequence[Specialist] | None = None,
        tier: LanguageTier | None = None,
        model: Model | None = None,
        budget: float = 0.50,
        outcomes: Outcomes | None = None,
        cap: int = 10,
        deadline_s: float = 120.0,
        suggestions: bool = False,
        headline: bool = False,
        timeouts: PlanLimits = PlanLimits(),
        options: Mapping[str, str] | None = None,
    ) -> None:
        if (tier is not None or headline) and model is None:
            raise ReviewError("tier and headline need a model")
        self.specialists = list(five_specialists() if specialists is None else specialists)
        agents = [one.agent for one in self.specialists]
        if len(set(agents)) != len(agents):
            raise ReviewError("specialists: two of them are the same agent")
        self.tier, self.model, self.budget, self.outcomes = tier, model, budget, outcomes
        self.cap, self.deadline_s, self.suggestions, self.headline = cap, deadline_s, suggestions, headline
        self.timeouts, self.options = timeouts, dict(options or {})

    async def review(self, change: Change, posted_before: Collection[str] = ()) -> Review:
        """The review. `posted_before`: fingerprints that earlier reviews of this pull request posted."""
        begun = time.perf_counter()
        plan = make_plan(
            change, self.specialists, budget=self.budget, reserve=self._reserve(change), limits=self.timeouts
        )
        ledger = Ledger(self.budget)
        language = Language(self.tier, self.model) if self.tier is not None and self.model is not None else None
        line = asyncio.create_task(self._headline(change, bool(plan.skip), ledger))
        try:
            reports = await run_plan(
                change, plan, self.specialists, ledger=ledger, language=language, deadline_s=self.deadline_s,
                options=self.options,
            )  # fmt: skip
            said, cost = await line
        finally:
            line.cancel()
        notes = _notes(change, plan.unread, reports)
        muted: frozenset[str] = frozenset()
        try:
            if self.outcomes is not None:
                muted = self.outcomes.muted(change.repository)
        except ReviewError as problem:
            notes.append(f"no rule is muted: {problem}")
        found = aggregate(
            change, reports, cap=self.cap, muted=muted, posted_before=posted_before,
            minimum=Severity.SUGGESTION if self.suggestions else Severity.WARNING,
        )  # fmt: skip
        return Review(
            change=change,
            plan=plan,
            reports=reports,
            comments=found.comments,
            event=found.event,
            left_out=found.left_out,
            notes=tuple(notes),
            headline=said.text if said else "",
            headline_cost=cost,
            seconds=time.perf_counter() - begun,
        )

    def review_now(self, change: Change, posted_before: Collection[str] = ()) -> Review:
        """`review` for callers that cannot await; also inside a running event loop, such as a notebook's."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._in_own_loop(change, posted_before)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._in_own_loop, change, posted_before).result()

    def _in_own_loop(self, change: Change, posted_before: Collection[str]) -> Review:
        # Not asyncio.run: it waits for threads that the deadline has given up.
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(self.review(change, posted_before))
        finally:
            loop.close()

    def _reserve(self, change: Change) -> float:
        """Worst-case dollars of the tier for one specialist."""
        bound = getattr(self.tier, "worst_case", None)
        if bound is None or self.model is None:
            return 0.0
        return float(bound(Context(change, tuple(one.path for one in change.files)), self.model))

    async def _headline(self, change: Change, skipped: bool, ledger: Ledger) -> tuple[Headline | None, float]:
        """The line and what it cost; no line where its worst case does not fit into the budget."""
        if not self.headline or self.model is None or skipped:
            return None, 0.0
        from reference.agents.llm import Headline, headline
        from reference.agents.llm.client import prices_of
        from reference.agents.llm.headline import worst_case

        try:
            held = ledger.reserve("headline", worst_case(self.model))
        except BudgetError:
            return None, 0.0
        timeout = min(20.0, self.deadline_s)
        try:
            async with asyncio.timeout(timeout):
                made = await headline(change, self.model, timeout_s=timeout)
        except Exception as problem:  # one line is not worth a review; what the call may have cost is counted
            made = Headline("", f"no line: {type(problem).__name__}: {problem}", None)
        reply = made.reply
        cost = held.worst if reply is None else prices_of(self.model).cost(reply.input_tokens, reply.output_tokens)
        ledger.settle(held, min(cost, held.worst))
        return made, cost


def _notes(change: Change, unread: Mapping[str, str], reports: Sequence[AgentReport]) -> list[str]:
    """Sentences for the summary; whoever writes them out escapes names."""
    from reference.agents.diff.suppressions import new_suppressions

    notes = [
        f"{one.agent.value}: {one.status.value}{f' ({one.reason})' if one.reason else ''}"
        for one in reports
        if one.status not in (Status.OK, Status.SKIPPED)
    ]
    notes += [f"not read: {path} ({why})" for path, why in list(unread.items())[:20]]
    if len(unread) > 20:
        notes.append(f"and {len(unread) - 20} more files that were not read")
    notes += list(change.problems[:20])
    hidden = new_suppressions(change)
    notes += [f"new suppression, not honoured here: {one.kind} in {one.path}, line {one.line}" for one in hidden[:10]]
    if len(hidden) > 10:
        notes.append(f"and {len(hidden) - 10} more suppressions")
    return notes


def five_specialists() -> list[Specialist]:
    """In the order of Agent."""
    from reference.agents.documentation import DocumentationSpecialist
    from reference.agents.performance import PerformanceSpecialist
    from reference.agents.quality import QualitySpecialist
    from reference.agents.security import SecuritySpecialist
    from reference.agents.testing import TestsSpecialist

    made: list[Specialist] = [
        QualitySpecialist(),
        SecuritySpecialist(),
        PerformanceSpecialist(),
        TestsSpecialist(),
        DocumentationSpecialist(),
    ]
    assert [one.agent for one in made] == list(Agent)
    return made


def default_reviewer(environ: Mapping[str, str] | None = None, **overrides: Any) -> Reviewer:
    """A Reviewer with the settings of the environment (ReviewSettings); `overrides` win, and may name any argument.

    Raises:
        ReviewError: a setting is out of its range or unknown; the message names it.
    """
    from reference.serving.env_settings import settings_from_env

    own = {name: overrides.pop(name) for name in list(overrides) if name in ReviewSettings.model_fields}
    settings = settings_from_env(
        ReviewSettings, "WORKBOOK_REVIEW_", os.environ if environ is None else environ, own, ReviewError
    )
    return Reviewer(**settings.model_dump(), **overrides)
