"""Build the cases of a profile, review each, and say what came of it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from reference.agents.types import Agent, Change, Review, ReviewError, Status

from .cases import Case, built, from_templates
from .faults_logic import logic_cases
from .faults_performance import AGENTS as PERFORMANCE
from .faults_performance import interleaved
from .faults_quality import AGENTS as QUALITY
from .faults_quality import TEMPLATES as QUALITY_TEMPLATES
from .faults_secrets import secret_cases
from .faults_security import AGENTS as SECURITY
from .faults_security import TEMPLATES as SECURITY_TEMPLATES
from .installed import installed_releases
from .matcher import Outcome, match
from .metrics import APART, Clean, Rates, clean_figures, latency, rates
from .releases import Release, load_all
from .removed import documentation_cases, untested_cases
from .reverts import revert_cases

PROFILES = ("ci", "laptop", "full")
SPLITS = ("tuning", "held-out", "both")
# Faulty cases of each kind; each but `logic` has as many repaired twins.
COUNTS = {
    "ci": {"logic": 8, "secret": 8, "performance": 8, "security": 10, "tests": 4, "documentation": 5, "quality": 6},
    "laptop": {"logic": 30, "secret": 20, "performance": 18, "security": 20, "tests": 15, "documentation": 15,
               "quality": 12},
    "full": {"logic": 60, "secret": 40, "performance": 30, "security": 40, "tests": 30, "documentation": 30,
             "quality": 20},
}  # fmt: skip


class Reviewing(Protocol):
    def review_now(self, change: Change) -> Review: ...


@dataclass(frozen=True, slots=True)
class Report:
    """Result of an evaluation.

    Attributes:
        origin: "releases" or "installed packages" (nothing could be fetched: there are no clean releases then).
        cases: kind -> faulty cases, the weight of each kind in the totals.
        repositories: split -> names.
        specialists: one row each. overall: with logic mutants. without_logic: the same without them.
        kinds: kind -> (met, expected).
        unposted: kind -> missed faults that a finding names which is not posted (a suggestion, or a silent rule).
        reverts: (met, reverted fixes of advisories), in no total.
        failed: cases that could not be reviewed, with the reason; a fault in one of them counts as missed.
        degraded: why specialists were not whole, with the number of reviews.
    """

    profile: str
    split: str
    origin: str
    problems: tuple[str, ...]
    cases: dict[str, int]
    repositories: dict[str, list[str]]
    specialists: tuple[Rates, ...]
    overall: Rates
    without_logic: Rates
    kinds: dict[str, tuple[int, int]]
    unposted: dict[str, int]
    clean: Clean
    twins: Clean
    reverts: tuple[int, int]
    latency: dict[str, float]
    cost: float
    load_average: float
    failed: dict[str, str]
    degraded: dict[str, int]
    outcomes: tuple[Outcome, ...] = field(repr=False, default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; without the single outcomes."""
        rows = {"specialists": [_row(one) for one in self.specialists]}
        rows |= {"overall": _row(self.overall), "without_logic": _row(self.without_logic)}  # type: ignore[dict-item]
        names = (
            "profile",
            "split",
            "origin",
            "cases",
            "repositories",
            "kinds",
            "unposted",
            "reverts",
            "latency",
            "cost",
        )
        plain = {name: getattr(self, name) for name in (*names, "load_average", "failed", "degraded")}
        made = {
            **plain,
            **rows,
            "problems": list(self.problems),
            "clean": asdict(self.clean),
            "twins": asdict(self.twins),
        }
        return _without_nan(made)


def _row(row: Rates) -> dict[str, Any]:
    return {**asdict(row), "precision": row.precision, "recall": row.recall, "f1": row.f1}


def _without_nan(value: Any) -> Any:
    """JSON has no nan: None."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and value != value else value


def build_cases(profile: str, split: str = "both") -> tuple[list[Case], str, tuple[str, ...]]:
    """(cases, origin, why releases are missing). Every repository falls whole into one split.

    Raises:
        ReviewError: an unknown profile or split.
    """
    if profile not in PROFILES:
        raise ReviewError(f"there is no profile {profile!r}; profiles: {', '.join(PROFILES)}")
    if split not in SPLITS:
        raise ReviewError(f"there is no split {split!r}; splits: {', '.join(SPLITS)}")
    releases, problems = load_all(profile)
    origin = "releases" if releases else "installed packages"
    cases = (
        cases_of(releases, COUNTS[profile])
        if releases
        else cases_of(installed_releases(), COUNTS[profile], clean=False)
    )
    return [one for one in cases if split in ("both", one.split)], origin, problems


def cases_of(releases: Sequence[Release], counts: dict[str, int], *, clean: bool = True) -> list[Case]:
    """Every kind of case, made from these releases; packages in turn, so that no package has most of the faults."""
    seen: Counter[str] = Counter()
    turn: dict[str, int] = {}
    for one in releases:
        turn[one.pair.id], seen[one.repository] = seen[one.repository], seen[one.repository] + 1
    releases = sorted(releases, key=lambda one: turn[one.pair.id])
    cases: list[Case] = []
    if clean:
        for one in releases:
            change = built(one, one.after, f"Release {one.pair.new}")
            cases.append(Case(f"clean-{one.pair.id}", one.repository, "clean", change))
    cases += logic_cases(releases, counts["logic"])
    cases += secret_cases(releases, counts["secret"])
    cases += from_templates(releases, interleaved(), PERFORMANCE, "performance", counts["performance"])
    cases += from_templates(releases, SECURITY_TEMPLATES, SECURITY, "security", counts["security"])
    cases += untested_cases(releases, counts["tests"])
    cases += documentation_cases(releases, counts["documentation"])
    cases += from_templates(releases, QUALITY_TEMPLATES, QUALITY, "quality", counts["quality"])
    return cases + (revert_cases(releases) if clean else [])


def evaluate(
    profile: str = "ci",
    split: str = "both",
    reviewer: Reviewing | None = None,
    *,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Review every case of a profile and count. Without a reviewer: the default one, tools only.

    Raises:
        ReviewError: an unknown profile or split.
    """
    cases, origin, problems = build_cases(profile, split)
    outcomes, failed = run_cases(cases, reviewer or _default(), workers=workers, progress=progress)
    return summarised(outcomes, failed, profile, split, origin, problems)


def _default() -> Reviewing:
    from reference.agents.orchestrator import default_reviewer

    return default_reviewer()


def run_cases(
    cases: Sequence[Case],
    reviewer: Reviewing,
    *,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Outcome], dict[str, str]]:
    """(outcomes in the order of the cases, case -> why it could not be reviewed). A failure counts as silence."""
    failed: dict[str, str] = {}

    def one(case: Case) -> Outcome:
        begun = time.perf_counter()
        try:
            change = case.change()
            begun = time.perf_counter()
            review = reviewer.review_now(change)
        except Exception as problem:  # whatever the reviewer raises is a result: this case was not reviewed
            failed[case.id] = f"{type(problem).__name__}: {problem}"[:300]
            return match(case, (), seconds=time.perf_counter() - begun)
        seconds = time.perf_counter() - begun
        hidden = [finding for some in review.left_out.values() for finding in some]
        bad = (Status.DEGRADED, Status.TIMED_OUT, Status.FAILED, Status.OVER_BUDGET)
        degraded = [
            f"{one.agent.value}: {one.status.value}: {one.reason}"[:160] for one in review.reports if one.status in bad
        ]
        return match(case, review.findings, hidden, seconds=seconds, cost=review.cost, degraded=degraded)

    outcomes = []
    with ThreadPoolExecutor(workers) as pool:
        for number, outcome in enumerate(pool.map(one, cases), 1):
            outcomes.append(outcome)
            if progress:
                progress(number, len(cases))
    return outcomes, failed


def summarised(
    outcomes: Sequence[Outcome], failed: dict[str, str], profile: str, split: str, origin: str, problems: Sequence[str]
) -> Report:
    """Every figure of a report."""
    faulty = [one for one in outcomes if not one.case.clean]
    weights = Counter(one.case.kind for one in faulty)
    met: Counter[str] = Counter()
    for one in faulty:
        met[one.case.kind] += one.found
    names: dict[str, set[str]] = {}
    for one in outcomes:
        names.setdefault(one.case.split, set()).add(one.case.repository)
    return Report(
        profile=profile,
        split=split,
        origin=origin,
        problems=tuple(problems),
        cases=dict(sorted(weights.items())),
        repositories={key: sorted(value) for key, value in sorted(names.items())},
        specialists=tuple(rates(outcomes, agent.value, agent) for agent in Agent),
        overall=rates(outcomes, "all, logic mutants included"),
        without_logic=rates(outcomes, "all but logic mutants", leave_out=APART | {"logic"}),
        kinds={kind: (met[kind], weights[kind]) for kind in sorted(weights)},
        unposted=dict(Counter(x.case.kind for x in faulty for _ in range(x.silent_hits))),
        clean=clean_figures(outcomes),
        twins=clean_figures(outcomes, twins=True),
        reverts=(met["revert"], weights["revert"]),
        latency=latency(outcomes),
        cost=sum(one.cost for one in outcomes),
        load_average=os.getloadavg()[0],
        failed=failed,
        degraded=dict(Counter(reason for one in outcomes for reason in one.degraded)),
        outcomes=tuple(outcomes),
    )
