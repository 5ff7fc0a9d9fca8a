"""Where a load curve bends."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def knee_index(concurrencies: Sequence[float], rates: Sequence[float], gain: float = 0.2) -> int:
    """Place of the last point of a closed-loop sweep from which doubling the users still gains `gain` in throughput.

    concurrencies: users, rising. rates: throughput at each, in any unit. A step that is not a doubling is scaled to
    one. The last point of all if the curve never flattens: the knee then lies beyond what is there.
    Raises ValueError without points.
    """
    if not rates or len(concurrencies) != len(rates):
        raise ValueError("no points: every one was void, or none was measured")
    for here, following in itertools.pairwise(range(len(rates))):
        doublings = concurrencies[following] / concurrencies[here] / 2
        if rates[following] / rates[here] - 1 < gain * doublings:
            return here
    return len(rates) - 1
