"""What a simulated stretch of time looked like to its users, and whether the targets hold in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.sizing.intervals import percentile_of_known

from .requirements import Requirements


@dataclass(frozen=True)
class Window:
    """Latencies in seconds of the answered requests that were sent in it; shares of all that were sent in it.

    ttft_slo, tpot_slo: at the percentiles of the targets. within: share answered with both targets met, each request
    by itself. in_flight: mean number of requests in the fleet per replica, by Little's law.
    """

    requests: int
    ttft_p50: float
    ttft_p99: float
    ttft_slo: float
    tpot_p50: float
    tpot_p99: float
    tpot_slo: float
    answered: float
    within: float
    in_flight: float
    misses: tuple[str, ...]

    @property
    def met(self) -> bool:
        return not self.misses


def window(
    run: Any, arrived: Any, requirements: Requirements, first_s: float, last_s: float, replicas: float
) -> Window:
    """The window [first_s, last_s) of a run; `arrived`: seconds of its workload, one per request."""
    chosen = (arrived >= first_s) & (arrived < last_s)
    number = int(chosen.sum())
    if not number:
        raise ValueError(f"no request was sent between {first_s:g} and {last_s:g} s: the window is empty")
    good = run.outcome[chosen] == 0
    ttft = np.asarray(run.ttft_s[chosen], dtype=float)[good]
    tpot = np.asarray(run.tpot_s[chosen], dtype=float)[good]
    e2e = np.asarray(run.e2e_s[chosen], dtype=float)[good]
    answered = float(good.mean())
    limit_ttft, limit_tpot = requirements.ttft_ms / 1000, requirements.tpot_ms / 1000
    # An answer of one token has no time per further token and cannot miss it.
    kept = (ttft <= limit_ttft) & ~(tpot > limit_tpot)
    # Infinite where nothing was answered, so that it misses every target.
    ttft_slo = percentile_of_known(ttft, requirements.ttft_percentile, math.inf)
    # Where every answer has one token there is no time per token.
    spoken = bool(np.isfinite(tpot).any())
    tpot_slo = percentile_of_known(tpot, requirements.tpot_percentile, math.inf) if spoken else 0.0
    misses = []
    if answered < requirements.availability:
        misses.append(f"answered {answered:.2%} of {requirements.availability:.2%}")
    if ttft_slo > limit_ttft:
        misses.append(
            f"TTFT p{requirements.ttft_percentile:g} {ttft_slo * 1000:,.0f} ms of {requirements.ttft_ms:,.0f} ms"
        )
    if tpot_slo > limit_tpot:
        misses.append(
            f"TPOT p{requirements.tpot_percentile:g} {tpot_slo * 1000:,.1f} ms of {requirements.tpot_ms:,.1f} ms"
        )
    length = max(last_s - first_s, 1e-9)
    return Window(
        requests=number,
        ttft_p50=percentile_of_known(ttft, 50, math.inf),
        ttft_p99=percentile_of_known(ttft, 99, math.inf),
        ttft_slo=ttft_slo,
        tpot_p50=percentile_of_known(tpot, 50, math.inf) if spoken else 0.0,
        tpot_p99=percentile_of_known(tpot, 99, math.inf) if spoken else 0.0,
        tpot_slo=tpot_slo,
        answered=answered,
        within=float(kept.sum()) / number,
        in_flight=float(e2e.sum()) / length / replicas,
        misses=tuple(misses),
    )
