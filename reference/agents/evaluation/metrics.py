"""Precision, recall and their uncertainty; false comments on clean changes; which rules earn a comment."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reference.agents.types import Agent
from reference.sizing.intervals import wilson

from .matcher import Outcome

Interval = tuple[float, float]
APART = frozenset({"revert"})  # neither in the specialists' rows nor in the totals
KINDS: Mapping[Agent, frozenset[str]] = {
    Agent.QUALITY: frozenset({"quality"}),
    Agent.SECURITY: frozenset({"security", "secret"}),
    Agent.PERFORMANCE: frozenset({"performance"}),
    Agent.TESTS: frozenset({"tests"}),
    Agent.DOCUMENTATION: frozenset({"documentation"}),
}


def cluster_bootstrap(
    outcomes: Sequence[Outcome], figure: Callable[[Sequence[Outcome]], float], *, rounds: int = 1000, seed: int = 0
) -> Interval:
    """95 % interval of a figure when repositories, not cases, are drawn again: cases of one repository are alike.

    Rounds in which the figure is not a number (nothing to divide by) are left out; (nan, nan) if all are.
    """
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault(one.case.repository, []).append(one)
    drawn, rng, keys = [], random.Random(seed), sorted(groups)
    for _ in range(rounds if keys else 0):
        value = figure([one for key in rng.choices(keys, k=len(keys)) for one in groups[key]])
        if not math.isnan(value):
            drawn.append(value)
    if not drawn:
        return math.nan, math.nan
    drawn.sort()
    return drawn[int(0.025 * (len(drawn) - 1))], drawn[math.ceil(0.975 * (len(drawn) - 1))]


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts and shares of one row. `precision` and `recall` are nan where there is nothing to divide by."""

    name: str
    tp: int
    fp: int
    fn: int
    precision_interval: Interval  # Wilson
    recall_interval: Interval
    precision_bootstrap: Interval = (math.nan, math.nan)  # by repository
    recall_bootstrap: Interval = (math.nan, math.nan)

    @property
    def precision(self) -> float:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else math.nan

    @property
    def recall(self) -> float:
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else math.nan

    @property
    def f1(self) -> float:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp + self.fp + self.fn else math.nan


def rates(
    outcomes: Sequence[Outcome], name: str, agent: Agent | None = None, leave_out: frozenset[str] = APART
) -> Rates:
    """One row: of a specialist (its kinds' faults; its false comments on every case), or of all together."""
    counted = [one for one in outcomes if one.case.kind not in leave_out]
    kinds = KINDS[agent] if agent else None

    def count(some: Sequence[Outcome]) -> tuple[int, int, int]:
        asked = [one for one in some if kinds is None or one.case.kind in kinds]
        tp = sum(one.found for one in asked)
        fp = sum(1 for one in some for finding in one.false if agent is None or finding.agent is agent)
        return tp, fp, sum(len(one.hits) for one in asked) - tp

    def precision(some: Sequence[Outcome]) -> float:
        tp, fp, _ = count(some)
        return tp / (tp + fp) if tp + fp else math.nan

    def recall(some: Sequence[Outcome]) -> float:
        tp, _, fn = count(some)
        return tp / (tp + fn) if tp + fn else math.nan

    tp, fp, fn = count(counted)
    return Rates(
        name, tp, fp, fn, wilson(tp, tp + fp), wilson(tp, tp + fn),
        cluster_bootstrap(counted, precision), cluster_bootstrap(counted, recall),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clean:
    """What was said on changes that need no comment. `per_change`: false comments per change."""

    n: int
    false: int
    silent: int
    per_change: float
    per_change_interval: Interval  # bootstrap by repository
    silent_share: float
    silent_interval: Interval  # Wilson
    silent_bootstrap: Interval


def clean_figures(outcomes: Sequence[Outcome], *, twins: bool = False) -> Clean:
    """Of real releases as they are (twins: of repaired and intact look-alikes, with the release around them)."""
    some = [one for one in outcomes if one.case.clean and one.case.twin == twins]
    false, silent = sum(len(one.false) for one in some), sum(not one.false for one in some)

    def mean(what: Sequence[Outcome]) -> float:
        return sum(len(one.false) for one in what) / len(what) if what else math.nan

    def quiet(what: Sequence[Outcome]) -> float:
        return sum(not one.false for one in what) / len(what) if what else math.nan

    return Clean(
        len(some), false, silent, mean(some), cluster_bootstrap(some, mean), quiet(some), wilson(silent, len(some)),
        cluster_bootstrap(some, quiet),
    )  # fmt: skip


def latency(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """p50 and p95 in seconds of a review, by the nearest rank; {} without reviews."""
    ordered = sorted(one.seconds for one in outcomes)
    if not ordered:
        return {}
    return {
        "p50": statistics.median(ordered),
        "p95": ordered[math.ceil(0.95 * len(ordered)) - 1],
        "n": float(len(ordered)),
    }


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule on the tuning split. `advice`: "post", "keep silent" or "" where there is too little to say."""

    rule: str
    right: int
    false: int
    silent_right: int
    silent_wrong: int
    lower: float  # Wilson's lower bound of the precision, posted or not
    advice: str


def suggest_posted(outcomes: Sequence[Outcome], bound: float = 0.4, least: int = 3) -> list[RuleRow]:
    """Rules by what their comments were worth, worst first. Only cases of the tuning split are looked at.

    A rule should stay silent if at least `least` findings say that its precision is under `bound`: the share itself is
    below it. It may be posted if Wilson's lower bound is above.
    """
    right: Counter[str] = Counter()
    false: Counter[str] = Counter()
    silent_right: Counter[str] = Counter()
    silent_wrong: Counter[str] = Counter()
    for one in outcomes:
        if one.case.split == "tuning" and one.case.kind not in APART:
            right.update(finding.rule for finding in (*one.hits, *one.repeated) if finding is not None)
            false.update(finding.rule for finding in one.false)
            silent_right.update(one.silent_right)
            silent_wrong.update(one.silent_wrong)
    rows = []
    for rule in sorted(right.keys() | false.keys() | silent_right.keys() | silent_wrong.keys()):
        good, bad = right[rule] + silent_right[rule], false[rule] + silent_wrong[rule]
        lower = wilson(good, good + bad)[0]
        advice = (
            ""
            if good + bad < least
            else "keep silent"
            if good / (good + bad) < bound
            else "post"
            if lower > bound
            else ""
        )
        rows.append(RuleRow(rule, right[rule], false[rule], silent_right[rule], silent_wrong[rule], lower, advice))
    return sorted(rows, key=lambda row: (-row.false, row.lower, row.rule))
