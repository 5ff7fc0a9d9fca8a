"""What one replica serves: closed loop at a concurrency, and the most it can take under its limits.

Closed loop of C users: while one request lives, C requests are served, so the engine does C prefills and n_out decode
steps of C sequences in that time: T = C x prefill + (n_out - 1) x step(C), throughput = C / T. It rises with C, hence
throughput = the minimum over what limits C (KV memory, engine slots, TPOT target) and over the TTFT target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from .bands import checked, checked_fields
from .kinds import Latency, OutputTokens, PromptTokens, TimePerToken
from .roofline import Deployment, _tokens, compute_roof
from .units import Q, Quantity, magnitude, show

MAX_NUM_SEQS = 256  # vLLM's long-time default of the flag of this name


class Unreachable(ValueError):
    """A latency target that even one request on an idle replica misses."""


@checked_fields
@dataclass(frozen=True)
class LoadPoint:
    """A replica under `concurrency` requests. Times are means; `utilisation` is the prefill share of engine time."""

    concurrency: Annotated[Quantity, "concurrency"]
    request_rate: Annotated[Quantity, "request_rate"]
    output_rate: Annotated[Quantity, "token_rate"]
    ttft: Annotated[Quantity, "latency"]
    tpot: Annotated[Quantity, "tpot"]
    e2e: Annotated[Quantity, "latency"]
    prefill_share: Annotated[Quantity, "fraction"]


class _Loop(NamedTuple):
    """Closed loop in plain floats (seconds): one turn of the loop, TTFT, TPOT, and the prefill share of engine time."""

    cycle: float
    ttft: float
    tpot: float
    rho: float


def _loop(replica: Deployment, concurrency: float, n_in: float, n_out: float, hit: float) -> _Loop:
    prefill = replica.prefill_seconds(n_in - hit, hit)
    step = replica.step_seconds(concurrency, n_in + n_out / 2)
    cycle = concurrency * prefill + max(n_out - 1, 0) * step
    rho = min(concurrency * prefill / cycle, 1.0)
    # An arriving prompt waits for the rest of the step in flight, half a step on average, and, with the prefills of
    # the others running a share rho of the time, for those ahead of it (M/D/1 mean wait, at most all of them).
    others = min(rho * (concurrency - 1) / concurrency, 0.999)
    wait = step / 2 * (concurrency - 1) / concurrency
    wait += min(others / (2 * (1 - others)), (concurrency - 1) / 2) * prefill
    ttft = min(prefill + wait, cycle)
    return _Loop(cycle, ttft, (cycle - ttft) / max(n_out - 1, 1), rho)


def _lengths(prompt: Quantity, output: Quantity, cached: Quantity | None) -> tuple[float, float, float]:
    n_in, n_out = _tokens(prompt, "prompt"), _tokens(output, "output")
    hit = 0.0 if cached is None else _tokens(cached, "cached")
    if n_out < 1:
        raise ValueError(f"output must be at least 1 token, got {n_out:g}")
    if hit > n_in:
        raise ValueError(f"cached ({hit:g}) must not exceed prompt ({n_in:g})")
    return n_in, n_out, hit


@checked
def closed_loop(
    replica: Deployment,
    concurrency: float,
    prompt: PromptTokens,
    output: OutputTokens,
    cached: PromptTokens | None = None,
) -> LoadPoint:
    """Steady state with `concurrency` users who send the next request as soon as they have the last answer.

    Prefills of the others interleave with decoding, so they lengthen TPOT and not only TTFT. `cached`: prompt tokens
    whose KV is in the prefix cache. Memory is not checked here; `capacity` does that.
    """
    if not concurrency >= 1:
        raise ValueError(f"concurrency must be at least 1, got {concurrency}")
    n_in, n_out, hit = _lengths(prompt, output, cached)
    loop = _loop(replica, concurrency, n_in, n_out, hit)
    rate = concurrency / loop.cycle
    return LoadPoint(
        concurrency=Q(concurrency, "request"),
        request_rate=Q(rate, "request/s"),
        output_rate=Q(rate * n_out, "token/s"),
        ttft=Q(loop.ttft, "s"),
        tpot=Q(loop.tpot, "s/token"),
        e2e=Q(loop.cycle, "s"),
        prefill_share=Q(loop.rho, ""),
    )


@checked_fields
@dataclass(frozen=True)
class Capacity:
    """The most one replica serves: `limits` maps each limit to the rate it allows, `binding` the smallest."""

    replica: Deployment
    request_rate: Annotated[Quantity, "request_rate"]
    output_rate: Annotated[Quantity, "token_rate"]
    concurrency: Annotated[Quantity, "concurrency"]
    ttft: Annotated[Quantity, "latency"]
    tpot: Annotated[Quantity, "tpot"]
    binding: str
    limits: dict[str, Quantity]

    def __str__(self) -> str:
        return (
            f"{self.replica.name}: {show(self.request_rate.to('rpm'))} at {show(self.concurrency)} in flight, "
            f"limited by {self.binding}"
        )


def _largest(feasible: Callable[[float], bool], low: float, high: float) -> float:
    """Largest x in [low, high] for which `feasible(x)` holds; it holds at low and once false stays false."""
    if feasible(high):
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if feasible(middle) else (low, middle)
    return low


@checked
def capacity(
    replica: Deployment,
    prompt: PromptTokens,
    output: OutputTokens,
    *,
    ttft_target: Latency | None = None,
    tpot_target: TimePerToken | None = None,
    cached: PromptTokens | None = None,
    cached_is_shared: bool = False,
    max_num_seqs: int = MAX_NUM_SEQS,
) -> Capacity:
    """Largest request rate that memory, engine slots, the roof and both latency targets allow.

    KV memory counts the mean length of a live sequence (prompt plus half the output), for the engine allocates as it
    generates. `cached` prompt tokens are not computed again; with `cached_is_shared` they are the same in every
    request, such as a system prompt, and their KV is held once. Targets are on means. Raises Infeasible
    if the model does not fit and Unreachable if a single request on an idle replica already misses a target.
    """
    n_in, n_out, hit = _lengths(prompt, output, cached)
    if max_num_seqs < 1:
        raise ValueError(f"max_num_seqs must be at least 1, got {max_num_seqs}")
    plan = replica.memory_plan(Q(n_in + n_out, "token/request"))

    def at(concurrency: float) -> _Loop:
        return _loop(replica, concurrency, n_in, n_out, hit)

    alone = at(1)
    wanted_ttft = math.inf if ttft_target is None else magnitude(ttft_target, "s", "ttft_target")
    wanted_tpot = math.inf if tpot_target is None else magnitude(tpot_target, "s/token", "tpot_target")
    for name, wanted, value, unit in (
        ("TTFT", wanted_ttft, alone.ttft, "ms"),
        ("TPOT", wanted_tpot, alone.tpot, "ms/token"),
    ):
        if value > wanted:
            raise Unreachable(
                f"{replica.name} cannot meet a {name} of {show(wanted * 1000)} {unit}: one request on an idle replica "
                f"takes {show(value * 1000)} {unit} ({n_in:,.0f} tokens in, {n_out:,.0f} out). Try more GPUs per "
                "replica, a smaller or quantised model, a shorter prompt or more prefix-cache hits."
            )
    shared = hit if cached_is_shared else 0.0
    slots = {
        "KV memory": max(1.0, (plan.kv_tokens() - shared) / max(n_in + n_out / 2 - shared, 1)),
        "max_num_seqs": float(max_num_seqs),
    }
    most = min(slots.values())
    if tpot_target is not None:
        slots["TPOT target"] = _largest(lambda c: at(c).tpot <= wanted_tpot, 1.0, most)
    if ttft_target is not None:
        slots["TTFT target"] = _largest(lambda c: at(c).ttft <= wanted_ttft, 1.0, most)
    limits = {name: Q(slot / at(slot).cycle, "request/s") for name, slot in slots.items()}
    limits["compute roof"] = compute_roof(replica, Q(n_in - hit, "token/request"), output)
    # Ties go to the limit named first: a target that never binds is capped at the slots and equals them.
    binding = min(limits, key=lambda name: magnitude(limits[name], "request/s"))
    chosen = min(slots.values())
    return Capacity(
        replica=replica,
        request_rate=limits[binding],
        output_rate=Q(magnitude(limits[binding], "request/s") * n_out, "token/s"),
        concurrency=Q(chosen, "request"),
        ttft=Q(at(chosen).ttft, "s"),
        tpot=Q(at(chosen).tpot, "s/token"),
        binding=binding,
        limits=limits,
    )
