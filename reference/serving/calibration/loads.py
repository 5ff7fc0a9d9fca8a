"""Load points of a calibration: closed and open loops whose every request is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.serving.calibration.errors import CalibrationError
from reference.serving.calibration.probes import Target, last_line
from reference.serving.load.calibration import ClientCalibration, mark_void
from reference.serving.load.replay import Replay
from reference.serving.load.runs import LoadRun
from reference.sizing.engine_model.record import LoadPoint
from reference.sizing.engine_model.replay import output_lengths, poisson_arrivals

WARMUP_SHARE, COOLDOWN_SHARE = 0.2, 0.1  # of an open loop's requests, as in `reference.serving.load.open_loop`


def closed_point(
    target: Target,
    concurrency: int,
    n_in: int,
    n_out: int,
    *,
    spread: float = 0.0,
    requests: int,
    seed: int,
    client: ClientCalibration | None = None,
) -> LoadPoint:
    """`requests` measured ones of a closed loop, after `concurrency` of warm-up and before as many of cool-down."""
    count = requests + 2 * concurrency
    lengths = output_lengths(n_out, spread, count, seed).tolist()
    run = target.replay(concurrency=concurrency, prompt_tokens=n_in, output_tokens=lengths)
    load = {"concurrency": concurrency, "n_in": n_in, "n_out": n_out, "output_spread": spread, "seed": seed}
    return recorded(run, load, concurrency, concurrency, client)


def open_point(
    target: Target,
    rate: float,
    n_in: int,
    n_out: int,
    *,
    spread: float = 0.0,
    seconds: float,
    seed: int,
    client: ClientCalibration | None = None,
) -> LoadPoint:
    """Poisson arrivals at `rate` requests/s for `seconds`, at least 10 of them; the trace is kept in the point."""
    if not (np.isfinite(rate) and rate > 0):
        raise ValueError(f"rate must be a positive number of requests/s, got {rate!r}")
    count = max(10, round(rate * seconds))
    arrivals = [round(float(second), 4) for second in poisson_arrivals(rate, count, seed)]
    lengths = output_lengths(n_out, spread, count, seed).tolist()
    run = target.replay(arrivals=arrivals, prompt_tokens=n_in, output_tokens=lengths)
    load = {"rate": rate, "n_in": n_in, "n_out": n_out, "output_spread": spread, "seed": seed, "arrivals": arrivals}
    return recorded(run, load, round(WARMUP_SHARE * count), max(1, round(COOLDOWN_SHARE * count)), client)


def recorded(
    run: Replay, load: dict[str, Any], warmup: int, cooldown: int, client: ClientCalibration | None
) -> LoadPoint:
    """The run as a point of the record, void where the client could not have measured it or too much failed."""
    seen = run.point(warmup, cooldown)
    if client is not None:
        seen = mark_void(LoadRun((seen,)), client).points[0]
    if not seen.n or len(run.records) - len(run.failed) <= warmup + cooldown:
        share = f"{len(run.failed)} of {len(run.records)} requests failed"
        raise CalibrationError(f"{share} ({last_line(run.failed[0])}); nothing was recorded")
    figures: dict[str, Any] = figures_of(run, warmup, cooldown)
    return LoadPoint(
        **load,
        requests=len(run.records) - warmup - cooldown,
        warmup=warmup,
        cooldown=cooldown,
        errors=seen.failed,
        seconds=seen.seconds,
        void=seen.void_reason or None,
        **{name: float(f"{value:.6g}") for name, value in figures.items()},  # type: ignore[arg-type]
    )


def figures_of(run: Replay, warmup: int, cooldown: int) -> dict[str, float]:
    """request_s, output_tok_s and percentiles, by the same function that reads a simulation of the same load."""
    from reference.sizing.engine_model.replay import measure

    good = [r for r in run.records if r.ok]
    figures = measure(
        np.array([r.start for r in good]),
        np.array([r.ttft for r in good]),
        np.array([r.latency for r in good]),
        np.array([r.output_tokens for r in good]),
        closed=run.arrivals is None,
        warmup=warmup,
        cooldown=cooldown,
    )
    return {name: value for name, value in figures.items() if name in LoadPoint.model_fields}
