"""The plan: what each strategy saves in an order, alone, last and on average over all orders; ranges and a roadmap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from reference.sizing.bill.lines import BillError, Line

from . import games
from .assumptions import PlanAssumptions
from .subsets import NAMES, TITLES, Figures, bills

# Named parts of PlanAssumptions by strategy.
_LOSS = {
    "routing": "route_quality_loss", "prompts": "prompt_quality_loss", "batching": "batch_quality_loss",
    "embeddings": "embed_quality_loss", "small-model": "small_quality_loss",
}  # fmt: skip
_WEEKS = {
    "routing": "route_weeks", "caching": "cache_weeks", "prompts": "prompt_weeks", "batching": "batch_weeks",
    "embeddings": "embed_weeks", "small-model": "small_weeks",
}  # fmt: skip
_LEAST_DRAWS = 20  # for a 5th percentile


@dataclass(frozen=True)
class Step:
    """One strategy. Savings in dollars a month, after what the strategy itself costs; negative if it costs more.

    Attributes:
        saving: in the plan's order, after the steps before it; low, high: 5th and 95th percentile of that.
        alone, last: without the others, and after all of them; least, most: over all orders.
        shapley: mean over all 720 orders; the shares add up to the whole saving.
        quality_loss: share of right answers lost, upper bound; refused: why it is left out, with the figure and the
            bound, otherwise empty. A refused step saves 0; `forgone` is what it would save alone.
        weeks: engineer-weeks to build it; per_week: `saving` per week.
    """

    name: str
    title: str
    saving: float
    alone: float
    last: float
    shapley: float
    least: float
    most: float
    low: float
    high: float
    quality_loss: float
    refused: str
    forgone: float
    weeks: float
    per_week: float


@dataclass(frozen=True)
class Milestone:
    """A step of the roadmap: what it saves after those before it, per engineer-week, and both summed up."""

    name: str
    title: str
    saving: float
    weeks: float
    per_week: float
    total_saving: float
    total_weeks: float


@dataclass(frozen=True)
class Plan:
    """A bill, what becomes of it, and in which order. Dollars a month.

    Attributes:
        before, after: the bill at list prices, and after every step that is not refused, with what they add.
        after_low, after_high: 5th and 95th percentile of `after`.
        other: part of both that no strategy touches.
        savings: of each of the 64 sets of strategies, by bit mask over NAMES, refused ones doing nothing.
    """

    before: float
    after: float
    after_low: float
    after_high: float
    other: float
    steps: tuple[Step, ...]
    roadmap: tuple[Milestone, ...]
    savings: tuple[float, ...]
    draws: int
    seed: int
    assumptions: PlanAssumptions = field(repr=False)

    @property
    def saving(self) -> float:
        """Dollars a month by which the bill falls."""
        return self.before - self.after

    @property
    def share(self) -> float:
        """Saving over the bill; 0 for an empty bill."""
        return self.saving / self.before if self.before else 0.0

    @property
    def overlap(self) -> float:
        """What the savings one by one promise beyond what all of them save together; negative if they help another."""
        return sum(step.alone for step in self.steps) - self.saving

    @property
    def quality_loss(self) -> float:
        """Share of right answers lost by all steps together, if each loses its upper bound of what is left."""
        kept = 1.0
        for step in self.steps:
            kept *= 1.0 if step.refused else 1 - step.quality_loss
        return 1 - kept

    def step(self, name: str) -> Step:
        """Raises KeyError for an unknown strategy."""
        return {step.name: step for step in self.steps}[name]

    def over_orders(self) -> dict[str, list[float]]:
        """Saving of each strategy in every one of the 720 orders, refused ones 0."""
        return {NAMES[i]: found for i, found in games.over_orders(self.savings, len(NAMES)).items()}

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON holds it."""
        return {
            "before": self.before, "after": self.after, "after_low": self.after_low, "after_high": self.after_high,
            "saving": self.saving, "share": self.share, "other": self.other, "overlap": self.overlap,
            "quality_loss": self.quality_loss, "draws": self.draws, "seed": self.seed,
            "steps": [asdict(step) for step in self.steps], "roadmap": [asdict(one) for one in self.roadmap],
            "assumptions": self.assumptions.describe(),
        }  # fmt: skip


def quality_loss(name: str, a: PlanAssumptions) -> float:
    """Upper bound of the share of right answers that a strategy loses; for a cache: semantic hits that are false."""
    if name == "caching":
        return a.semantic_hit_rate.high * a.false_hit_rate.high
    loss: float = getattr(a, _LOSS[name]).high
    return loss


def make_plan(
    lines: Sequence[Line], assumptions: PlanAssumptions | None = None, *, order: Sequence[str] = NAMES,
    draws: int = 2000, seed: int = 1, other: float = 0.0,
) -> Plan:  # fmt: skip
    """The plan for a bill.

    A strategy is refused if its quality loss passes the bound, or if it costs more than it saves beside the others: of
    all sets of the rest the cheapest is taken. Its ranges come from `draws` Monte Carlo draws of all assumptions.

    Args:
        order: the six names in the order in which `Step.saving` counts them; draws: 0 for no ranges.
        other: dollars a month of the bill that no strategy touches, such as infrastructure.

    Raises:
        BillError: a wrong order, too few draws, a negative `other`. NoPrice: a model without a list price.
    """
    a = assumptions or PlanAssumptions()
    if sorted(order) != sorted(NAMES):
        raise BillError(f"order: must name each of {', '.join(NAMES)} once, got {', '.join(order) or 'nothing'}")
    if draws and draws < _LEAST_DRAWS:
        raise BillError(f"draws: must be 0 or at least {_LEAST_DRAWS}, got {draws}")
    if not 0 <= other < float("inf"):
        raise BillError(f"other: must be 0 or more, got {other!r}")
    n = len(NAMES)
    found = [float(one) for one in bills(lines, Figures.expected(a), a, other)]
    savings = [found[0] - one for one in found]
    losses = [quality_loss(name, a) for name in NAMES]
    allowed = sum(1 << i for i in range(n) if losses[i] <= a.max_quality_loss)
    chosen = games.best_set(savings, allowed)
    ours = games.restricted(savings, chosen)
    sequence = [NAMES.index(name) for name in order]
    in_order, shares = games.marginals(ours, sequence), games.shapley(ours, n)
    spread = games.over_orders(ours, n)
    ranges, after_range = _ranges(lines, a, other, sequence, chosen, draws, seed)
    weeks = [getattr(a, _WEEKS[name]).value for name in NAMES]
    everything = (1 << n) - 1

    def step(i: int) -> Step:
        bit = 1 << i
        low, high = ranges.get(i, (in_order[i], in_order[i]))
        refused = ""
        if losses[i] > a.max_quality_loss:
            refused = (
                f"loses up to {losses[i]:.1%} of the right answers, more than the {a.max_quality_loss:.1%} allowed"
            )
        elif not chosen & bit:
            refused = _no_gain(savings[chosen | bit] - savings[chosen])
        return Step(
            name=NAMES[i], title=TITLES[NAMES[i]], saving=in_order[i], alone=ours[bit],
            last=ours[everything] - ours[everything & ~bit], shapley=shares[i], least=min(spread[i]),
            most=max(spread[i]), low=low, high=high, quality_loss=losses[i], refused=refused,
            forgone=savings[bit] if refused else 0.0, weeks=weeks[i], per_week=in_order[i] / weeks[i],
        )  # fmt: skip

    return Plan(
        before=found[0], after=found[chosen], after_low=after_range[0] if draws else found[chosen],
        after_high=after_range[1] if draws else found[chosen], other=other,
        steps=tuple(step(i) for i in sequence), roadmap=_roadmap(ours, chosen, weeks), savings=tuple(ours),
        draws=draws, seed=seed, assumptions=a,
    )  # fmt: skip


def _no_gain(saving: float) -> str:
    if saving > -0.5:
        return f"saves ${max(saving, 0.0):,.0f} a month on this bill beside the others"
    return f"costs ${-saving:,.0f} a month more than it saves, where more than $0 is the bound"


def _ranges(
    lines: Sequence[Line], a: PlanAssumptions, other: float, order: Sequence[int], chosen: int, draws: int, seed: int
) -> tuple[dict[int, tuple[float, float]], tuple[float, float]]:
    """5th and 95th percentile of each saving in the order, and of the bill at the end."""
    import numpy as np

    if not draws:
        return {}, (0.0, 0.0)
    found = bills(lines, Figures.drawn(a, draws, seed), a, other)
    if found.ndim == 1:  # an empty bill has nothing to draw
        found = found[:, None]
    mask, ranges = 0, {}
    for i in order:
        following = mask | (1 << i & chosen)
        low, high = np.percentile(found[mask] - found[following], [5, 95])
        ranges[i] = (float(low), float(high))
        mask = following
    low, high = np.percentile(found[chosen], [5, 95])
    return ranges, (float(low), float(high))


def _roadmap(savings: Sequence[float], chosen: int, weeks: Sequence[float]) -> tuple[Milestone, ...]:
    road: list[Milestone] = []
    saved = spent = 0.0
    for i, gain in games.greedy(savings, chosen, weeks):
        saved, spent = saved + gain, spent + weeks[i]
        road.append(Milestone(NAMES[i], TITLES[NAMES[i]], gain, weeks[i], gain / weeks[i], saved, spent))
    return tuple(road)
