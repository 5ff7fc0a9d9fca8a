"""What one replica serves: closed loop at a concurrency, and the most it can take under its limits.

Closed loop of C users: while one request lives, C requests are served, so the engine does C prefills and n_out decode
steps of C sequences in that time: T = C x prefill + (n_out - 1) x step(C), throughput = C / T. It rises with C, hence
throughput = the minimum over what limits C (KV memory, engine slots, TPOT target) and over the TTFT target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from .bands import checked_fields
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


def _cycle(replica: Deployment, concurrency: float, n_in: float, n_out: float, hit: float) -> tuple[float, float]:
    """Prefill seconds of one request, and seconds from one turn of the loop to the next."""
    prefill = replica.prefill_seconds(n_in - hit, hit)
    step = replica.step_seconds(concurrency, n_in + n_out / 2)
    return prefill, concurrency * prefill + max(n_out - 1, 0) * step


def closed_loop(
    replica: Deployment, concurrency: float, prompt: Quantity, output: Quantity, cached: Quantity | None = None
) -> LoadPoint:
    """Steady state with `concurrency` users who send the next request as soon as they have the last answer.

    Prefills of the others interleave with decoding, so they lengthen TPOT and not only TTFT. `cached`: prompt tokens
    whose KV is in the prefix cache. Memory is not checked here; `capacity` does that.
    """
    if not concurrency >= 1:
        raise ValueError(f"concurrency must be at least 1, got {concurrency}")
    n_in, n_out = _tokens(prompt, "prompt"), _tokens(output, "output")
    if n_out < 1:
        raise ValueError(f"output must be at least 1 token, got {n_out:g}")
    hit = 0.0 if cached is None else _tokens(cached, "cached")
    prefill, cycle = _cycle(replica, concurrency, n_in, n_out, hit)
    # An arriving prompt waits for the rest of the step in flight, half a step on average, and, with its prefill
    # running a share rho of the time, for the prefills ahead of it (M/D/1 mean wait at rho below 1).
    rho = concurrency * prefill / cycle
    others = min(rho * (concurrency - 1) / concurrency, 0.999)
    wait = replica.step_seconds(concurrency, n_in + n_out / 2) / 2 if concurrency > 1 else 0.0
    wait += min(others / (2 * (1 - others)), (concurrency - 1) / 2) * prefill
    ttft = min(prefill + wait, cycle)
    rate = concurrency / cycle
    return LoadPoint(
        concurrency=Q(concurrency, "request"),
        request_rate=Q(rate, "request/s"),
        output_rate=Q(rate * n_out, "token/s"),
        ttft=Q(ttft, "s"),
        tpot=Q((cycle - ttft) / max(n_out - 1, 1), "s/token"),
        e2e=Q(cycle, "s"),
        prefill_share=Q(min(rho, 1.0), ""),
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


def capacity(
    replica: Deployment,
    prompt: Quantity,
    output: Quantity,
    *,
    ttft_target: Quantity | None = None,
    tpot_target: Quantity | None = None,
    cached: Quantity | None = None,
    max_num_seqs: int = MAX_NUM_SEQS,
) -> Capacity:
    """Largest request rate that memory, engine slots, the roof and both latency targets allow.

    KV memory counts the mean length of a live sequence (prompt plus half the output), for the engine allocates as it
    generates. Targets are on means. Raises Infeasible if the model does not fit and Unreachable if a single request on
    an idle replica already misses a target.
    """
    n_in, n_out = _tokens(prompt, "prompt"), _tokens(output, "output")
    if n_out < 1 or max_num_seqs < 1:
        raise ValueError(f"output and max_num_seqs must be at least 1, got {n_out:g} and {max_num_seqs}")
    hit = 0.0 if cached is None else _tokens(cached, "cached")
    plan = replica.memory_plan(Q(n_in + n_out, "token/request"))
    alone = closed_loop(replica, 1, prompt, output, cached)
    for name, target, value in (("TTFT", ttft_target, alone.ttft), ("TPOT", tpot_target, alone.tpot)):
        if target is not None and value > target:
            raise Unreachable(
                f"{replica.name} cannot meet a {name} of {show(target)}: one request on an idle replica takes "
                f"{show(value)} ({n_in:,.0f} tokens in, {n_out:,.0f} out). Try more GPUs per replica, a smaller or "
                "quantised model, a shorter prompt or more prefix-cache hits."
            )

    def rate(concurrency: float) -> float:
        return concurrency / _cycle(replica, concurrency, n_in, n_out, hit)[1]

    kv_slots = max(1.0, plan.kv_tokens() / max(n_in + n_out / 2, 1))
    slots = {"KV memory": kv_slots, "max_num_seqs": float(max_num_seqs)}
    most = min(slots.values())
    if tpot_target is not None:
        wanted = magnitude(tpot_target, "s/token", "tpot_target")
        slots["TPOT target"] = _largest(lambda c: _tpot(replica, c, prompt, output, cached) <= wanted, 1.0, most)
    if ttft_target is not None:
        wanted_ttft = magnitude(ttft_target, "s", "ttft_target")
        slots["TTFT target"] = _largest(lambda c: _ttft(replica, c, prompt, output, cached) <= wanted_ttft, 1.0, most)
    limits = {name: Q(rate(count), "request/s") for name, count in slots.items()}
    if hit == 0:
        limits["compute roof"] = compute_roof(replica, prompt, output)
    # Ties go to the limit named first: a target that never binds is capped at the slots and equals them.
    binding = min(limits, key=lambda name: magnitude(limits[name], "request/s"))
    point = closed_loop(replica, min(slots.values()), prompt, output, cached)
    return Capacity(
        replica=replica,
        request_rate=limits[binding],
        output_rate=Q(magnitude(limits[binding], "request/s") * n_out, "token/s"),
        concurrency=point.concurrency,
        ttft=point.ttft,
        tpot=point.tpot,
        binding=binding,
        limits=limits,
    )


def _tpot(replica: Deployment, c: float, prompt: Quantity, output: Quantity, cached: Quantity | None) -> float:
    return magnitude(closed_loop(replica, c, prompt, output, cached).tpot, "s/token")


def _ttft(replica: Deployment, c: float, prompt: Quantity, output: Quantity, cached: Quantity | None) -> float:
    return magnitude(closed_loop(replica, c, prompt, output, cached).ttft, "s")
