"""Step times by linear least squares: every measurement is a sum of unknowns times known counts, each at least 0.

Unknowns, in this order: the curve at one token, its rise from each knot to the next, `sequence_s`, `kv_s`, `pair_s`,
`overhead_s`; all in seconds. A decode step and a lone prompt are exact rows of the model. A load point gives rows that
hold only roughly (Little's law, prompts of the others spread over the decode), good enough to start a search from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from .model import StepTime
from .record import CalibrationRecord, LoadPoint

SEQUENCE, KV, PAIR, OVERHEAD = -4, -3, -2, -1  # places of the last unknowns


@dataclass(frozen=True)
class Unknowns:
    """Knots of the curve and the values of all unknowns (s), `len(knots) + 4` of them."""

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def step(self) -> StepTime:
        """The step times that these unknowns stand for: the first knot, and the rises added up."""
        base, *rises = self.values[: len(self.knots)]
        seconds = [base]
        for rise in rises:
            seconds.append(seconds[-1] + rise)
        return StepTime(self.knots, tuple(seconds), self.values[SEQUENCE], self.values[KV], self.values[PAIR])

    @property
    def overhead_s(self) -> float:
        return self.values[OVERHEAD]


def curve_row(knots: Sequence[float], tokens: float) -> list[float]:
    """Factors of the curve's unknowns for a step of `tokens` tokens."""
    row = [1.0]
    for number, (low, high) in enumerate(itertools.pairwise(knots)):
        share = max(0.0, (tokens - low) / (high - low))
        row.append(share if number == len(knots) - 2 else min(1.0, share))
    return row


def step_row(knots: Sequence[float], batch: float, context: float) -> list[float]:
    """A step of `batch` decodes, each with `context` tokens in the cache."""
    return [*curve_row(knots, batch), batch, batch * context, 0.0, 0.0]


def prefill_row(knots: Sequence[float], new: float, cached: float, budget: float) -> list[float]:
    """Time to the first token of a lone request with `new` tokens to read, in chunks of at most `budget`."""
    row, done = [0.0] * (len(knots) + 4), 0.0
    while done < new:
        chunk = min(budget, new - done)
        for place, factor in enumerate(curve_row(knots, chunk)):
            row[place] += factor
        row[PAIR] += chunk * (cached + done) + chunk * chunk / 2
        done += chunk
    row[SEQUENCE] = row[OVERHEAD] = 1.0
    return row


def in_flight(point: LoadPoint, seats: int) -> float:
    """Mean number of sequences that decode: the users, or by Little's law; at most the engine's `seats`."""
    if point.concurrency is not None:
        return float(min(point.concurrency, seats))
    return min(max(1.0, point.request_s * point.n_out * point.tpot_p50_ms / 1e3), float(seats))


def tpot_row(knots: Sequence[float], point: LoadPoint, seats: int, budget: float) -> list[float]:
    """TPOT under load: a step of all that decode, and the prompts of the others, one each per answer of one's own."""
    batch = in_flight(point, seats)
    row = step_row(knots, batch, point.n_in + point.n_out / 2)
    # Prompts share steps as far as the budget goes, so a prompt costs its share of a step that is full.
    chunk = min(budget, max(point.n_in, 1) * max(1.0, batch / 4))
    share = (batch - 1) / max(point.n_out - 1, 1) * point.n_in / chunk
    for place, (full, alone) in enumerate(zip(curve_row(knots, chunk + batch), curve_row(knots, batch), strict=True)):
        row[place] += share * (full - alone)
    return row


def knots_of(record: CalibrationRecord, points: Sequence[LoadPoint], *, ratio: float = 1.6) -> tuple[float, ...]:
    """Token counts at which something was measured: batches, prompts, the budget; 1 first, thinned to `ratio`."""
    budget = record.limits.max_num_batched_tokens
    wanted = {float(step.batch) for step in record.steps}
    wanted |= {float(min(p.prompt - p.cached, budget)) for p in record.prefills if p.cached < p.prompt}
    wanted |= {float(round(in_flight(p, record.limits.max_num_seqs))) for p in points}
    wanted |= {float(min(p.n_in, budget)) for p in points}
    if points:
        wanted.add(float(budget))
    knots = [1.0]
    top = max(wanted, default=1.0)
    for tokens in sorted(wanted):
        if tokens >= ratio * knots[-1] and (tokens == top or tokens * ratio <= top):
            knots.append(tokens)
    return tuple(knots)


def solve(rows: Sequence[Sequence[float]], seconds: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Values of at least 0 with the least weighted squared relative error. Rows x unknowns, one target each (s)."""
    import numpy as np
    from scipy.optimize import nnls

    matrix, target = np.asarray(rows, dtype=float), np.asarray(seconds, dtype=float)
    scaled = matrix * (np.asarray(weights) / target)[:, None]
    # Columns of like size, or kv_s (1e-11 s) and the curve (1e-3 s) would be far apart in the solver's eyes.
    size = np.maximum(np.linalg.norm(scaled, axis=0), 1e-300)
    solution, _ = nnls(scaled / size, np.asarray(weights, dtype=float))
    return [float(value) for value in solution / size]


def direct_rows(record: CalibrationRecord, knots: Sequence[float]) -> tuple[list[list[float]], list[float]]:
    """Rows and seconds of the record's steps and prefills, in this order."""
    budget = record.limits.max_num_batched_tokens
    rows = [step_row(knots, step.batch, step.context) for step in record.steps]
    rows += [prefill_row(knots, p.prompt - p.cached, p.cached, budget) for p in record.prefills]
    spreads = [step.ms for step in record.steps] + [prefill.ms for prefill in record.prefills]
    return rows, [spread.median / 1e3 for spread in spreads]


def unmeasured(record: CalibrationRecord) -> dict[int, float]:
    """Place -> seconds of what the record cannot tell: KV without steps at two contexts, pairs without three prompts.

    They come from the shape of the model, and are 0 if it or the machine is not known: then the rest holds them, and a
    prediction at another context or prompt is outside of what was calibrated.
    KV: bytes of a token over the bandwidth. Pair: 4 x layers x heads x head_dim FLOP over the matrix rate. Both as the
    record measured them on the machine, or else from the data sheet with the usual efficiencies.
    """
    from reference.sizing.hardware import accelerator
    from reference.sizing.memory import _kv_per_token
    from reference.sizing.roofline import BANDWIDTH_EFFICIENCY, COMPUTE_EFFICIENCY
    from reference.sizing.shapes import shape, shape_keys
    from reference.sizing.units import magnitude

    found = {KV: 0.0} if not contexts_differ(record) else {}
    if len({p.prompt for p in record.prefills}) < 3:
        found[PAIR] = 0.0
    if record.model not in shape_keys():
        return found
    model, device = shape(record.model), accelerator(record.hardware) if record.hardware else None
    # Attention runs in 16 bits whatever the weights are, so a matrix rate measured in fp8 does not count here.
    bandwidth = (record.read_gb_s or 0.0) * 1e9
    rate = 0.0 if record.weight_dtype == "fp8" else (record.matmul_tflop_s or 0.0) * 1e12
    if device:
        bandwidth = bandwidth or magnitude(device.bandwidth, "byte/s") * BANDWIDTH_EFFICIENCY
        rate = rate or magnitude(device.peak_flops("bf16"), "FLOP/s") * COMPUTE_EFFICIENCY
    if KV in found and bandwidth:
        found[KV] = _kv_per_token(model, "bf16", record.gpus) / (record.gpus * bandwidth)
    if PAIR in found and rate:
        found[PAIR] = 4 * model.layers * model.heads * model.head_dim / (record.gpus * rate)
    return found


def first_guess(
    record: CalibrationRecord,
    points: Sequence[LoadPoint],
    knots: tuple[float, ...],
    factors: Sequence[float] | None = None,
) -> Unknowns:
    """Unknowns from everything at once; what nothing measured tells comes from `unmeasured`.

    factors: of the times of steps and prefills, for fits to disturbed samples.
    """
    seats, budget = record.limits.max_num_seqs, record.limits.max_num_batched_tokens
    rows, seconds = direct_rows(record, knots)
    if factors is not None:
        seconds = [second * factor for second, factor in zip(seconds, factors, strict=True)]
    weights = [1.0] * len(rows)
    rough = 0.3 if record.steps else 1.0  # load rows hold only roughly: they count less where steps were measured
    for point in points:
        rows.append(tpot_row(knots, point, seats, budget))
        seconds.append(point.tpot_p50_ms / 1e3)
        weights.append(rough)
        if point.concurrency == 1:
            rows.append(prefill_row(knots, point.n_in, 0, budget))
            seconds.append(point.ttft_p50_ms / 1e3)
            weights.append(1.0)
    given = unmeasured(record)
    for place, value in given.items():
        # It leaves the targets, and its column leaves the unknowns.
        seconds = [max(s - row[place] * value, 0.1 * s) for s, row in zip(seconds, rows, strict=True)]
        for row in rows:
            row[place] = 0.0
    values = solve(rows, seconds, weights)
    for place, value in given.items():
        values[place] = value
    if values[0] <= 0:
        values[0] = 0.1 * min(seconds)
    return Unknowns(knots, tuple(values))


def straight_guess(record: CalibrationRecord, points: Sequence[LoadPoint], knots: tuple[float, ...]) -> Unknowns:
    """Like `first_guess` with a curve that is one straight line: few unknowns, so each of them is told by many rows."""
    seats, budget = record.limits.max_num_seqs, record.limits.max_num_batched_tokens
    rows, seconds = direct_rows(record, knots)
    for point in points:
        rows.append(tpot_row(knots, point, seats, budget))
        rows.append(prefill_row(knots, point.n_in, 0, budget))
        # The first token of a request among others waits for some of their prompts; half the batch is a rough mean.
        waiting = 1 + (in_flight(point, seats) - 1) / 2 if point.concurrency is not None else 1.0
        seconds += [point.tpot_p50_ms / 1e3, point.ttft_p50_ms / 1e3 / waiting]
    rises = [b - a for a, b in itertools.pairwise(knots)]
    narrow = [
        [
            row[0],
            sum(r * rise for r, rise in zip(row[1 : len(knots)], rises, strict=True)),
            row[SEQUENCE],
            row[OVERHEAD],
        ]
        for row in rows
    ]
    base, slope, sequence, overhead = solve(narrow, seconds, [1.0] * len(rows))
    given = unmeasured(record)
    kv, pair = given.get(KV, 0.0), given.get(PAIR, 0.0)
    base = base or 0.1 * min(seconds)
    return Unknowns(knots, (base, *(slope * rise for rise in rises), sequence, kv, pair, overhead))


def contexts_differ(record: CalibrationRecord) -> bool:
    """Whether steps of one batch at two contexts were measured, which is what tells attention from the rest."""
    seen: dict[int, set[int]] = {}
    for step in record.steps:
        seen.setdefault(step.batch, set()).add(step.context)
    return any(len(contexts) > 1 for contexts in seen.values())


def floored(guess: Unknowns) -> Unknowns:
    """The same with the unknowns that came out as 0 at 1 % of the first value, so that a search in logarithms can move
    them. A `kv_s` or `pair_s` of 0 stays: nothing measured speaks of it."""
    base = guess.values[0]
    values = list(guess.values)
    top = guess.knots[-1]
    for place in range(1, len(guess.knots)):
        values[place] = max(values[place], 0.01 * base)
    values[SEQUENCE] = max(values[SEQUENCE], 0.01 * base / min(top, 128.0))
    values[OVERHEAD] = max(values[OVERHEAD], 0.01 * base)
    assert all(math.isfinite(value) for value in values)
    return Unknowns(guess.knots, tuple(values))
