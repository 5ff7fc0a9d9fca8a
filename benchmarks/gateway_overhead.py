"""What a gateway costs: latency added to a cache miss, and cache hits per second on one core; LiteLLM's proxy beside
it.

All targets run at once, each visited in every round in rotating order, so that a change in the machine's load hits all
of them alike. The stub engine answers at once: what is measured is the proxy, not an engine. With two cores or more,
the proxies share the first core, and client, stub and Redis share the second.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import RawConnection, Reply, Result, on_cores, rotate, spread, two_cores
from benchmarks.servers import NotAvailable, Target, direct, gateway, litellm, litellm_version, tcp_redis
from reference.serving.stub_engine import StubEngine

WORDS = 128
TOKENS = 16
OVERHEAD_LIMIT_MS = 10.0
HITS_LIMIT_S = 300.0

_serial = itertools.count()


def body(stream: bool, unique: bool) -> bytes:
    """A chat request of `WORDS` words with temperature 0; the same bytes every time unless `unique`."""
    draw = random.Random(next(_serial) if unique else -1)
    text = " ".join(draw.choice(_WORDS) for _ in range(WORDS))
    if unique:
        text += f" {next(_serial)}"
    request: dict[str, Any] = {"model": "stub", "temperature": 0, "max_tokens": TOKENS, "stream": stream}
    return json.dumps(request | {"messages": [{"role": "user", "content": text}]}).encode()


_TEXT = (
    "please explain how the city plans to extend its tram line past the old harbour and which streets will close "
    "during the summer while workers replace rails lamps trees and drains near the market square"
)
_WORDS = _TEXT.split()


async def misses(target: Target, count: int, stream: bool) -> list[Reply]:
    """`count` different requests, one after the other on one connection."""
    connection = RawConnection(target.base_url, target.api_key)
    try:
        return [_checked(target, await connection.post(body(stream, True))) for _ in range(count)]
    finally:
        connection.close()


async def hits(target: Target, connections: int, seconds: float) -> tuple[int, float]:
    """(answers, seconds): the same request over and over on several connections at once."""
    same = body(False, False)
    end = time.perf_counter() + seconds

    async def repeat() -> int:
        connection = RawConnection(target.base_url, target.api_key)
        answers = 0
        try:
            while time.perf_counter() < end:
                _checked(target, await connection.post(same))
                answers += 1
        finally:
            connection.close()
        return answers

    begun = time.perf_counter()
    answers = sum(await asyncio.gather(*(repeat() for _ in range(connections))))
    return answers, time.perf_counter() - begun


def cpu_s(target: Target) -> float:
    """CPU time of the target's process and its children so far [s]."""
    process = psutil.Process(target.pid)
    times = [p.cpu_times() for p in [process, *process.children(recursive=True)]]
    return float(sum(t.user + t.system for t in times))


def _checked(target: Target, reply: Reply) -> Reply:
    if reply.status != 200 or b"tok" not in reply.body:
        raise RuntimeError(f"{target.name} answered {reply.status}: {reply.body[:300]!r}")
    return reply


@contextlib.contextmanager
def all_targets(folder: Path, notes: list[str]) -> Iterator[tuple[StubEngine, list[Target]]]:
    cores = two_cores()
    proxy_core, client_core = cores if cores else (None, None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_cores(client_core))
        url = stack.enter_context(tcp_redis(folder))
        stub = stack.enter_context(StubEngine(ttft_ms=0, itl_ms=0))
        targets = [direct(stub)]
        with on_cores(proxy_core):
            targets.append(stack.enter_context(gateway("gateway", stub, url, folder / "gateway.log")))
            targets.append(
                stack.enter_context(
                    gateway("gateway without guardrails", stub, url, folder / "plain.log", guardrails=False)
                )
            )
            try:
                targets.append(stack.enter_context(litellm("LiteLLM, cache in memory", stub, None, folder)))
                targets.append(stack.enter_context(litellm("LiteLLM, cache in Redis", stub, url, folder)))
            except NotAvailable as missing:
                notes.append(str(missing))
        yield stub, targets


def run(quick: bool = False) -> Result:
    rounds, per_round, hit_seconds, connections = (3, 20, 0.5, 8) if quick else (9, 60, 1.5, 8)
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as name, all_targets(Path(name), notes) as (stub, targets):
        with_litellm = len(targets) > 3
        result = Result(
            "gateway_overhead",
            "What does a gateway add to a call, and how many exact-cache hits does it serve on one core?",
            {
                "request": f"chat, {WORDS} words, max_tokens {TOKENS}, temperature 0",
                "engine": "stub that answers at once (no sleep, no queue)",
                "cores": "proxies on the first, client + stub + Redis on the second" if two_cores() else "not pinned",
                "misses": f"{rounds} rounds of {per_round} different requests, one connection, targets interleaved",
                "hits": f"{rounds} rounds of {hit_seconds:g} s of one request, {connections} connections, interleaved",
                "gateway": "authentication, rate limits, token count, exact cache in Redis, guardrails on unless said",
                "litellm": f"version {litellm_version()}, 1 worker, master key, no database, callbacks or retries"
                if with_litellm
                else "not installed",
            },
        )
        result.conclusions += notes
        for stream in (False, True):
            measure_misses(result, stub, targets, stream, rounds, per_round)
        measure_hits(result, stub, targets[1:], rounds, hit_seconds, connections)
    _conclude(result, with_litellm)
    return result


def measure_misses(
    result: Result, stub: StubEngine, targets: list[Target], stream: bool, rounds: int, per_round: int
) -> dict[str, dict[str, list[float]]]:
    """Adds the rows; returns target -> "total", "first", "low" (p10) and "cpu" -> its figure of each round [ms]."""
    kind = "stream" if stream else "whole answer"
    for target in targets:
        asyncio.run(misses(target, 5, stream))
    before = stub.metrics()["stub:requests_total"]
    medians: dict[str, dict[str, list[float]]] = {
        t.name: {"total": [], "first": [], "low": [], "cpu": []} for t in targets
    }
    for _, target in rotate(targets, rounds):
        cpu = cpu_s(target)
        replies = asyncio.run(misses(target, per_round, stream))
        medians[target.name]["total"].append(1e3 * statistics.median(r.total_s for r in replies))
        medians[target.name]["low"].append(1e3 * sorted(r.total_s for r in replies)[per_round // 10])
        medians[target.name]["first"].append(1e3 * statistics.median(r.first_data_s for r in replies))
        medians[target.name]["cpu"].append(1e3 * (cpu_s(target) - cpu) / per_round)
    generated = stub.metrics()["stub:requests_total"] - before
    if generated != rounds * per_round * len(targets):
        raise RuntimeError(
            f"{generated} generations for {rounds * per_round * len(targets)} misses: some were not misses"
        )
    for target in targets[1:]:
        cost = spread(medians[target.name]["cpu"])
        result.rows.append({"target": target.name, "metric": f"CPU per miss, {kind}", "unit": "ms", **cost})
    labels = {"total": f"p50, {kind}", "low": f"p10, {kind}", "first": f"first token, {kind}"}
    for what in ("total", "low", "first") if stream else ("total", "low"):
        base = medians["direct"][what]
        for target in targets:
            mine = medians[target.name][what]
            metric = labels[what]
            result.rows.append({"target": target.name, "metric": metric, "unit": "ms", **spread(mine)})
            if target.name != "direct":
                # Differences within a round: the load of that moment is on both sides.
                added = [a - b for a, b in zip(mine, base, strict=True)]
                result.rows.append(
                    {"target": target.name, "metric": f"added to {metric}", "unit": "ms", **spread(added)}
                )
    return medians


def measure_hits(
    result: Result, stub: StubEngine, proxies: list[Target], rounds: int, seconds: float, connections: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Adds the rows; returns target -> hits per second of each round, and -> CPU per hit [ms] of each round."""
    for target in proxies:
        asyncio.run(hits(target, connections, 0.5))
    time.sleep(0.5)  # entries that a proxy writes in the background
    before = stub.metrics()["stub:requests_total"]
    rates: dict[str, list[float]] = {t.name: [] for t in proxies}
    cost: dict[str, list[float]] = {t.name: [] for t in proxies}
    for _, target in rotate(proxies, rounds):
        cpu = cpu_s(target)
        answers, spent = asyncio.run(hits(target, connections, seconds))
        rates[target.name].append(answers / spent)
        cost[target.name].append(1e3 * (cpu_s(target) - cpu) / answers)
    generated = stub.metrics()["stub:requests_total"] - before
    for name, values in rates.items():
        result.rows.append({"target": name, "metric": "exact-cache hits", "unit": "1/s", **spread(values)})
        result.rows.append({"target": name, "metric": "CPU per hit", "unit": "ms", **spread(cost[name])})
    result.conditions["generations during the hit rounds"] = int(generated)
    ceiling = asyncio.run(hits(direct(stub), connections, seconds))
    result.conditions["client ceiling, requests/s against the stub"] = round(ceiling[0] / ceiling[1])
    if generated:
        raise RuntimeError(f"{generated} requests of the hit rounds reached the engine: they were no hits")
    return rates, cost


def _conclude(result: Result, with_litellm: bool) -> None:
    def median(target: str, metric: str) -> float:
        return float(next(r["median"] for r in result.rows if r["target"] == target and r["metric"] == metric))

    added, served, cpu = "added to p50, whole answer", "exact-cache hits", "CPU per hit"
    mine, mine_hits, mine_cpu = (median("gateway", metric) for metric in (added, served, cpu))
    result.conclusions.append(
        f"The gateway adds {mine:.2f} ms p50 to a cache miss (limit {OVERHEAD_LIMIT_MS:g} ms: "
        f"{_verdict(mine <= OVERHEAD_LIMIT_MS)}) and serves {mine_hits:.0f} exact-cache hits/s on one core (target "
        f"{HITS_LIMIT_S:g}/s: {_verdict(mine_hits >= HITS_LIMIT_S)}); a hit costs it {mine_cpu:.2f} ms of CPU time, so "
        f"a core of its own would serve {1e3 / mine_cpu:.0f}/s."
    )
    if with_litellm:
        for name in ("LiteLLM, cache in memory", "LiteLLM, cache in Redis"):
            result.rows.append(_ratio(name, "ratio of added p50", median(name, added) / mine))
            result.rows.append(_ratio(name, "ratio of hits/s", mine_hits / median(name, served)))
        best = max(median(f"LiteLLM, cache in {place}", served) for place in ("memory", "Redis"))
        least = min(median(f"LiteLLM, cache in {place}", added) for place in ("memory", "Redis"))
        result.conclusions.append(
            f"Against the better of LiteLLM's two set-ups: {least / mine:.2f} times less added latency on a miss, "
            f"{mine_hits / best:.2f} times the hits/s."
        )


def _ratio(name: str, metric: str, value: float) -> dict[str, Any]:
    return {"target": f"gateway against {name}", "metric": metric, "unit": "x", "median": float(f"{value:.3g}")}


def _verdict(holds: bool) -> str:
    return "met" if holds else "NOT met"
