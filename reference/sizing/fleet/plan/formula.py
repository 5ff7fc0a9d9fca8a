"""What an engine model allows, by formula: floors of an idle replica, a roof of its rate, a guess of its capacity.

The planner starts its search at the guess and never trusts it: what it recommends was simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from reference.sizing.engine_model.model import EngineModel


class Load(NamedTuple):
    """Mean tokens of a request: prompt, of these cached by the prefix cache and shared by all, answer."""

    n_in: float
    n_out: float
    cached: float = 0.0
    shared: float = 0.0


class Guess(NamedTuple):
    """Closed form of a full replica: requests in flight, requests/s, seconds per token, and what limits it."""

    in_flight: float
    rate: float
    tpot_s: float
    limit: str


def ttft_floor_s(engine: EngineModel, prompt: float, cached: float = 0.0) -> float:
    """Seconds to the first token of a lone prompt; `cached` of its tokens are in the prefix cache."""
    cached = min(cached, prompt - 1) if engine.limits.prefix_caching else 0.0
    return engine.overhead_s + engine.step.prefill_s(prompt - cached, cached, engine.limits.max_num_batched_tokens)


def tpot_floor_s(engine: EngineModel, context: float) -> float:
    """Seconds of a decode step of one sequence with `context` tokens."""
    return engine.step.step_s(1, context)


def seconds_floor(engine: EngineModel, load: Load) -> float:
    """Engine seconds that a request takes at the least, whatever is batched with it: 1 over the roof of the rate.

    Its tokens at the cheapest seconds per token of any step, plus the terms that no batching shares.
    """
    most = engine.limits.max_num_batched_tokens
    step = engine.step
    # seconds / tokens of a piecewise linear curve is least at a knot or at an end of the range.
    points = [1.0, float(most), *(k for k in step.knots if k <= most)]
    per_token = min(step.curve(tokens) / tokens for tokens in points)
    new = load.n_in - load.cached
    decodes = load.n_out - 1
    read = decodes * (load.n_in + load.n_out / 2)
    pairs = new * load.cached + new * new / 2
    return (new + decodes) * per_token + step.sequence_s * decodes + step.kv_s * read + step.pair_s * pairs


def step_seconds(engine: EngineModel, load: Load, in_flight: float) -> float:
    """Mean step with so many in flight.

    With C sequences that live n_out steps each, a step holds C decodes and C x (new prompt tokens) / n_out of prompts.
    """
    new = load.n_in - load.cached
    chunk = in_flight * new / load.n_out
    context = in_flight * (load.n_in + load.n_out / 2)
    return engine.step.step_s(in_flight, context, chunk, chunk * (load.cached + new / 2))


def largest(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Largest number in [low, high] for which `holds`; `low` where none does."""
    if holds(high):
        return high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def full_replica(engine: EngineModel, load: Load, tpot_s: float) -> Guess:
    """The largest number in flight whose mean step stays within tpot_s, memory, slots and token budget.

    Its rate is C / (n_out x step).
    """
    limits = engine.limits
    context = load.n_in + load.n_out / 2
    room = {
        "KV memory": max(1.0, (limits.kv_tokens - load.shared) / max(context - load.shared, 1.0)),
        "max_num_seqs": float(limits.max_num_seqs),
        "max_num_batched_tokens": max(
            1.0, limits.max_num_batched_tokens / (1 + (load.n_in - load.cached) / load.n_out)
        ),
    }
    name = min(room, key=lambda key: room[key])
    most = largest(lambda c: step_seconds(engine, load, c) <= tpot_s, 1.0, room[name])
    if most < room[name]:
        name = "TPOT target"
    step = step_seconds(engine, load, most)
    return Guess(most, most / (load.n_out * step), step, name)


def in_flight_at(engine: EngineModel, load: Load, rate: float, most: float) -> float:
    """Requests in flight in a replica that answers `rate` requests/s, at most `most`."""
    return largest(lambda c: c <= rate * load.n_out * step_seconds(engine, load, c), 1e-3, most)
