"""How often a semantic cache is right and wrong on labelled pairs, and which threshold is cheapest.

A false hit is a pair that must not share an answer and is taken for the same; the false-hit rate is its share of those
pairs. Intervals are exact (Clopper and Pearson 1934). Rates depend on the pairs: these ask for the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reference.sizing.error_rates import rate_upper_bound
from reference.sizing.intervals import exact_interval

from .cache import CacheError
from .questions import Pair

Embed = Callable[[Sequence[str]], Any]  # texts -> float [n, d]
Guard = Callable[[str, str], str]  # two texts -> why the answer to one must not serve the other, or ""


@dataclass(frozen=True)
class Scored:
    """A pair, the cosine of its embeddings, and what the guard says ("" if it has no objection)."""

    pair: Pair
    similarity: float
    refused: str

    def hit(self, threshold: float) -> bool:
        return self.similarity >= threshold and not self.refused


@dataclass(frozen=True)
class Rate:
    """`hits` of `n` pairs, with exact 95 % bounds: `upper` and `lower` are one-sided."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n

    @property
    def upper(self) -> float:
        return rate_upper_bound(self.hits, self.n)

    @property
    def lower(self) -> float:
        return 1 - rate_upper_bound(self.n - self.hits, self.n)

    @property
    def interval(self) -> tuple[float, float]:
        """Two-sided, 95 %."""
        return exact_interval(self.hits, self.n)


@dataclass(frozen=True)
class Point:
    """The cache at one threshold: hits on pairs that share an answer, false hits on pairs that do not."""

    threshold: float
    hits: Rate
    false_hits: Rate


def score(pairs: Sequence[Pair], embed: Embed, guard: Guard | None = None) -> list[Scored]:
    """Cosine and objection for every pair; each text is embedded once. Without a guard nothing is refused."""
    import numpy as np

    texts = sorted({text for pair in pairs for text in (pair.one, pair.two)})
    if not texts:
        return []
    rows = np.asarray(embed(texts), dtype=np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    place = {text: row for row, text in enumerate(texts)}
    return [
        Scored(pair, float(rows[place[pair.one]] @ rows[place[pair.two]]), guard(pair.one, pair.two) if guard else "")
        for pair in pairs
    ]


def rate(scored: Sequence[Scored], threshold: float) -> Rate:
    """Share of the pairs that the cache takes for the same. Raises CacheError for no pairs."""
    if not scored:
        raise CacheError("scored: holds no pairs, so there is no rate")
    return Rate(sum(one.hit(threshold) for one in scored), len(scored))


def by_kind(scored: Sequence[Scored], threshold: float) -> dict[str, Rate]:
    """`rate` for every kind of pair, by name."""
    groups: dict[str, list[Scored]] = {}
    for one in scored:
        groups.setdefault(one.pair.kind, []).append(one)
    return {kind: rate(groups[kind], threshold) for kind in sorted(groups)}


def curve(scored: Sequence[Scored], thresholds: Sequence[float]) -> list[Point]:
    """Both rates at every threshold. Raises CacheError unless `scored` has pairs of both sorts."""
    same = [one for one in scored if one.pair.same]
    other = [one for one in scored if not one.pair.same]
    if not same or not other:
        raise CacheError("scored: needs pairs that share an answer and pairs that do not")
    return [Point(threshold, rate(same, threshold), rate(other, threshold)) for threshold in thresholds]


def choose_threshold(
    scored: Sequence[Scored], max_false_hits: float = 0.01, step: float = 0.01, *, keep: float = 0.85
) -> float | None:
    """The highest threshold that still finds most of what any allowed one finds; None if none is allowed or finds any.

    Allowed, among multiples of `step`, is where the exact one-sided 95 % bound of the share of false hits is at most
    `max_false_hits`: a set too small to show that (299 pairs without a false hit for 1 %) allows nothing. Of these the
    highest with at least `keep` of the hits of the best one: rules made on these pairs look better here than elsewhere,
    and the hits given up pay for a margin. Choose on one half of the pairs, and read the rates on the other.

    Raises:
        CacheError: a share or step out of range, or no pairs of one sort.
    """
    if not 0 < max_false_hits < 1:
        raise CacheError(f"max_false_hits: must lie between 0 and 1, got {max_false_hits}")
    if not 0 < step < 1:
        raise CacheError(f"step: must lie between 0 and 1, got {step}")
    if not 0 < keep <= 1:
        raise CacheError(f"keep: must be above 0 and at most 1, got {keep}")
    steps = [round(step * k, 6) for k in range(1, int(1 / step) + 1)]
    allowed = [point for point in curve(scored, steps) if point.false_hits.upper <= max_false_hits]
    most = max((point.hits.hits for point in allowed), default=0)
    return max((point.threshold for point in allowed if point.hits.hits >= keep * most), default=None) if most else None


@dataclass(frozen=True)
class Traffic:
    """What arrives.

    Attributes:
        repeats: share of requests whose question was answered before in other words.
        look_alikes: share of requests that only a look-alike of was answered before.
    """

    repeats: float
    look_alikes: float

    def __post_init__(self) -> None:
        for name, value in (("repeats", self.repeats), ("look_alikes", self.look_alikes)):
            if not 0 <= value <= 1:
                raise CacheError(f"{name}: must be 0 to 1, got {value}")
        if self.repeats + self.look_alikes > 1:
            raise CacheError(f"repeats, look_alikes: together above 1 ({self.repeats} and {self.look_alikes})")


@dataclass(frozen=True)
class Prices:
    """Dollars: of a request to the model, of a lookup (every request pays it), and of one wrong answer."""

    model: float
    lookup: float
    wrong: float

    def __post_init__(self) -> None:
        for name, value in (("model", self.model), ("lookup", self.lookup), ("wrong", self.wrong)):
            if not 0 <= value < float("inf"):
                raise CacheError(f"{name}: must be a finite number of dollars, not negative, got {value}")


def request_cost(point: Point, traffic: Traffic, prices: Prices) -> float:
    """Expected dollars per request with the cache at `point`: lookup + (1 - h) model + f wrong.

    h = repeats x hit rate + f is the share answered by the cache, f = look_alikes x false-hit rate the share answered
    wrongly. Without a cache a request costs `prices.model`.
    """
    false = traffic.look_alikes * point.false_hits.value
    hits = traffic.repeats * point.hits.value + false
    return prices.lookup + (1 - hits) * prices.model + false * prices.wrong


def cheapest(points: Sequence[Point], traffic: Traffic, prices: Prices) -> Point | None:
    """The point at which a request costs least; None where no cache is cheaper than all of them."""
    best = min(points, key=lambda point: request_cost(point, traffic, prices))
    return best if request_cost(best, traffic, prices) < prices.model else None


def ruinous_wrong_answer(point: Point, traffic: Traffic, prices: Prices) -> float:
    """Dollars per wrong answer above which no cache is cheaper than the cache at `point`; inf without false hits.

    From lookup + (1 - h) model + f wrong = model: wrong = (h model - lookup) / f. Zero if the cache never pays.
    """
    false = traffic.look_alikes * point.false_hits.value
    saved = (traffic.repeats * point.hits.value + false) * prices.model - prices.lookup
    if saved <= 0:
        return 0.0
    return saved / false if false else float("inf")
