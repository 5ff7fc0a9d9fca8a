"""What the rounds of a calibration have measured so far."""

from __future__ import annotations

from collections import defaultdict

from reference.serving.calibration.errors import CalibrationError
from reference.serving.calibration.probes import spread_of
from reference.sizing.engine_model.record import LoadPoint, PrefillPoint, StepPoint


class Samples:
    """Step times, prompts and load points; a list per round, so that rounds can be held against each other."""

    def __init__(self) -> None:
        self.steps: dict[tuple[int, int], list[tuple[float, list[float]]]] = defaultdict(list)
        self.prefills: dict[tuple[int, int], list[list[float]]] = defaultdict(list)
        self.points: list[LoadPoint] = []

    def step_points(self) -> list[StepPoint]:
        return [
            StepPoint(
                batch=batch,
                context=round(sum(context for context, _ in rounds) / len(rounds)),
                ms=spread_of([ms for _, gaps in rounds for ms in gaps]),
            )
            for (batch, _), rounds in sorted(self.steps.items())
        ]

    def prefill_points(self) -> list[PrefillPoint]:
        return [
            PrefillPoint(prompt=prompt, cached=cached, ms=spread_of([ms for times in rounds for ms in times]))
            for (prompt, cached), rounds in sorted(self.prefills.items())
            if any(rounds)
        ]

    def saturation(self, n_in: int, n_out: int) -> float:
        """Highest request rate of a closed loop of this size [1/s]. Raises CalibrationError if all are void."""
        rates = [p.request_s for p in self._closed(n_in, n_out) if not p.void]
        if not rates:
            raise CalibrationError(
                f"no closed loop could be measured, every point is void: {self.why_void(n_in, n_out)}; nothing was "
                "recorded. Calibrate while nothing else runs; an engine as fast as that may be beyond this client"
            )
        return max(rates)

    def why_void(self, n_in: int, n_out: int) -> str | None:
        """Why the last closed loop of this size is void, if all of them are; None when there is one to go by."""
        closed = self._closed(n_in, n_out)
        return None if any(not p.void for p in closed) else next((p.void for p in reversed(closed)), "none was sent")

    def _closed(self, n_in: int, n_out: int) -> list[LoadPoint]:
        return [p for p in self.points if p.concurrency and (p.n_in, p.n_out) == (n_in, n_out)]

    def spread(self) -> str:
        """How far repetitions lie apart: the largest and the middle ratio of rounds, for steps and for throughput."""
        steps = [_ratio([spread_of(gaps).median for _, gaps in rounds]) for rounds in self.steps.values()]
        loads: dict[tuple[int, int, int], list[float]] = defaultdict(list)
        for point in self.points:
            if point.concurrency and not point.void:
                loads[(point.concurrency, point.n_in, point.n_out)].append(point.output_tok_s)
        rates = [_ratio(values) for values in loads.values()]
        quartiles = [(p.ms.p75 - p.ms.p25) / p.ms.median for p in self.step_points() if p.ms.p25 and p.ms.p75]
        text = f"quartiles of step times {sorted(quartiles)[len(quartiles) // 2]:.0%} of the median apart"
        if not any(len(rounds) > 1 for rounds in self.steps.values()):
            return f"one round; {text}"
        usual = sorted(steps)[len(steps) // 2]
        return (
            f"between rounds, step medians at most {max(steps):.0%} apart (usually {usual:.0%}), "
            f"closed-loop throughput at most {max(rates, default=0):.0%}; {text}"
        )


def _ratio(values: list[float]) -> float:
    """How far the largest lies above the smallest, as a share of it."""
    return max(values) / min(values) - 1
