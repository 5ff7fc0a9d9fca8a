"""A tier works only with evidence: on cases that its rules were not made from, tools and tier beat the tools alone."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from reference.agents.interfaces import Context, Model
from reference.agents.types import AgentReport, ReviewError

FEWEST_CASES = 40
FEWEST_REPOSITORIES = 5


@dataclass(frozen=True, slots=True)
class Score:
    """Of one case: expected faults found, comments that are false, expected faults missed."""

    found: int
    false: int
    missed: int

    def __post_init__(self) -> None:
        if min(self.found, self.false, self.missed) < 0:
            raise ReviewError(f"counts of a score cannot be negative: {self}")


@dataclass(frozen=True, slots=True)
class Trial:
    """One calibration case, reviewed twice: by the tools alone, and with the tier."""

    repository: str
    alone: Score
    with_tier: Score


@dataclass(frozen=True, slots=True)
class Worth:
    """What a calibration said.

    Attributes:
        f1_alone, f1_with: over all cases together.
        gain, low, high: difference and its 95 % interval by a bootstrap over repositories, since cases of one
            repository are alike.
        lost: faults that the tools alone report and the tier hid.
    """

    model: str
    version: str
    cases: int
    repositories: int
    f1_alone: float
    f1_with: float
    gain: float
    low: float
    high: float
    lost: int

    @property
    def verdict(self) -> str:
        """Why the tier stays off; empty if it may work."""
        if self.cases < FEWEST_CASES or self.repositories < FEWEST_REPOSITORIES:
            return (
                f"not enough data: {self.cases} cases of {self.repositories} repositories, "
                f"needed {FEWEST_CASES} of {FEWEST_REPOSITORIES}"
            )
        if self.low <= 0:
            return f"it does not beat the tools: F1 {self.gain:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"
        return ""

    def save(self, path: Path) -> None:
        from reference.sizing.files import write_whole

        write_whole(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Worth:
        """Raises ReviewError naming the file where it is missing or not such a record."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as problem:
            raise ReviewError(f"{path}: no calibration record ({problem}); run calibrate again") from None


def f1(scores: Sequence[Score]) -> float:
    """2 TP / (2 TP + FP + FN) over all cases; 1.0 where there is nothing to find and nothing was said."""
    found, false, missed = (sum(getattr(one, name) for one in scores) for name in ("found", "false", "missed"))
    return 2 * found / (2 * found + false + missed) if found + false + missed else 1.0


def calibrate(trials: Sequence[Trial], model: str, version: str, draws: int = 2000, seed: int = 0) -> Worth:
    """Compare by repository. Same trials and seed, same record."""
    if not trials:
        raise ReviewError("calibrate needs at least one trial")
    by_repository: dict[str, list[Trial]] = defaultdict(list)
    for one in trials:
        by_repository[one.repository].append(one)
    groups = list(by_repository.values())
    chance = random.Random(seed)

    def gain_of(some: Sequence[Trial]) -> float:
        return f1([one.with_tier for one in some]) - f1([one.alone for one in some])

    drawn = sorted(gain_of([t for group in chance.choices(groups, k=len(groups)) for t in group]) for _ in range(draws))
    return Worth(
        model=model,
        version=version,
        cases=len(trials),
        repositories=len(groups),
        f1_alone=f1([one.alone for one in trials]),
        f1_with=f1([one.with_tier for one in trials]),
        gain=gain_of(trials),
        low=drawn[int(0.025 * draws)],
        high=drawn[min(draws - 1, int(0.975 * draws))],
        lost=sum(max(0, one.alone.found - one.with_tier.found) for one in trials),
    )


class Improver(Protocol):
    """A LanguageTier with a version and a bound on its cost: Triage, Proposals."""

    tier: int
    version: str

    async def improve(self, context: Context, report: AgentReport, model: Model, allowance: float) -> AgentReport: ...

    def worst_case(self, context: Context, model: Model, findings: int = 12) -> float: ...


class GatedTier:
    """LanguageTier that passes reports through unchanged unless `worth` is about this model and version, and good."""

    def __init__(self, inner: Improver, worth: Worth | None) -> None:
        self.inner, self.worth, self.tier = inner, worth, inner.tier

    def off(self, model: Model) -> str:
        """Why the tier does not work with this model; empty if it does."""
        if self.worth is None:
            return f"tier {self.tier} is off: {model.name} was not calibrated"
        if (self.worth.model, self.worth.version) != (model.name, self.inner.version):
            return (
                f"tier {self.tier} is off: calibrated for {self.worth.model} and {self.worth.version}, "
                f"not for {model.name} and {self.inner.version}"
            )
        return f"tier {self.tier} is off: {self.worth.verdict}" if self.worth.verdict else ""

    async def improve(self, context: Context, report: AgentReport, model: Model, allowance: float) -> AgentReport:
        return report if self.off(model) else await self.inner.improve(context, report, model, allowance)

    def worst_case(self, context: Context, model: Model, findings: int = 12) -> float:
        """Nothing while it is off, so that nothing is reserved."""
        return 0.0 if self.off(model) else self.inner.worst_case(context, model, findings)
