"""Worker processes: started, stopped, killed, and scaled on the depth of the queue."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reference.serving.jobs.settings import ENV_PREFIX, JobSettings
from reference.sizing.inference_modes.scaling import wanted_workers

__all__ = ["Fleet", "running", "wanted_workers"]


@dataclass
class Fleet:
    """Workers of this machine, each a process group of its own. Standard error goes to `log`.

    `started` holds (seconds since the first start, workers) at every change: what the fleet costs.
    """

    settings: JobSettings
    log: Path
    drills: bool = False
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    history: list[tuple[float, int]] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)

    def __len__(self) -> int:
        return len(self._running)

    def start(self) -> None:
        """One more worker."""
        given = {
            f"{ENV_PREFIX}{name.upper()}": str(value)
            for name, value in self.settings.model_dump(exclude_unset=True).items()
        }
        command = [sys.executable, "-m", "reference.serving.jobs", *(["--drills"] if self.drills else [])]
        with self.log.open("ab") as log:
            self._running.append(
                subprocess.Popen(command, env={**os.environ, **given}, stderr=log, start_new_session=True)
            )
        self._note()

    def kill(self) -> None:
        """`kill -9` of the oldest worker: what a lost machine or a spot instance without notice looks like."""
        victim = self._running.pop(0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        self._note()

    def retire(self, wait_s: float = 30.0) -> None:
        """SIGTERM to the newest worker, which ends its jobs first: what a spot instance with notice looks like."""
        victim = self._running.pop()
        victim.terminate()
        try:
            victim.wait(wait_s)
        except subprocess.TimeoutExpired:
            victim.kill()
            victim.wait()
        self._note()

    def reap(self) -> int:
        """Forgets workers that have ended by themselves; returns how many."""
        gone = [process for process in self._running if process.poll() is not None]
        for process in gone:
            self._running.remove(process)
        if gone:
            self._note()
        return len(gone)

    def stop(self) -> None:
        """Ends all, running jobs included as far as the lease allows."""
        for process in self._running:
            process.terminate()
        deadline = time.monotonic() + self.settings.lease_s + 5
        for process in self._running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        self._note()

    def _note(self) -> None:
        self.history.append((time.monotonic() - self._begun, len(self._running)))

    def worker_seconds(self) -> float:
        """Seconds that workers were up, summed: the bill of the fleet, up to the last change."""
        return sum(
            count * (until - since) for (since, count), (until, _) in zip(self.history, self.history[1:], strict=False)
        )


@contextmanager
def running(settings: JobSettings, workers: int, *, drills: bool = False) -> Iterator[Fleet]:
    """A fleet of so many workers for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="wb-jobs-") as folder:
        fleet = Fleet(settings, Path(folder) / "workers.log", drills)
        try:
            for _ in range(workers):
                fleet.start()
            yield fleet
        finally:
            fleet.stop()
