"""What a comparison of two systems may say: ratios paired within a round, their interval, and who is ahead.

A ratio above 1 means that the workbook is ahead, whichever way the figure itself points. Nobody is called ahead where
the interval holds the point of no difference.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

WORKBOOK, PEER, NOBODY = "workbook", "peer", "no difference shown"
CONFIDENCE = 0.95
ROUNDS = 6  # the fewest whose range holds the median with 95 %


@dataclass
class Part:
    """One comparison: `rows` of one shape, `missing` what was not measured, `versions` of both sides."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)
    conditions: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def leave_out(self, what: str, peer: str, reason: str) -> None:
        self.missing.append({"what": what, "peer": peer, "reason": reason})


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval of the median by order statistics (the sign test's), no form of distribution assumed.

    The narrowest one that covers `confidence`; (-inf, inf) where there are too few values for that.
    """
    ordered, n = sorted(values), len(values)
    outside, best = 0.0, (-math.inf, math.inf)
    for k in range(n // 2):
        outside += 2 * math.comb(n, k) / 2**n
        if outside > 1 - confidence:
            break
        best = ordered[k], ordered[n - 1 - k]
    return best


def ahead(low: float, high: float, even: float) -> str:
    """Who is ahead, given the interval of a ratio (`even` 1) or of a difference (`even` 0)."""
    return WORKBOOK if low > even else PEER if high < even else NOBODY


def paired_ratio(what: str, unit: str, peer: str, ours: Sequence[float], theirs: Sequence[float], *,
                 more_is_better: bool = False) -> dict[str, Any]:  # fmt: skip
    """A row of figures that were taken in the same rounds. Raises ValueError for unequal numbers of rounds or for a
    figure that is not above 0."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{what}: {len(ours)} rounds of the workbook, {len(theirs)} of {peer}: pair them")
    if min(*ours, *theirs) <= 0:
        raise ValueError(f"{what}: a ratio needs figures above 0, got {min(*ours, *theirs):g}")
    ratios = [a / b if more_is_better else b / a for a, b in zip(ours, theirs, strict=True)]
    low, high = median_interval(ratios)
    quartiles = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else [ratios[0]] * 3
    return {
        "what": what, "peer": peer, "unit": unit, "better": "more" if more_is_better else "less",
        "ours": _cut(statistics.median(ours)), "theirs": _cut(statistics.median(theirs)),
        "compared": "ratio", "median": _cut(quartiles[1]), "p25": _cut(quartiles[0]), "p75": _cut(quartiles[2]),
        "low": _cut(low) if math.isfinite(low) else None, "high": _cut(high) if math.isfinite(high) else None,
        "rounds": len(ratios), "ahead": ahead(low, high, 1.0),
    }  # fmt: skip


def shares(what: str, peer: str, ours: tuple[int, int], theirs: tuple[int, int], *,
           more_is_better: bool) -> dict[str, Any]:  # fmt: skip
    """A row of two shares, each (hits, trials), with Wilson's intervals; ahead only where these do not overlap."""
    from reference.sizing.intervals import wilson

    mine, other = wilson(*ours), wilson(*theirs)
    best = NOBODY
    if mine[0] > other[1] or mine[1] < other[0]:
        best = WORKBOOK if (mine[0] > other[1]) == more_is_better else PEER
    share = [hits / trials if trials else 0.0 for hits, trials in (ours, theirs)]
    return {
        "what": what, "peer": peer, "unit": "share", "better": "more" if more_is_better else "less",
        "ours": _cut(share[0]), "theirs": _cut(share[1]), "compared": "shares",
        "ours_interval": [_cut(v) for v in mine], "theirs_interval": [_cut(v) for v in other],
        "ours_counts": list(ours), "theirs_counts": list(theirs), "ahead": best,
    }  # fmt: skip


def difference(what: str, unit: str, peer: str, ours: float, theirs: float,
               gain: tuple[float, float, float], n: int) -> dict[str, Any]:  # fmt: skip
    """A row of two means over the same questions; `gain` is (mean, low, high) of the paired difference, more is
    better."""
    return {
        "what": what, "peer": peer, "unit": unit, "better": "more", "ours": _cut(ours), "theirs": _cut(theirs),
        "compared": "difference", "median": _cut(gain[0]), "low": _cut(gain[1]), "high": _cut(gain[2]), "rounds": n,
        "ahead": ahead(gain[1], gain[2], 0.0),
    }  # fmt: skip


def _cut(value: float, digits: int = 3) -> float:
    return float(f"{value:.{digits}g}")
