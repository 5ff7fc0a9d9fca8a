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


def knee_of_curve(concurrencies: Sequence[float], rates: Sequence[float], gain: float = 0.2) -> float:
    """The same bend of a smooth curve through all points, so that one noisy point does not decide; a number of users.

    rate = c / (a + b c): a server that does one request in a, and b more for each beside it (1 / b at most). Fitted by
    least squares on relative errors. Doubling gains `gain` where 2 (a + b c) / (a + 2 b c) = 1 + gain, which is
    c = a (1 - gain) / (2 b gain).
    Raises ValueError with fewer than three points, or for rates that do not flatten at all.
    """
    import numpy as np

    if len(rates) < 3 or len(concurrencies) != len(rates):
        raise ValueError(
            f"a curve needs three points of a sweep, got {len(concurrencies)} users and {len(rates)} rates"
        )
    users, rate = np.asarray(concurrencies, dtype=float), np.asarray(rates, dtype=float)
    if not (np.isfinite(rate).all() and (rate > 0).all() and (users > 0).all()):
        raise ValueError("users and rates of a sweep must be positive numbers")
    (a, b), *_ = np.linalg.lstsq(np.stack([rate / users, rate], axis=1), np.ones(users.size), rcond=None)
    if b <= 0 or a <= 0:
        raise ValueError("throughput does not flatten over these points: the knee lies beyond them")
    return float(a * (1 - gain) / (2 * b * gain))
