"""How well the client itself measures: the same generator against a server of known latency.

Client and stub run on the same cores as the engine does, so an error found here bounds the error of client *plus* stub;
the stub's own lateness is reported beside it. At high concurrency the stub answers faster than a real engine would, so
the client is busier here than in the test that it calibrates: the bound errs on the strict side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from reference.serving.load.generator import LoadGenerator
from reference.serving.load.records import LoadPoint
from reference.serving.load.runs import LoadRun, closed_loop, open_loop
from reference.serving.stub_engine import StubEngine

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CalibrationPoint:
    """Measured minus true [ms], for medians (p50) and means; `stub_*` is the part that the stub itself was late
    [ms]."""

    concurrency: int | None
    rate: float | None
    in_flight: float
    n: int
    ttft_error_p50_ms: float
    ttft_error_mean_ms: float
    tpot_error_p50_ms: float
    itl_error_p99_ms: float
    e2e_error_mean_ms: float
    stub_ttft_late_ms: float
    stub_itl_late_ms: float
    stub_cpu_share: float
    failed: int
    void_reason: str = ""

    @property
    def ttft_error_ms(self) -> float:
        """The larger of the two absolute errors of TTFT [ms]."""
        return max(abs(self.ttft_error_p50_ms), abs(self.ttft_error_mean_ms))

    @property
    def tpot_error_ms(self) -> float:
        return abs(self.tpot_error_p50_ms)


@dataclass(frozen=True)
class ClientCalibration:
    """Errors of the client at several loads, against a stub of `ttft_ms` and `itl_ms`."""

    ttft_ms: float
    itl_ms: float
    points: tuple[CalibrationPoint, ...]
    conditions: dict[str, Any]

    def error_at(self, in_flight: float) -> tuple[float, float] | None:
        """(TTFT error, TPOT error) [ms] with `in_flight` requests at once; None beyond the largest calibrated load.

        Errors are taken as never falling with the load, and interpolated linearly: a lucky small error at a higher load
        must not excuse a lower one.
        """
        known = sorted((p for p in self.points if not p.void_reason), key=lambda p: p.in_flight)
        # A closed loop of 8 shows a little less than 8 in flight; 5 % more than calibrated is not "beyond".
        if not known or in_flight > 1.05 * max(max(p.in_flight, p.concurrency or 0) for p in known):
            return None
        import numpy as np

        loads = [p.in_flight for p in known]
        ttft = np.maximum.accumulate([p.ttft_error_ms for p in known])
        tpot = np.maximum.accumulate([p.tpot_error_ms for p in known])
        return float(np.interp(in_flight, loads, ttft)), float(np.interp(in_flight, loads, tpot))

    def to_dataframe(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame([asdict(point) for point in self.points])

    def to_record(self) -> dict[str, Any]:
        """JSON-ready: stub latencies, conditions of the measurement, points."""
        return {
            "kind": "client-calibration",
            **self.conditions,
            "stub": {"ttft_ms": self.ttft_ms, "itl_ms": self.itl_ms},
            "points": [asdict(point) for point in self.points],
        }


def calibrate_client(
    concurrencies: Sequence[int] = (),
    rates: Sequence[float] = (),
    ttft_ms: float = 100.0,
    itl_ms: float = 20.0,
    *,
    prompt_tokens: int = 128,
    output_tokens: int = 32,
    requests: int | None = None,
    seconds: float = 10.0,
    generator: LoadGenerator | None = None,
) -> ClientCalibration:
    """Measure a stub of known latency at each concurrency (closed loop) and rate (Poisson, `seconds` each).

    `requests` is the number of measured requests of a closed-loop point, by default as in `closed_loop`.
    """
    if not concurrencies and not rates:
        raise ValueError("give at least one of concurrencies and rates")
    points: list[CalibrationPoint] = []
    conditions: dict[str, Any] = {}
    with StubEngine(ttft_ms=ttft_ms, itl_ms=itl_ms) as stub:
        where = (stub.base_url, stub.model, stub.api_key)
        size: dict[str, Any] = {"prompt_tokens": prompt_tokens, "output_tokens": output_tokens, "generator": generator}
        for load in [*concurrencies, *rates]:
            stub.reset()
            if len(points) < len(concurrencies):
                run = closed_loop(*where, concurrencies=[int(load)], requests=requests, **size)
            else:
                run = open_loop(*where, rates=[load], seconds=seconds, **size)
            points.append(_compare(run.points[0], stub.timing(), ttft_ms, itl_ms, output_tokens))
            conditions = conditions or run.conditions
    arguments = f"{list(concurrencies)}, {list(rates)}, ttft_ms={ttft_ms:g}, itl_ms={itl_ms:g}"
    keep = {name: conditions[name] for name in ("generator", "machine", "versions", "date")}
    command = f"reference.serving.load.calibrate_client({arguments})"
    return ClientCalibration(ttft_ms, itl_ms, tuple(points), keep | {"command": command})


def _compare(
    point: LoadPoint, stub: dict[str, float], ttft_ms: float, itl_ms: float, output_tokens: int
) -> CalibrationPoint:
    nan = float("nan")
    return CalibrationPoint(
        concurrency=point.concurrency,
        rate=point.rate,
        in_flight=point.in_flight,
        n=point.n,
        ttft_error_p50_ms=point.ttft_ms.p50 - ttft_ms,
        ttft_error_mean_ms=point.ttft_ms.mean - ttft_ms,
        tpot_error_p50_ms=point.tpot_ms.p50 - itl_ms,
        itl_error_p99_ms=point.itl_ms.p99 - itl_ms,
        e2e_error_mean_ms=point.e2e_ms.mean - (ttft_ms + (output_tokens - 1) * itl_ms),
        stub_ttft_late_ms=stub.get("first_mean_ms", nan),
        stub_itl_late_ms=stub.get("rest_mean_ms", nan),
        stub_cpu_share=stub["cpu_s"] / stub["span_s"] if stub["span_s"] else nan,
        failed=point.failed,
        void_reason=point.void_reason,
    )


def mark_void(run: LoadRun, calibration: ClientCalibration, tolerance: float = 0.10) -> LoadRun:
    """`run` with those points void that this client could not have measured, each with its reason.

    A point is void where the client's error of TTFT or TPOT at that number in flight exceeds `tolerance` of the median
    that was measured, or where the calibration does not reach that far. Points already void stay so.
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance must be > 0, got {tolerance}")
    return replace(run, points=tuple(_judge(point, calibration, tolerance) for point in run.points))


def send_valid(
    send: Callable[[], LoadRun],
    calibrate: Callable[[], ClientCalibration],
    calibration: ClientCalibration,
    least: int,
) -> tuple[LoadRun, ClientCalibration]:
    """`send()` with its void points marked, and the calibration that judged it: `calibration`, or a new one.

    Where fewer than `least` points are valid, both are done once more: a machine that paused during the few seconds of
    a calibration voids all that it judges. Raises ValueError with the reasons where the second time is no better.
    """
    run = mark_void(send(), calibration)
    if len(run.valid()) < least:
        calibration = calibrate()
        run = mark_void(send(), calibration)
    if len(run.valid()) < least:
        reasons = "; ".join(f"{point.label}: {point.void_reason}" for point in run.points if point.void)
        raise ValueError(
            f"not measured: {len(run.valid())} of {len(run)} load points are valid, {least} are needed, also at the "
            f"second try ({reasons}). Measure while nothing else runs; an engine as fast as that may be beyond this "
            "client"
        )
    return run, calibration


def _judge(point: LoadPoint, calibration: ClientCalibration, tolerance: float) -> LoadPoint:
    if not point.n:
        return point
    load = float(point.concurrency if point.concurrency is not None else point.in_flight)
    errors = calibration.error_at(load)
    if errors is None:
        return point.as_void(f"{load:.3g} requests in flight lie beyond the loads at which the client was calibrated")
    for name, error, measured in zip(("TTFT", "TPOT"), errors, (point.ttft_ms.p50, point.tpot_ms.p50), strict=True):
        if error > tolerance * measured:
            point = point.as_void(
                f"the client's own error of {name} is {error:.1f} ms at {load:.3g} in flight, {error / measured:.0%} "
                f"of the measured {measured:.1f} ms (limit {tolerance:.0%})"
            )
    return point
