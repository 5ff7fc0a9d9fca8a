"""One replica under load: times of every request, to the token, by discrete events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.sizing.engine_model.model import EngineModel
from reference.sizing.intervals import percentile_of_known

from .workload import Workload

Floats = NDArray[np.float64]
SLICE = 1_000_000  # events between two looks of Python, so that a run can be interrupted


@dataclass(frozen=True)
class EngineRun:
    """What one replica did. Arrays have one entry per request, in order of sending; seconds (float64).

    ttft_s: from sending to the first token, overhead_s included. tpot_s: mean time per token after the first, nan for
    answers of one token. e2e_s: from sending to the last token. hit_tokens: of the prompt, found in the prefix cache
    (int32). steps, preemptions: counts. busy_s: seconds in which a step ran. most_running, most_kv_tokens,
    most_step_tokens: largest batch, KV in use (whole blocks) and tokens of a step seen. mean_in_flight: requests
    waiting and running, averaged over the run's `ended_s` seconds. tokens_out: tokens made.
    """

    sent_s: Floats
    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    hit_tokens: NDArray[np.int32]
    n_in: NDArray[np.int32]
    n_out: NDArray[np.int32]
    steps: int
    preemptions: int
    busy_s: float
    ended_s: float
    mean_in_flight: float
    most_running: int
    most_kv_tokens: int
    most_step_tokens: int
    tokens_out: int

    def ttft(self, percent: float) -> float:
        """Seconds that `percent` of the first tokens took at most; nan without requests."""
        return percentile_of_known(self.ttft_s, percent)

    def tpot(self, percent: float) -> float:
        """Seconds per token after the first that `percent` of the answers took at most; nan if none has two tokens."""
        return percentile_of_known(self.tpot_s, percent)

    def output_rate(self, first: int = 0, last: int | None = None) -> float:
        """Answer tokens per second over the window of requests `first` to `last` (the last one included).

        From when the first of them was sent to when the last of them ended, as a load test reports it.
        """
        n = self.sent_s.size
        last = n - 1 if last is None else last
        if not 0 <= first <= last < n:
            raise ValueError(f"first and last must be requests of 0..{n - 1} in order, got {first} and {last}")
        window = slice(first, last + 1)
        seconds = float((self.sent_s[window] + self.e2e_s[window]).max() - self.sent_s[first])
        return float(self.n_out[window].sum()) / seconds


def simulate_engine(workload: Workload, engine: EngineModel, *, seed: int = 0, leaps: bool = True) -> EngineRun:
    """Open loop: requests arrive at one replica when the workload says; it runs until all are answered.

    leaps=False takes every step as an event of its own: the same times, slowly, for checks.
    Raises ValueError where a request does not fit the engine's limits.
    """
    return _run(workload, engine, workload.requests, seed, leaps)


def simulate_closed_loop(
    engine: EngineModel,
    concurrency: int,
    n_in: Sequence[int] | NDArray[Any],
    n_out: Sequence[int] | NDArray[Any],
    *,
    shared: int | Sequence[int] | NDArray[Any] = 0,
    seed: int = 0,
    leaps: bool = True,
) -> EngineRun:
    """Closed loop: `concurrency` requests are in flight; whenever one ends the next is sent at once.

    n_in, n_out: tokens, one entry per request in order of sending. What is sent when an answer ends reaches the engine
    after its next step has begun, as over HTTP; with nothing in flight the engine starts at once.
    """
    if isinstance(concurrency, bool) or not isinstance(concurrency, int | np.integer) or concurrency < 1:
        raise ValueError(f"concurrency must be a whole number of at least 1, got {concurrency!r}")
    workload = Workload.of(np.zeros(len(n_in)), n_in, n_out, shared=shared)
    return _run(workload, engine, min(int(concurrency), workload.requests), seed, leaps)


def _run(workload: Workload, engine: EngineModel, released: int, seed: int, leaps: bool) -> EngineRun:
    from . import core_state
    from .core_engine import one_replica

    core_state.check_fits(workload, engine)
    numbers = core_state.engine_numbers(engine, leaps)
    state = core_state.new_state(workload, engine, 1, 1024, seed, np.float64)
    sent = np.array([0, released])
    while not one_replica(numbers, state, sent, SLICE):
        if state.free[0] == core_state.NONE and state.free[1] == state.tries.size:
            state = core_state.more_tries(state)
    rep, seen = state.replica[0], state.request
    ended = float(rep.changed)
    return EngineRun(
        sent_s=seen.arrived, ttft_s=seen.ttft, tpot_s=seen.tpot, e2e_s=seen.e2e, hit_tokens=seen.hits,
        n_in=workload.n_in, n_out=workload.n_out, steps=int(rep.steps), preemptions=int(rep.preempted),
        busy_s=float(rep.busy), ended_s=ended, mean_in_flight=float(rep.area) / ended if ended else 0.0,
        most_running=int(rep.most_running), most_kv_tokens=int(rep.most_used) * engine.limits.block_tokens,
        most_step_tokens=int(rep.most_tokens), tokens_out=int(rep.tokens_out),
    )  # fmt: skip
