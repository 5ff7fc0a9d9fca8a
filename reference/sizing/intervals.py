"""How far a figure of a sample can be trusted: intervals of shares, means of runs, percentiles of what is known.

Exact one-sided bounds and the sample that a claim needs are in `error_rates`.
"""

from __future__ import annotations

import math
from typing import Any

from .error_rates import rate_upper_bound

Z_95 = 1.96
PARTS = 10  # into which a run is cut, to see how far its figures can be trusted
T_95 = 2.262  # Student's t for 95 % and PARTS - 1 degrees of freedom


def wilson(hits: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a share (E. B. Wilson, 1927), as fractions; (0, 1) without trials.

    z: standard deviations on either side, 1.96 for 95 %. Raises ValueError for more hits than trials.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"hits must be between 0 and trials, got {hits} of {trials}")
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # The share lies within by algebra; where all or none are hits, rounding would leave it 1e-16 outside.
    return max(0.0, min(share, (centre - spread) / scale)), min(1.0, max(share, (centre + spread) / scale))


def exact_interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact two-sided interval of a share (C. J. Clopper and E. S. Pearson, 1934): half of the doubt on either side.

    Fractions; (0, 1) without trials. Raises ValueError for counts that cannot be.
    """
    if trials == 0 and hits == 0:
        return 0.0, 1.0
    side = (1 + confidence) / 2
    return 1.0 - rate_upper_bound(trials - hits, trials, side), rate_upper_bound(hits, trials, side)


def mean_in_parts(values: Any) -> tuple[float, float]:
    """(mean, half-width of its 95 % interval) of a run whose values hang together, in the values' unit.

    By batch means: the means of PARTS stretches in a row are taken as independent. values: (n,), n at least PARTS.
    """
    import numpy as np

    if len(values) < PARTS:
        raise ValueError(f"values must hold at least {PARTS} entries, got {len(values)}")
    means = np.array([part.mean() for part in np.array_split(np.asarray(values, dtype=float), PARTS)])
    return float(means.mean()), T_95 * float(means.std(ddof=1)) / math.sqrt(PARTS)


def percentile_of_known(values: Any, percent: float, none: float = math.nan) -> float:
    """Percentile of the finite numbers among `values` (n,), in their unit; `none` where there is not one."""
    import numpy as np

    if not 0 <= percent <= 100:
        raise ValueError(f"percent must lie between 0 and 100, got {percent}")
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else none


def spread_in_parts(seconds: Any, percent: float) -> str:
    """How far a percentile lies apart over the parts of a run, in words; empty where nothing is known. (n,), s."""
    import numpy as np

    parts = [percentile_of_known(part, percent) for part in np.array_split(seconds, PARTS)]
    known = [part for part in parts if not math.isnan(part)]
    if not known:
        return ""
    return f"p{percent:g} {min(known):.3g} to {max(known):.3g} s over {len(known)} parts of the run"
