"""The scales that a fit searches: which unknowns of `StepTime` move together, and how far they may move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .direct import KV, PAIR, Unknowns
from .record import CalibrationRecord

# Prior of the logarithm of each scale, as sd, assumed: what steps measured may be off by this much under load.
PRIOR_STEPS = {"base": 0.3, "decode": 0.5, "prefill": 0.5, "sequence": 1.5, "kv": 0.3, "pair": 0.5, "overhead": 1.0}
PRIOR_LOAD = {"base": 0.5, "decode": 1.5, "prefill": 1.0, "sequence": 1.5, "kv": 0.15, "pair": 0.7, "overhead": 1.0}


@dataclass(frozen=True)
class Scales:
    """Which unknowns move together: scale number of each unknown, -1 for none, and the prior sd of each scale."""

    of: tuple[int, ...]
    prior: tuple[float, ...]

    def apply(self, guess: Unknowns, logs: Sequence[float]) -> Unknowns:
        """The guess with each unknown multiplied by the exponential of its scale, at most e^5 either way."""
        factors = [1.0 if scale < 0 else math.exp(min(max(logs[scale], -5.0), 5.0)) for scale in self.of]
        return Unknowns(guess.knots, tuple(v * f for v, f in zip(guess.values, factors, strict=True)))


def scales_of(record: CalibrationRecord, guess: Unknowns) -> Scales:
    """Where steps were measured their shape is kept and scaled; without them every rise of the curve is free."""
    prior = PRIOR_STEPS if record.steps else PRIOR_LOAD
    top = max((step.batch for step in record.steps), default=0)
    names = ["base"]
    for knot in guess.knots[1:]:
        names.append(("decode" if knot <= top else "prefill") if record.steps else f"rise to {knot:g}")
    names += ["sequence", "kv", "pair", "overhead"]
    for place, name in ((KV, "kv"), (PAIR, "pair")):
        if guess.values[place] == 0:
            names[place] = f"no {name}"
    order = list(dict.fromkeys(name for name in names if not name.startswith("no ")))
    seats = record.limits.max_num_seqs

    def sd(name: str) -> float:
        if name.startswith("rise"):
            return prior["decode" if float(name.split()[-1]) <= seats else "prefill"]
        return prior[name]

    return Scales(tuple(order.index(n) if n in order else -1 for n in names), tuple(sd(name) for name in order))
