"""Runs the same jobs through each library, without and with `kill -9` of a worker every few seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import Result

KILL_EVERY_S, WORKERS = 1.5, 2


@dataclass
class Fleet:
    """Workers, each a process group, so that a kill takes its children too (but rq's, which leave the group)."""

    library: str
    url: str
    logs: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        with (self.logs / "worker.log").open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.job_queues.workers", self.library],
                    env={**os.environ, "JOB_QUEUES_URL": self.url},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def kill_oldest(self) -> None:
        victim = self.running.pop(0)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()

    def stop(self) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _round(library: str, jobs: int, kills: int, quiet_s: float) -> dict[str, Any]:
    """Gives the jobs, kills, and waits until all ended or nothing has ended for `quiet_s` seconds."""
    from benchmarks.job_queues import work, workers
    from reference.serving import redis_store

    with (
        redis_store.private_redis() as server,
        redis_store.connect(server.url) as client,
        TemporaryDirectory() as logs,
    ):
        work.URL = server.url
        workers.give(library, jobs)
        fleet = Fleet(library, server.url, Path(logs))
        for _ in range(WORKERS):
            fleet.start()
        try:
            while not client.hlen(work.ENDS):
                time.sleep(0.05)
            begun = next_kill = time.monotonic()
            next_kill += KILL_EVERY_S
            last, changed, killed = -1, time.monotonic(), 0
            while last < jobs and time.monotonic() - changed < quiet_s:
                if (ended := client.hlen(work.ENDS)) != last:
                    last, changed = ended, time.monotonic()
                if killed < kills and time.monotonic() >= next_kill:
                    fleet.kill_oldest()
                    fleet.start()
                    killed, next_kill = killed + 1, time.monotonic() + KILL_EVERY_S
                time.sleep(0.05)
            seconds = changed - begun
        finally:
            fleet.stop()
        begun_at = {k: float(v) for k, v in client.hgetall(work.BEGUN).items()}
        done_at = {k: float(v) for k, v in client.hgetall(work.DONE).items()}
        ends = [int(v) for v in client.hvals(work.ENDS)]
        return {
            "lost": jobs - len(done_at),
            "ended twice or more": sum(v > 1 for v in ends),
            "jobs per second": len(done_at) / seconds,
            "longest from first start to end": max(done_at[k] - begun_at[k] for k in done_at),
            "killed": killed,
        }


def run(quick: bool = False) -> Result:
    """`quick`: few jobs and one kill."""
    from importlib import metadata

    from benchmarks.job_queues import workers

    jobs, kills, quiet_s = (60, 1, 30.0) if quick else (1500, 4, 60.0)
    units = {"jobs per second": "1/s", "longest from first start to end": "s"}
    result = Result(
        "job_queues",
        "Which queue library loses no job when a worker is killed, and how soon does the job come back?",
        {
            "jobs": f"{jobs}, 50 ms each, given before the workers start",
            "workers": f"{WORKERS} processes; {workers.CONCURRENCY} jobs at once each (rq: one)",
            "kills": f"{kills}, kill -9 of a worker's process group every {KILL_EVERY_S:g} s, and a new worker at once",
            "redelivery": f"{workers.REDELIVER_S} s, the setting that each library has for it",
            "given up": f"when nothing has ended for {quiet_s:g} s",
            "libraries": {n: metadata.version(n) for n in ("arq", "taskiq", "taskiq-redis", "rq", "celery")},
        },
    )
    for library in workers.LIBRARIES:
        for case, count in (("no kill", 0), ("killed", kills)):
            print(f"  {library}, {case}", file=sys.stderr, flush=True)
            for metric, value in _round(library, jobs, count, quiet_s).items():
                result.rows.append(
                    {
                        "target": f"{library}, {case}",
                        "metric": metric,
                        "unit": units.get(metric, "jobs" if metric != "killed" else "workers"),
                        "median": round(float(value), 3),
                        "rounds": 1,
                    }
                )
    return result
