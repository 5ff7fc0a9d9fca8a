"""Posts at a fixed rate through producer, Redis, worker processes and decision log: what arrives, and how late.

Open loop: post i arrives at start + i / rate, whether or not the system keeps up. A post's time ends when its decision
is committed to the log. It starts at its own arrival, so waiting for the micro-batch to fill, and falling behind the
schedule, both count.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.moderation.record import SqliteDecisionLog
from reference.moderation.streams.messages import Names
from reference.moderation.streams.process import WorkerProcess, WorkerSpec
from reference.moderation.streams.producer import Producer
from reference.moderation.types import ModerationError, Post
from reference.serving.waiting import wait_until

DEFAULT_RATE = 1_000_000 / 60  # one million posts per minute


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """One replay.

    Attributes:
        rate: posts per second, from the first arrival to the last decision.
        p50_ms, p99_ms, max_ms: arrival to committed decision, over all posts.
        lost: posts without a decision; duplicated: decisions beyond one per post in the log.
        redelivered: decisions that workers made again after a kill and the log refused (reports of killed workers are
            gone, so this is what the living ones saw).
        peak_mb: resident memory of producer and workers, highest sum seen (10^6 bytes); redis_peak_mb: as Redis says.
        unmeasured: posts with a decision whose time was not noted (0 unless a worker died at the wrong moment).
        waited_s: how long the producer stood still because the stream was full.
    """

    posts: int
    target_rate: float
    workers: int
    killed: int
    rate: float
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    lost: int
    duplicated: int
    redelivered: int
    unmeasured: int
    peak_mb: float
    redis_peak_mb: float
    waited_s: float
    longest_stream: int
    actions: dict[str, int]


def made_posts(count: int, seed: int = 4) -> list[Post]:
    """`count` posts of the made corpus, each with an id of its own."""
    from reference.moderation.corpus import replay_posts

    return list(replay_posts(count, seed=seed))


def replay(
    posts: Sequence[Post],
    *,
    rate: float = DEFAULT_RATE,
    workers: int = 2,
    kill_after: float | None = None,
    per_message: int = 200,
    moderator: str = "reference.moderation.pipeline.default:rules_moderator",
    folder: Path | None = None,
    drain_s: float = 60.0,
    claim_after_s: float = 1.0,
) -> ReplayResult:
    """Sends `posts` (ids must be different) at `rate` per second; with a Redis and a log of its own.

    Args:
        kill_after: share of the posts after which one worker gets a kill -9; the others take over.
        drain_s: how long to wait for the last decisions.

    Raises:
        ModerationError: a worker did not start, or the workers stopped taking messages.
    """
    from reference.serving.redis_store import connect, private_redis

    if kill_after is not None and workers < 2:
        raise ModerationError("kill_after needs two workers or more: somebody has to take over")
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replay-")))
        server = stack.enter_context(private_redis())
        client = connect(server.url)
        log = SqliteDecisionLog(place / "decisions.db")
        done = place / "done.txt"
        spec = {"url": server.url, "log": str(log.path), "moderator": moderator, "stage": "screen_final"}
        team = [
            WorkerProcess(
                WorkerSpec(name=f"w{n}", claim_after_s=claim_after_s, done_file=str(done), **spec)  # type: ignore[arg-type]
            )
            for n in range(workers)
        ]
        for one in team:
            stack.callback(one.kill)
        for one in team:
            one.wait_ready()
        memory = stack.enter_context(_memory([one.pid for one in team]))
        producer = Producer(client, Names(), max_messages=1000)
        start, longest = time.monotonic_ns() + 50_000_000, 0
        kill_at = None if kill_after is None else int(len(posts) * kill_after)
        killed = 0
        for first in range(0, len(posts), per_message):
            batch = posts[first : first + per_message]
            full = start + int((first + len(batch) - 1) / rate * 1e9)  # when the last post of the batch arrives
            if (early := full - time.monotonic_ns()) > 0:
                time.sleep(early / 1e9)
            producer.send(batch, str(first))
            longest = max(longest, producer.backlog)
            if kill_at is not None and first >= kill_at and not killed:
                team[0].kill()
                killed = 1
        wait_until(lambda: client.xlen(producer.names.stream) == 0, drain_s, every_s=0.02)
        redis_peak = client.info("memory")["used_memory_peak"] / 1e6
        reports = [one.stop() for one in team]
        peak = memory()
        counts = log.counts()
        known = log.decided([post.id for post in posts])
        times = _times(done, len(posts), start, rate)
    return ReplayResult(
        posts=len(posts),
        target_rate=rate,
        workers=workers,
        killed=killed,
        rate=len(posts) / times["last_s"],
        seconds=times["last_s"],
        p50_ms=times["p50"],
        p99_ms=times["p99"],
        max_ms=times["max"],
        lost=len(posts) - len(known),
        duplicated=counts["rows"] - counts["posts"],
        redelivered=sum(report.get("repeated", 0) for report in reports),
        unmeasured=int(times["unmeasured"]),
        peak_mb=peak,
        redis_peak_mb=redis_peak,
        waited_s=producer.waited_s,
        longest_stream=longest,
        actions={name: counts[name] for name in ("approve", "reject", "escalate") if name in counts},
    )


def _times(done: Path, count: int, start: int, rate: float) -> dict[str, float]:
    """Percentiles in ms over posts, from the workers' notes; of two notes about a message the earlier counts."""
    import numpy as np

    ended = np.full(count, np.inf)
    for line in done.read_bytes().splitlines():
        first, some, at = (int(part) for part in line.split())
        ended[first : first + some] = np.minimum(ended[first : first + some], at - start)
    arrived = np.arange(count) / rate * 1e9
    seen = np.isfinite(ended)
    if not seen.any():
        raise ModerationError("no worker finished a message; see their messages above")
    late = (ended - arrived)[seen] / 1e6
    p50, p99 = np.percentile(late, [50, 99])
    return {
        "p50": float(p50),
        "p99": float(p99),
        "max": float(late.max()),
        "last_s": float(ended[seen].max() / 1e9),
        "unmeasured": float(count - seen.sum()),
    }


@contextlib.contextmanager
def _memory(pids: list[int]) -> Iterator[Any]:
    """A function that gives the highest resident memory seen so far, this process and `pids` together, in MB."""
    import threading

    import psutil

    peak, stop = 0.0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not stop.wait(0.5):
            total = 0
            for pid in [psutil.Process().pid, *pids]:
                with contextlib.suppress(psutil.Error):
                    total += psutil.Process(pid).memory_info().rss
            peak = max(peak, total / 1e6)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield lambda: peak
    finally:
        stop.set()
        thread.join()
