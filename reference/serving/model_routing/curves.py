"""What a router is worth: quality over cost as its threshold moves, beside random choice, length and an oracle.

All functions work on recorded correctness: nothing is asked again. Costs are in one unit of the caller's (seconds,
dollars), per question; a share of cost is that of the router divided by that of the strong model alone.

Uncertainty: questions made from one sentence fail together, so intervals draw sentences (groups), not questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.serving.model_routing.judged import Judged
from reference.serving.model_routing.sealed import RoutingError

DRAWS = 2000


@dataclass(frozen=True)
class Curve:
    """One point per threshold, from everything strong to everything small.

    Attributes:
        thresholds: a question goes to the small model if its score is at least this; inf sends none.
        small_share, cost_share, quality: float [points].
    """

    name: str
    thresholds: Any
    small_share: Any
    cost_share: Any
    quality: Any

    def cheapest(self, least_quality: float) -> int:
        """Index of the point of least cost among those of at least this quality; RoutingError if there is none."""
        import numpy as np

        enough = np.flatnonzero(self.quality >= least_quality - 1e-12)
        if not len(enough):
            raise RoutingError(f"least_quality: no point of {self.name} reaches {least_quality:.3f}")
        return int(enough[np.argmin(self.cost_share[enough])])


def curve(name: str, scores: Any, judged: Judged) -> Curve:
    """Questions go to the small model from the highest score down; equal scores go together."""
    import numpy as np

    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(judged),) or not np.isfinite(scores).all():
        raise RoutingError(f"scores: {len(judged)} finite numbers are needed")
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)) + 1  # how many are sent at each threshold
    sent = np.concatenate([[0], last])
    n = len(scores)

    def along(strong: Any, small: Any) -> Any:
        strong, small = strong[order], small[order]
        return (np.append(0, np.cumsum(small)) + strong.sum() - np.append(0, np.cumsum(strong)))[sent] / n

    first = judged.small_cost if judged.asks_small_first else np.zeros(n)
    after = np.zeros(n) if judged.asks_small_first else judged.small_cost
    cost = along(judged.strong_cost, after) + first.mean() + judged.choosing
    return Curve(
        name,
        np.concatenate([[np.inf], scores[order][last - 1]]),
        sent / n,
        cost / judged.strong_cost.mean(),
        along(judged.strong_right.astype(float), judged.small_right.astype(float)),
    )


def length_scores(texts: Sequence[str]) -> Any:
    """The baseline that needs no training: short messages go to the small model."""
    import numpy as np

    return -np.array([len(text) for text in texts], dtype=np.float64)


def oracle_scores(judged: Judged) -> Any:
    """What nobody can have: first what only the small model gets right, then what makes no difference."""
    import numpy as np

    gain = judged.small_right.astype(int) - judged.strong_right.astype(int)
    return 2.0 * gain + np.where(judged.small_right, 0.5, 0.0)


@dataclass(frozen=True)
class RandomLine:
    """Choosing by a coin: quality and cost move on a straight line; 95 % of coins end between `low` and `high`."""

    small_share: Any
    cost_share: Any
    quality: Any
    low: Any
    high: Any


def random_line(judged: Judged, points: int = 41) -> RandomLine:
    """Coins know nothing, so nothing is paid for choosing and no small model is asked first.

    Every question goes to the small model with probability p by itself: the variance of the mean is
    p (1 - p) (number of questions on which the two differ) / n².
    """
    import numpy as np

    share = np.linspace(0, 1, points)
    mean = judged.strong_quality + share * (judged.small_quality - judged.strong_quality)
    differ = float((judged.strong_right != judged.small_right).sum())
    around = 1.96 * np.sqrt(share * (1 - share) * differ) / len(judged)
    cost = 1 + share * (judged.small_cost.sum() / judged.strong_cost.sum() - 1)
    return RandomLine(share, cost, mean, mean - around, mean + around)


def random_cost_share(judged: Judged, kept: float) -> float:
    """What a coin costs that keeps this share of the strong model's quality on average."""
    lost, gap = (1 - kept) * judged.strong_quality, judged.strong_quality - judged.small_quality
    share = 1.0 if gap <= lost else lost / gap
    return float(1 + share * (judged.small_cost.sum() / judged.strong_cost.sum() - 1))


def area_over_random(found: Curve, judged: Judged) -> float:
    """Mean gain in quality over a coin that sends as many questions to the small model (0: no better than a coin)."""
    import numpy as np

    coin = judged.strong_quality + found.small_share * (judged.small_quality - judged.strong_quality)
    return float(np.trapezoid(found.quality - coin, found.small_share))


@dataclass(frozen=True)
class Operating:
    """One way of sending questions, judged: shares with 95 % intervals over sentences (bootstrap)."""

    name: str
    n: int
    small_share: float
    quality: float
    quality_low: float
    quality_high: float
    kept: float
    kept_low: float
    kept_high: float
    cost_share: float
    cost_low: float
    cost_high: float


def resampled(groups: Sequence[str], draws: int = DRAWS, seed: int = 0) -> Any:
    """int [draws, n]: how often each question is in a draw of as many groups as there are, with replacement."""
    import numpy as np

    _, member = np.unique(np.asarray(groups), return_inverse=True)
    count = int(member.max()) + 1
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return times[:, member]


def operate(name: str, to_small: Any, judged: Judged, draws: int = DRAWS, seed: int = 0) -> Operating:
    """Quality, share of the strong model's quality that is kept, and share of its cost. `to_small`: bool [n]."""
    import numpy as np

    to_small = np.asarray(to_small, dtype=bool)
    right, cost = judged.right(to_small).astype(float), judged.costs(to_small)
    weights = resampled(judged.groups, draws, seed)
    sums = {
        key: weights @ values
        for key, values in (("right", right), ("strong", judged.strong_right.astype(float)), ("cost", cost),
                            ("strong cost", judged.strong_cost), ("n", np.ones(len(judged))))
    }  # fmt: skip

    def ends(values: Any) -> tuple[float, float]:
        low, high = np.percentile(values, [2.5, 97.5])
        return float(low), float(high)

    quality = ends(sums["right"] / sums["n"])
    kept = ends(sums["right"] / np.maximum(sums["strong"], 1e-9))
    share = ends(sums["cost"] / sums["strong cost"])
    return Operating(
        name=name,
        n=len(judged),
        small_share=float(to_small.mean()),
        quality=float(right.mean()),
        quality_low=quality[0],
        quality_high=quality[1],
        kept=float(right.sum() / max(judged.strong_right.sum(), 1)),
        kept_low=kept[0],
        kept_high=kept[1],
        cost_share=judged.cost_share(to_small),
        cost_low=share[0],
        cost_high=share[1],
    )


def safe_threshold(
    scores: Any, judged: Judged, keep: float = 0.95, confidence: float = 0.9, draws: int = DRAWS, seed: int = 0
) -> float:
    """The threshold of least cost that keeps `keep` of the strong model's quality, with a margin; inf: none does.

    Thresholds are tried from the one that sends nothing to the small model downwards. The walk ends where the lower
    bound of the kept quality (one-sided, bootstrap over groups) falls below `keep`: in a fixed sequence that ends at
    the first failure the chance of a wrong choice is not raised by the number of thresholds (A. Angelopoulos et al.,
    Learn then Test, 2021). A hundred thresholds are tried, spread evenly over the questions.
    """
    import numpy as np

    if not 0 < keep <= 1:
        raise RoutingError(f"keep: must be above 0 and at most 1, got {keep}")
    if not 0.5 <= confidence < 1:
        raise RoutingError(f"confidence: must be from 0.5 to below 1, got {confidence}")
    scores = np.asarray(scores, dtype=np.float64)
    weights = resampled(judged.groups, draws, seed)
    strong = np.maximum(weights @ judged.strong_right.astype(float), 1e-9)
    found = np.inf
    for threshold in np.unique(np.quantile(scores, np.linspace(0, 1, 101), method="lower"))[::-1]:
        kept = (weights @ judged.right(scores >= threshold).astype(float)) / strong
        if np.quantile(kept, 1 - confidence) < keep:
            break
        found = float(threshold)
    return float(found)
