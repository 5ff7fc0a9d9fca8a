"""Whether the judge is worth asking: paired with the models on the same calibration cases, by an exact test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reference.moderation.evaluation.paired import mcnemar_exact
from reference.moderation.interfaces import Judge
from reference.moderation.types import Finding, ModerationError, Post


class Worth(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference seen"
    NOT_ENOUGH = "not enough data"


@dataclass(frozen=True, slots=True)
class JudgeCase:
    """A calibration case inside the open band: the truth, and what the models would say at their threshold."""

    post: Post
    category: str
    violates: bool
    model_violates: bool


@dataclass(frozen=True, slots=True)
class WorthIt:
    """The comparison. Attributes:

    n, answered: cases, and those on which the judge said something; the rest goes to a person and is not compared.
    judge_right, model_right: of `answered`.
    only_judge, only_model: cases on which one was right and the other wrong; McNemar's test rests on these alone.
    p: two-sided, exact.
    scores: share of violations where the judge said `violates` and `allowed`, with one case of each kind added
        (Laplace), for `JudgeSettings.scores`.
    version: of the judge that was compared.
    """

    outcome: Worth
    n: int
    answered: int
    judge_right: int
    model_right: int
    only_judge: int
    only_model: int
    p: float
    scores: tuple[float, float]
    version: str

    @property
    def use_it(self) -> bool:
        """Better with evidence, and it answers at least half of what it is asked."""
        return self.outcome is Worth.BETTER and 2 * self.answered >= self.n


def worth_it(judge: Judge, cases: Sequence[JudgeCase], *, alpha: float = 0.05) -> WorthIt:
    """Asks the judge about every case and compares. `NOT_ENOUGH`: so few cases on which the two differ that even a
    clean sweep would not reach `alpha`.

    Raises:
        ModerationError: no cases, or `alpha` out of (0, 1).
    """
    if not cases:
        raise ModerationError("cases: the comparison needs calibration cases from the open band, got none")
    if not 0 < alpha < 1:
        raise ModerationError(f"alpha must be between 0 and 1, got {alpha}")
    found = judge.judge([case.post for case in cases], [case.category for case in cases])
    pairs = [(case, one.score >= 0.5) for case, one in zip(cases, found, strict=True) if one is not None]
    only_judge = sum(said == case.violates != case.model_violates for case, said in pairs)
    only_model = sum(said != case.violates == case.model_violates for case, said in pairs)
    p = mcnemar_exact(only_judge, only_model)
    if mcnemar_exact(only_judge + only_model, 0) > alpha:
        outcome = Worth.NOT_ENOUGH
    elif p > alpha:
        outcome = Worth.NO_DIFFERENCE
    else:
        outcome = Worth.BETTER if only_judge > only_model else Worth.WORSE
    return WorthIt(
        outcome=outcome,
        n=len(cases),
        answered=len(pairs),
        judge_right=sum(said == case.violates for case, said in pairs),
        model_right=sum(case.model_violates == case.violates for case, _ in pairs),
        only_judge=only_judge,
        only_model=only_model,
        p=p,
        scores=(_share(pairs, True), _share(pairs, False)),
        version=judge.version,
    )


def _share(pairs: Sequence[tuple[JudgeCase, bool]], said: bool) -> float:
    of = [case.violates for case, verdict in pairs if verdict is said]
    return (sum(of) + 1) / (len(of) + 2)


class GatedJudge:
    """A judge that is off until evidence for its very version says that it beats the models."""

    def __init__(self, judge: Judge, evidence: WorthIt | None = None) -> None:
        self._judge = judge
        self.on = evidence is not None and evidence.use_it and evidence.version == judge.version
        self.version = judge.version if self.on else "off"

    def judge(self, posts: Sequence[Post], questions: Sequence[str]) -> list[Finding | None]:
        """As the judge, or None for every post while it is off."""
        return self._judge.judge(posts, questions) if self.on else [None] * len(posts)
