"""The language tiers on a real model: its lines about real changes, and its triage of findings whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reference.agents.interfaces import Context, Model
from reference.agents.llm import Headline, Score, Triage, Trial, headline
from reference.agents.types import Agent, AgentReport, Change, Finding, Severity

if TYPE_CHECKING:
    from reference.agents.evaluation.matcher import Outcome

Labelled = tuple[str, Change, Finding, bool]


def labelled(outcomes: Sequence[Outcome], most: int) -> list[Labelled]:
    """Findings that a language model could be asked about, with their truth: as many right ones as false ones, if the
    outcomes have them; never a protected one. In the order of the cases."""
    from reference.agents.llm.triage import is_protected

    right: list[Labelled] = []
    false: list[Labelled] = []
    for one in outcomes:
        for finding in one.hits:
            if finding is not None and not is_protected(finding):
                right.append((one.case.repository, one.case.change(), finding, True))
        for finding in one.false:
            if not is_protected(finding):
                false.append((one.case.repository, one.case.change(), finding, False))
    half = most // 2
    return [*right[: max(half, most - len(false))], *false[: max(half, most - len(right))]][:most]


async def headlines(model: Model, changes: Sequence[Change]) -> list[Headline]:
    """One after the other: a small engine on a few cores gains nothing from more."""
    return [await headline(change, model) for change in changes]


async def triage_trials(model: Model, cases: Sequence[Labelled], timeout_s: float = 60.0) -> list[Trial]:
    """Each finding alone before the model.

    Args:
        cases: (repository, change, finding, whether it is right). Findings that are protected are no test of triage:
            give warnings.
    """
    trials = []
    for repository, change, finding, right in cases:
        context = Context(change, (finding.path,), timeout_s)
        report = AgentReport(Agent(finding.agent), (finding,))
        (judged,) = (await Triage().improve(context, report, model, 1.0)).findings
        posted = judged.severity > Severity.SUGGESTION
        alone = Score(1, 0, 0) if right else Score(0, 1, 0)
        if right:
            with_tier = Score(1, 0, 0) if posted else Score(0, 0, 1)
        else:
            with_tier = Score(0, 1, 0) if posted else Score(0, 0, 0)
        trials.append(Trial(repository, alone, with_tier))
    return trials
