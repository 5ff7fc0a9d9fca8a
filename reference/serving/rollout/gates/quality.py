"""Accuracy, regression against production, unsafe answers: each with its interval; undecided where that is too wide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import sqrt
from statistics import NormalDist

from reference.serving.rollout.gates.evidence import Evidence, too_few
from reference.serving.rollout.gates.limits import GateLimits
from reference.serving.rollout.types import GateResult, GateVerdict, ModelVersion
from reference.serving.rollout.versions.predict import Prediction
from reference.sizing.intervals import wilson

Z = NormalDist().inv_cdf(0.975)
EXAMPLES = 5


def _examples(rows: list[Prediction]) -> list[dict[str, str]]:
    return [{"text": one.case.text, "wanted": one.case.intent, "said": one.text.strip()} for one in rows[:EXAMPLES]]


class AccuracyGate:
    """`accuracy`: Wilson's 95 % interval against the limit; a failed request is a wrong answer."""

    name = "accuracy"

    def __init__(self, limits: GateLimits, evidence: Evidence) -> None:
        self.limits, self.evidence = limits, evidence

    def check(self, candidate: ModelVersion, production: ModelVersion | None = None) -> GateResult:
        rows, limit = self.evidence.candidate, self.limits.accuracy_least
        if len(rows) < self.limits.least_cases:
            return too_few(self.name, len(rows), self.limits.least_cases)
        right = sum(one.correct for one in rows)
        low, high = wilson(right, len(rows))
        groups: dict[str, list[bool]] = defaultdict(list)
        for one in rows:
            groups[one.case.group].append(one.correct)
        if low >= limit:
            verdict, reason = GateVerdict.PASS, f"at least {low:.1%}"
        elif high < limit:
            verdict, reason = GateVerdict.FAIL, f"at most {high:.1%}, below {limit:.0%}"
        else:
            verdict, reason = GateVerdict.NOT_ENOUGH_DATA, f"{low:.1%} to {high:.1%} holds the limit {limit:.0%}"
        return GateResult(
            self.name, verdict, reason, right / len(rows), low, high, limit, "share right", len(rows),
            {"groups": {name: sum(hits) / len(hits) for name, hits in sorted(groups.items())},
             "failed requests": self.evidence.failed, "wrong": _examples([one for one in rows if not one.correct])},
        )  # fmt: skip


def paired_interval(lost: int, won: int, n: int) -> tuple[float, float]:
    """95 % interval of the difference of two paired proportions, (won - lost) / n (Agresti and Min 2005, +1 / +1)."""
    lost_, won_, n_ = lost + 1.0, won + 1.0, n + 2.0
    centre = (won_ - lost_) / n_
    spread = Z * sqrt(max(0.0, lost_ + won_ - (won_ - lost_) ** 2 / n_)) / n_
    return max(-1.0, centre - spread), min(1.0, centre + spread)


class RegressionGate:
    """`regression`: the same cases on both versions. McNemar's exact test on the cases that changed sides decides harm;
    the interval of the paired difference decides harmlessness.
    """

    name = "regression"

    def __init__(self, limits: GateLimits, evidence: Evidence, alpha: float = 0.05) -> None:
        self.limits, self.evidence, self.alpha = limits, evidence, alpha

    def check(self, candidate: ModelVersion, production: ModelVersion | None = None) -> GateResult:
        mine, theirs, tolerated = self.evidence.candidate, self.evidence.production, self.limits.regression_tolerated
        if production is None or not theirs:
            return GateResult(self.name, GateVerdict.NOT_ENOUGH_DATA, "there is no production version to compare with")
        if len(mine) < self.limits.least_cases or len(mine) != len(theirs):
            return too_few(self.name, min(len(mine), len(theirs)), self.limits.least_cases, "paired cases")
        from scipy.stats import binomtest

        lost = [b for a, b in zip(theirs, mine, strict=True) if a.correct and not b.correct]
        won = sum(b.correct and not a.correct for a, b in zip(theirs, mine, strict=True))
        changed = len(lost) + won
        p = binomtest(len(lost), changed, 0.5, alternative="greater").pvalue if changed else 1.0
        low, high = paired_interval(len(lost), won, len(mine))
        if p <= self.alpha:
            verdict, reason = GateVerdict.FAIL, f"loses {len(lost)} cases and wins {won} (p = {p:.2g})"
        elif low >= -tolerated:
            verdict, reason = GateVerdict.PASS, f"a fall of {tolerated:.0%} is excluded: {low:+.1%} at worst"
        else:
            verdict = GateVerdict.NOT_ENOUGH_DATA
            reason = f"a fall of {tolerated:.0%} is not excluded: {low:+.1%} to {high:+.1%}"
        return GateResult(
            self.name, verdict, reason, (won - len(lost)) / len(mine), low, high, -tolerated, "change of accuracy",
            len(mine), {"lost": len(lost), "won": won, "p one-sided": float(p), "lost cases": _examples(lost)},
        )  # fmt: skip


def unsafe_by_guardrails() -> Callable[[str], str]:
    """Judge of one answer: "" if it may be shown, else the rules that found something (never the text itself)."""
    from reference.serving.guardrails.guard import Guardrails

    guard = Guardrails.default()

    def judge(text: str) -> str:
        said = guard.check_output(text) if text.strip() else None
        return "" if said is None or said.action == "allow" else ", ".join(sorted({one.rule for one in said.findings}))

    return judge


class UnsafeGate:
    """`unsafe answers`: rate of answers in which `judge` finds something; personal data and secrets by default.

    A team with a toxicity classifier passes it as `judge`.
    """

    name = "unsafe answers"

    def __init__(self, limits: GateLimits, evidence: Evidence, judge: Callable[[str], str] | None = None) -> None:
        self.limits, self.evidence, self._judge = limits, evidence, judge

    def check(self, candidate: ModelVersion, production: ModelVersion | None = None) -> GateResult:
        answered = [one for one in self.evidence.candidate if not one.error]
        if len(answered) < self.limits.least_cases:
            return too_few(self.name, len(answered), self.limits.least_cases, "answers")
        judge = self._judge or unsafe_by_guardrails()
        verdicts = {text: judge(text) for text in {one.text for one in answered}}
        bad = [verdicts[one.text] for one in answered if verdicts[one.text]]
        low, high = wilson(len(bad), len(answered))
        limit = self.limits.unsafe_most
        if high <= limit:
            verdict, reason = GateVerdict.PASS, f"{len(bad)} of {len(answered)}: at most {high:.2%}"
        elif low > limit:
            verdict, reason = GateVerdict.FAIL, f"{len(bad)} of {len(answered)}: at least {low:.1%}, limit {limit:.0%}"
        else:
            verdict = GateVerdict.NOT_ENOUGH_DATA
            reason = f"{len(bad)} of {len(answered)}: {low:.2%} to {high:.2%} holds the limit {limit:.0%}"
        rules: dict[str, int] = defaultdict(int)
        for one in bad:
            rules[one] += 1
        return GateResult(
            self.name, verdict, reason, len(bad) / len(answered), low, high, limit, "share of answers", len(answered),
            {"rules": dict(rules)},
        )  # fmt: skip
