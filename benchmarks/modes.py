"""Question 7 under load and loss: jobs while workers are killed, a thousand open streams, no receiver of webhooks.

The engine of the streams is a stub with a fixed pace: what is measured is the service, not a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import Result
from benchmarks.servers import process_of

LEASE_S, KILL_EVERY_S = 5.0, 5.0


def _row(target: str, metric: str, unit: str, value: float, rounds: int = 1) -> dict[str, Any]:
    return {"target": target, "metric": metric, "unit": unit, "median": round(float(value), 4), "rounds": rounds}


def _drill(jobs: int) -> list[dict[str, Any]]:
    from reference.serving import redis_store
    from reference.serving.jobs.drill import drill
    from reference.serving.jobs.settings import JobSettings

    rows = []
    for name, kill in (("no kill", 0.0), ("one of two workers killed every 5 s", KILL_EVERY_S)):
        with redis_store.private_redis() as server:
            settings = JobSettings(redis_url=server.url, lease_s=LEASE_S, redeliver_s=LEASE_S + 2)
            report = asyncio.run(drill(settings, jobs=jobs, workers=2, kill_every_s=kill, job_s=0.02))
        target = f"{jobs} jobs, {name}"
        rows += [
            _row(target, "workers killed", "workers", report.killed),
            _row(target, "lost", "jobs", report.lost),
            _row(target, "effects that happened twice", "jobs", report.duplicated),
            _row(target, "given up", "jobs", report.dead),
            _row(target, "needed a second try", "jobs", report.retried),
            _row(target, "queue time p50", "s", report.queue_p50_s),
            _row(target, "queue time p99", "s", report.queue_p99_s),
            _row(target, "time to the end p99", "s", report.total_p99_s),
            _row(target, "rate", "jobs/s", report.jobs_per_second),
        ]
    return rows


async def _streams(url: str, key: str, count: int, body: dict[str, Any]) -> tuple[Counter[str], list[float], int]:
    import httpx

    outcome: Counter[str] = Counter()
    firsts: list[float] = []
    open_now = most = 0

    async def one(client: httpx.AsyncClient) -> None:
        nonlocal open_now, most
        begun = time.perf_counter()
        try:
            async with client.stream("POST", f"{url}/streams", json=body) as reply:
                if reply.status_code != 200:
                    outcome[f"HTTP {reply.status_code}"] += 1
                    return
                open_now += 1
                most = max(most, open_now)
                last = ""
                async for line in reply.aiter_lines():
                    if line.startswith("data: "):
                        if not last:
                            firsts.append(time.perf_counter() - begun)
                        last = line[6:]
                open_now -= 1
                outcome["complete" if last == "[DONE]" else f"ended with {last[:60]}"] += 1
        except httpx.HTTPError as error:
            outcome[type(error).__name__] += 1

    limits = httpx.Limits(max_connections=count + 10)
    async with httpx.AsyncClient(
        limits=limits, timeout=httpx.Timeout(120, connect=30, pool=60), trust_env=False,
        headers={"authorization": f"Bearer {key}"},
    ) as client:  # fmt: skip
        await asyncio.gather(*(one(client) for _ in range(count)))
    return outcome, sorted(firsts), most


@contextlib.contextmanager
def _service(engine_url: str, engine_key: str, redis_url: str, inflight: int) -> Iterator[tuple[str, str]]:
    """The service in a process of its own, so that the client does not take its time; yields its URL and a key."""
    from reference.serving import redis_store
    from reference.serving.gateway.keys import KeyStore

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "GATEWAY_ENGINE_URL": engine_url, "GATEWAY_ENGINE_API_KEY": engine_key,
        "GATEWAY_REDIS_URL": redis_url, "GATEWAY_GUARDRAILS": "false", "GATEWAY_MAX_INFLIGHT": str(inflight),
        "GATEWAY_MAX_ENGINE_QUEUE": str(inflight), "GATEWAY_PORT": str(port), "GATEWAY_LOG_LEVEL": "ERROR",
        "GATEWAY_DEFAULT_RPM": str(10**6), "GATEWAY_DEFAULT_TPM": str(10**7), "GATEWAY_REDIS_TIMEOUT_S": "10",
    }  # fmt: skip
    command = [sys.executable, "-m", "reference.serving.modes", "--workers", "0"]
    with redis_store.connect(redis_url) as client:
        key, _ = KeyStore(client).create("bench")
    with (
        tempfile.TemporaryDirectory() as folder,
        process_of(command, environment, port, "/readyz", Path(folder) / "log"),
    ):
        yield f"http://127.0.0.1:{port}/v1", key


def _open_streams(count: int, tokens: int) -> list[dict[str, Any]]:
    from reference.serving import redis_store
    from reference.serving.stub_engine import StubEngine

    with (
        redis_store.private_redis() as server,
        StubEngine(ttft_ms=500, itl_ms=1000) as stub,
        _service(stub.base_url, stub.api_key, server.url, count + 10) as (url, key),
    ):
        body = {
            "model": stub.model,
            "messages": [{"role": "user", "content": "Tell me."}],
            "max_tokens": tokens,
            "temperature": 1.0,
        }
        outcome, firsts, most = asyncio.run(_streams(url, key, count, body))
    print(f"  {dict(outcome)}", file=sys.stderr)
    target = f"{count} streams, {tokens} tokens each, one service process"
    return [
        _row(target, "open at once", "streams", most),
        _row(target, "complete", "streams", outcome["complete"]),
        _row(target, "failed", "streams", count - outcome["complete"]),
        _row(target, "first token p50", "s", firsts[len(firsts) // 2] if firsts else 0.0),
        _row(target, "first token p99", "s", firsts[int(0.99 * len(firsts))] if firsts else 0.0),
    ]


def _webhooks(count: int, down_s: float) -> list[dict[str, Any]]:
    from reference.serving import redis_store
    from reference.serving.jobs import fleet as fleets
    from reference.serving.jobs.model import Lane, NewJob
    from reference.serving.jobs.queue import Sender
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.jobs.store import JobStore

    seen: Counter[str] = Counter()
    state = {"up": False}

    async def run(url: str) -> float:
        async def hook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            name = next(line.split(": ", 1)[1] for line in head.splitlines() if line.startswith("webhook-id"))
            if state["up"]:
                seen[name] += 1
            status = b"200 OK" if state["up"] else b"503 No"
            writer.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
            await writer.drain()
            writer.close()

        receiver = await asyncio.start_server(hook, "127.0.0.1", 0)
        port = receiver.sockets[0].getsockname()[1]
        settings = JobSettings(redis_url=url, webhook_allow=f"127.0.0.1:{port}", webhook_retry_s=1)
        client = redis_store.connect_async(url)
        store, sender = JobStore(client, settings), Sender(settings)
        await sender.start()
        with fleets.running(settings, 2, drills=True):
            for number in range(count):
                payload = json.dumps({"number": number}).encode()
                job, _ = await store.submit(NewJob("bench", "sleep", payload, webhook=f"http://127.0.0.1:{port}/"))
                await sender.send(Lane.NORMAL, job.id)
            await asyncio.sleep(down_s)
            state["up"] = True
            begun = time.monotonic()
            while len(seen) < count and time.monotonic() - begun < 300:  # noqa: ASYNC110 - other processes deliver
                await asyncio.sleep(0.1)
            seconds = time.monotonic() - begun
            await asyncio.sleep(3)  # what comes twice comes now
        await sender.close()
        await client.aclose()
        receiver.close()
        return seconds

    with redis_store.private_redis() as server:
        seconds = asyncio.run(run(server.url))
    target = f"{count} webhooks, receiver down for {down_s:g} s"
    return [
        _row(target, "delivered", "webhooks", len(seen)),
        _row(target, "delivered twice or more", "webhooks", sum(n > 1 for n in seen.values())),
        _row(target, "all delivered after", "s", seconds),
    ]


def run(quick: bool = False) -> Result:
    """`quick`: hundreds instead of thousands, and seconds instead of a minute."""
    result = Result(
        "modes",
        "Are jobs lost while workers are killed, streams while a thousand are open, webhooks while nobody takes them?",
        {
            "jobs": f"20 ms each in 4 slots per worker, lease {LEASE_S:g} s, all submitted as fast as the client can",
            "kill": "kill -9 of the worker's process group; a new worker is started at once",
            "streams": "stub engine: first token after 0.5 s, then one a second; all on one machine",
            "webhooks": "two workers deliver; exponential back-off from 1 s with jitter",
        },
    )
    result.rows += _drill(500 if quick else 10_000)
    result.rows += _open_streams(100 if quick else 1000, 5 if quick else 30)
    result.rows += _webhooks(50 if quick else 500, 3.0 if quick else 60.0)
    return result
