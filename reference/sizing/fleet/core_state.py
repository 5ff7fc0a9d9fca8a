"""What the compiled core works on: records of replicas and tries, and the decorator that compiles.

Imported lazily: numba alone takes most of a second. Without numba the same functions run as plain Python, slowly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reference.sizing.engine_model.model import EngineModel

try:
    import numba

    def compiled(function: Callable[..., Any]) -> Any:
        """Compiled into its callers: a call would hand over some hundred numbers, all arrays by their parts.

        Not cached by itself, for numba would not see that a function it calls has changed.
        """
        options = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return numba.njit(forceinline=True, **options)(function)

    def compiled_apart(function: Callable[..., Any]) -> Any:
        """Compiled as a function of its own: for what is rare, or called from many places."""
        options = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return numba.njit(**options)(function)

    def cached(function: Callable[..., Any]) -> Any:
        """Compiled on first use and kept on disk."""
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
except ImportError:  # pragma: no cover - the tests run the plain functions by other means

    def compiled(function: Callable[..., Any]) -> Any:
        return function

    cached = compiled_apart = compiled

# Numba's cache on disk looks at one file only. The loops close over this digest, which is part of their cache key, so
# that a change in any file of the core compiles them anew.
SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("core*.py")))
).hexdigest()

WAITING, RUNNING, GIVEN_UP = 0, 1, 2  # of a try; GIVEN_UP leaves the replica at its next step boundary
NONE = -1

# One replica. Blocks are KV blocks; a "leap" is a run of equal decode steps taken as one event.
REPLICA = np.dtype(
    [
        ("ends", np.float64),  # end of the leap in flight, s; inf: idle
        ("begun", np.float64),
        ("factor", np.float64),  # of noise, on every step of the leap
        ("step_s", np.float64),  # of the first step of the leap, without noise
        ("growth", np.float64),  # seconds that each further step takes longer
        ("busy", np.float64),
        ("area", np.float64),  # integral of requests in flight over time, for Little's law
        ("changed", np.float64),  # when `area` was last brought up to date
        ("leap", np.int64),
        ("steps", np.int64),  # done; every decoding sequence gets one token in each
        ("first_end", np.int64),  # no decoding sequence ends before this step
        ("context", np.int64),  # tokens in the cache of all decoding sequences
        ("used", np.int64),  # blocks of single sequences
        ("allocated", np.int64),  # blocks ever allocated, for the age of what is cached
        ("shared", np.int64),  # blocks of the common prefix that are cached
        ("sharing", np.int64),  # running sequences that use them
        ("admitted", np.int64),
        ("preempted", np.int64),
        ("decoding", np.int64),
        ("finishing", np.int64),  # prompts whose last chunk is in the step in flight
        ("part", np.int64),  # the try whose prompt is read in part, or NONE
        ("part_done", np.int64),
        ("part_total", np.int64),
        ("part_shared", np.int64),
        ("part_admitted", np.int64),
        ("head", np.int64),
        ("tail", np.int64),
        ("waiting", np.int64),
        ("epoch", np.int64),  # starts so far: what was cached before is gone
        ("most_running", np.int64),
        ("most_used", np.int64),
        ("most_tokens", np.int64),
        ("tokens_out", np.int64),
        # of a fleet
        ("status", np.int64),
        ("region", np.int64),
        ("zone", np.int64),
        ("place", np.int64),  # among the ready ones of its region
        ("ready_at", np.float64),
        ("paid_from", np.float64),
        ("drained_from", np.float64),
    ]
)

# One try of a request at one replica.
TRY = np.dtype(
    [
        ("first", np.float64),  # when its first token came, s
        ("sent", np.float64),
        ("request", np.int32),
        ("next", np.int32),  # in the waiting line, or in the list of free records
        ("made", np.int32),  # tokens made before it was pre-empted
        ("number", np.int16),
        ("state", np.int8),
        ("replica", np.int32),
    ]
)

# One place in a batch.
PLACE = np.dtype(
    [
        ("end", np.int64),  # step at which it gets its last token
        ("admitted", np.int64),  # in which order: the latest is pre-empted first
        ("attempt", np.int32),
        ("shared", np.int32),  # blocks of the common prefix that it uses
    ]
)

# Where a session's last turn left its KV.
SESSION = np.dtype([("allocated", np.int64), ("replica", np.int32), ("epoch", np.int32), ("tokens", np.int32)])


def request_dtype(real: Any) -> Any:
    """What was asked and what came of it. One record lies in a line or two of the processor's cache."""
    whole = [(name, np.int32) for name in ("n_in", "n_out", "session", "shared", "history", "hits")]
    times = [(name, real) for name in ("ttft", "tpot", "e2e")]
    small = [("region", np.int16), ("served_by", np.int16), ("attempts", np.int8), ("outcome", np.int8)]
    return np.dtype([("arrived", np.float64), *whole, *times, *small])


class Engine(NamedTuple):
    """An EngineModel as numbers. pool: blocks."""

    knots: Any
    seconds: Any
    sequence_s: float
    kv_s: float
    pair_s: float
    overhead_s: float
    noise_cv: float
    seqs: int
    budget: int
    pool: int
    block: int
    caching: bool
    leaps: bool
    ahead: bool


class State(NamedTuple):
    """All arrays of a run; of records but for the last. Few, for a call hands over every array by its parts."""

    request: Any
    replica: Any
    batch: Any  # (replica, place): the decoding sequences
    read: Any  # (replica, place): sequences whose prompt ends in the step in flight
    tries: Any
    session: Any
    load: Any  # (replica): requests waiting and running; apart, for routing looks through all of them
    residue: Any  # (replica, residue): decoding sequences by (context - steps) mod block: who needs a block when
    free: Any  # (first free record of a try, records ever used)
    noise: Any


def engine_numbers(engine: EngineModel, leaps: bool = True) -> Engine:
    """The model as numbers. leaps: runs of equal steps are one event."""
    step, limits = engine.step, engine.limits
    return Engine(
        np.array(step.knots, float), np.array(step.seconds, float), float(step.sequence_s), float(step.kv_s),
        float(step.pair_s), float(engine.overhead_s), float(engine.noise_cv), limits.max_num_seqs,
        limits.max_num_batched_tokens, limits.kv_tokens // limits.block_tokens, limits.block_tokens,
        bool(limits.prefix_caching), leaps, limits.async_scheduling,
    )  # fmt: skip


def new_state(workload: Any, engine: EngineModel, replicas: int, tries: int, seed: int, real: Any) -> State:
    """Everything empty. real: dtype of the results (float32 for fleets, to save memory)."""
    n, seqs = workload.requests, engine.limits.max_num_seqs
    replica = np.zeros(replicas, REPLICA)
    for name, value in (("ends", np.inf), ("part", NONE), ("head", NONE), ("tail", NONE)):
        replica[name] = value
    session_of = workload.session
    sessions = int(session_of.max(initial=-1)) + 1
    if sessions > 4 * n + 16:  # sparse names: number them anew, or the table would not fit
        names, numbered = np.unique(session_of, return_inverse=True)
        session_of = np.where(session_of < 0, -1, numbered).astype(np.int32)
        sessions = names.size
    session = np.zeros(max(sessions, 1), SESSION)
    session["replica"] = NONE
    request = np.zeros(n, request_dtype(real))
    for name in ("arrived", "n_in", "n_out", "shared", "history", "region"):
        request[name] = getattr(workload, name)
    request["session"] = session_of
    for name, value in (("ttft", np.nan), ("tpot", np.nan), ("e2e", np.nan), ("outcome", NONE), ("served_by", NONE)):
        request[name] = value
    batch = np.zeros((replicas, seqs), PLACE)
    return State(
        request=request.view(np.recarray),
        replica=replica.view(np.recarray),
        batch=batch.view(np.recarray),
        read=batch.copy().view(np.recarray),
        tries=np.zeros(tries, TRY).view(np.recarray),
        session=session.view(np.recarray),
        load=np.zeros(replicas, np.int64),
        residue=np.zeros((replicas, engine.limits.block_tokens), np.int32),
        free=np.array([NONE, 0]),
        noise=np.random.default_rng([seed, 1]),
    )


def more_tries(state: State) -> State:
    """Twice as many records of tries; the old ones keep their numbers."""
    tries = np.zeros(2 * state.tries.size, TRY).view(np.recarray)
    tries[: state.tries.size] = state.tries
    return state._replace(tries=tries)


def check_fits(workload: Any, engine: EngineModel) -> None:
    """ValueError where a request could never run, with the field, how many, and the limit."""
    limits = engine.limits
    total = workload.n_in.astype(np.int64) + workload.n_out
    for name, most in (("max_model_len", limits.max_model_len), ("kv_tokens", limits.kv_tokens)):
        many = int((total > most).sum())
        if many:
            raise ValueError(
                f"n_in + n_out is above {name} ({most:,}) in {many:,} of {total.size:,} requests (largest "
                f"{int(total.max()):,}): shorten them or raise the limit"
            )
    pool = limits.kv_tokens // limits.block_tokens * limits.block_tokens
    many = int((total - 1 > pool).sum())
    if many:
        raise ValueError(
            f"n_in + n_out is above the whole blocks in kv_tokens ({pool:,} of {limits.kv_tokens:,}) in {many:,} "
            "requests: shorten them or give kv_tokens another block"
        )
