"""The same load point without a simulation: by formula, by queueing theory, and by the roofline that none may pass.

These are the rungs below the simulation. They are wrong in known ways: a formula has one mean batch and no bursts; a
queue has servers whose speed does not depend on how many are busy. The table of all of them says by how much.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.sizing.queueing import Unstable, mgc
from reference.sizing.roofline import Deployment, bandwidth_roof, prefill_flops
from reference.sizing.units import Q, magnitude

from .fitted import Fitted
from .model import EngineModel
from .predict import PredictedPoint, full, predict, saturation
from .record import LoadPoint
from .replay import Load

RUNGS = ("output_tok_s", "tpot_p50_ms", "ttft_p50_ms")


@dataclass(frozen=True)
class Rough:
    """A load point by one method. Means stand in for medians; nan where the method has no answer."""

    method: str
    request_s: float
    output_tok_s: float
    tpot_p50_ms: float
    ttft_p50_ms: float


def prompt_s(model: EngineModel, n_in: int, beside: float) -> float:
    """Seconds that the steps of `beside` decodes take longer because one prompt of `n_in` tokens is read in them."""
    step, budget = model.step, model.limits.max_num_batched_tokens
    total, done = 0.0, 0.0
    while done < n_in:
        chunk = min(max(1.0, budget - beside), n_in - done)
        total += step.curve(beside + chunk) - step.curve(beside) + step.pair_s * (chunk * done + chunk * chunk / 2)
        done += chunk
    return total


def alone_s(model: EngineModel, n_in: int) -> float:
    """Seconds to the first token of a request on an idle replica."""
    return model.step.prefill_s(n_in, 0, model.limits.max_num_batched_tokens) + model.overhead_s


def _decode_s(model: EngineModel, load: Load, batch: float) -> float:
    return model.step.step_s(batch, batch * (load.n_in + load.n_out / 2))


def _rough(method: str, load: Load, rate: float, tpot: float, ttft: float) -> Rough:
    return Rough(method, rate, rate * load.n_out, 1e3 * tpot, 1e3 * ttft)


def _filled(model: EngineModel, load: Load, users: float) -> tuple[float, float]:
    """Requests/s and TPOT (s) of a batch that `users` requests fill: each waits for the prompts of the others."""
    steps = max(load.n_out - 1, 1)
    prompt = prompt_s(model, load.n_in, users - 1)
    tpot = _decode_s(model, load, users) + (users - 1) * prompt / steps
    return users / (alone_s(model, load.n_in) + steps * tpot), tpot


def by_formula(model: EngineModel, load: Load) -> Rough:
    """Little's law. Closed loop: C requests and C prompts per turn of the loop. Open: the batch N at which
    N = rate x decode time, where prompts take rate x prompt of every second from the decodes."""
    seats = full(model, load.n_in, load.n_out)
    steps = max(load.n_out - 1, 1)
    first = alone_s(model, load.n_in)
    if load.concurrency is not None:
        users = min(load.concurrency, seats)
        rate, tpot = _filled(model, load, users)
        # What of C / rate is not decoding is waiting: for the first token, and for a seat if there are too few.
        return _rough("formula", load, rate, tpot, max(first, load.concurrency / rate - steps * tpot))
    offered = load.offered or 0.0
    most, slowest = _filled(model, load, seats)
    if offered >= most:
        return _rough("formula", load, most, slowest, math.inf)
    batch = 1.0
    for _ in range(200):
        left = 1 - offered * prompt_s(model, load.n_in, batch)
        if left <= 0:
            return _rough("formula", load, most, slowest, math.inf)
        tpot = _decode_s(model, load, batch) / left
        batch += 0.5 * (min(max(1.0, offered * steps * tpot), seats) - batch)
    return _rough("formula", load, offered, tpot, first + tpot / 2)


def by_queueing(model: EngineModel, load: Load, capacity: float | None = None) -> Rough:
    """One server of constant service 1 / capacity. Open loop: M/D/1, with TPOT as if the server were shared evenly.
    Closed loop: the asymptotic bounds of operational analysis, min(C / time alone, capacity).

    capacity: requests/s, by default those of the simulated closed loop that fills every seat. The median wait is 0
    below half load. Above capacity an open loop has no steady state: times are infinite.
    """
    limit = saturation(model, load.n_in, load.n_out, output_spread=load.output_spread) if capacity is None else capacity
    first, tpot = alone_s(model, load.n_in), _decode_s(model, load, 1)
    alone = first + max(load.n_out - 1, 0) * tpot
    if load.concurrency is not None:
        rate = min(load.concurrency / alone, limit)
        return _rough("queueing", load, rate, tpot, load.concurrency / rate - alone + first)
    offered = load.offered or 0.0
    try:
        queue = mgc(Q(offered, "request/s"), Q(1 / limit, "s"), 1, service_scv=0.0)
    except Unstable:
        return _rough("queueing", load, limit, math.inf, math.inf)
    shared = tpot / (1 - offered / limit)
    return _rough("queueing", load, offered, shared, first + magnitude(queue.wait_percentile(50), "s"))


def floor(deployment: Deployment, load: Load, batch: float) -> Rough:
    """What physics allows at 100 % of bandwidth and peak with `batch` sequences: least times, and the most tokens."""
    context = Q(load.n_in, "token/request")
    flops = magnitude(prefill_flops(deployment, context), "FLOP")
    tokens = magnitude(bandwidth_roof(deployment, batch, context), "token/s")
    return _rough("roofline", load, tokens / load.n_out, batch / tokens, flops / deployment.peak)


@dataclass(frozen=True)
class Ladder:
    """Each point by each method. `rows`: (load, metric, formula, queueing, simulation, measured)."""

    rows: tuple[tuple[str, str, float, float, float, float], ...]
    caption: str

    def as_dataframe(self) -> Any:
        import pandas as pd

        frame = pd.DataFrame(self.rows, columns=["load", "metric", "formula", "queueing", "simulation", "measured"])
        for name in ("formula", "queueing", "simulation"):
            frame[f"{name} error"] = frame[name] / frame["measured"] - 1
        return frame

    def median_error(self, method: str, metric: str) -> float:
        """Median absolute relative error of a method where it has a finite answer; nan where it has none."""
        place = ("formula", "queueing", "simulation").index(method) + 2
        errors = [float(row[place]) / row[5] - 1 for row in self.rows if row[1] == metric]
        known = sorted(abs(error) for error in errors if math.isfinite(error))
        return (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2 if known else math.nan

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th scope='col'>{name}</th>"
            for name in ("load", "metric", "formula", "queueing", "simulation", "measured")
        )
        body = []
        for load, metric, *values, measured in self.rows:
            cells = "".join(
                f"<td>{value:.4g} ({value / measured - 1:+.0%})</td>" if math.isfinite(value) else "<td>no limit</td>"
                for value in values
            )
            body.append(f"<tr><td>{html.escape(load)}</td><td>{metric}</td>{cells}<td>{measured:.4g}</td></tr>")
        return f"<table><caption>{html.escape(self.caption)}</caption><tr>{head}</tr>{''.join(body)}</table>"


def side_by_side(
    model: Fitted | EngineModel,
    points: Sequence[LoadPoint],
    predictions: Sequence[PredictedPoint] | None = None,
    *,
    caption: str = "The same load points by formula, by queueing, by simulation, and measured",
) -> Ladder:
    """Every point that is not void by each method. predictions: those of the points, if they are there already."""
    engine = model.model if isinstance(model, Fitted) else model
    kept = [
        (point, predictions[k] if predictions else predict(model, point))
        for k, point in enumerate(points)
        if point.void is None
    ]
    limits = {(p.n_in, p.n_out): saturation(engine, p.n_in, p.n_out) for p, _ in kept}
    rows = []
    for point, simulated in kept:
        load = Load.of(point)
        formula, queue = by_formula(engine, load), by_queueing(engine, load, limits[point.n_in, point.n_out])
        rows += [
            (
                load.label, metric, float(getattr(formula, metric)), float(getattr(queue, metric)),
                simulated[metric].value, float(getattr(point, metric)),
            )
            for metric in RUNGS
        ]  # fmt: skip
    return Ladder(tuple(rows), caption)
