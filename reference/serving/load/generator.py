"""The load generator: `vllm bench serve`'s client in a process of its own, loopback only, under a time-out.

Why this one of the two known generators at hand: see `benchmarks/load_generators.py`, which measures both against a
stub of known latency. In short: guidellm starts several worker processes for every load point, each importing its
libraries anew (about 15 s per point on two cores), while vLLM's client is imported once; at 128 streams guidellm's
error of TTFT was the larger one; and guidellm keeps no single inter-token gaps, so it has no ITL percentiles.
"""

from __future__ import annotations

import atexit
import contextlib
import ipaddress
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

START_TIMEOUT_S = 180.0


class LoadGeneratorError(RuntimeError):
    """The generator's process could not start, died, timed out or refused a job."""


def require_loopback(base_url: str) -> str:
    """`base_url` itself if every address of its host is this machine's loopback; ValueError otherwise.

    A load test against a server that somebody else uses is an attack on it, so no option lifts this.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"base_url must look like http://127.0.0.1:8000/v1, got {base_url!r}")
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(parts.hostname, parts.port or 80)}
    except OSError as error:
        raise ValueError(f"base_url: the host {parts.hostname!r} does not resolve ({error})") from error
    if not all(ipaddress.ip_address(address).is_loopback for address in addresses):
        raise ValueError(f"base_url: load goes to this machine only, and {parts.hostname!r} is not loopback")
    return base_url.rstrip("/")


class LoadGenerator:
    """The process that sends the requests; started by the first job, or by `prestart` in advance (about 20 s of CPU
    time).

    Serves one job at a time. Use as a context manager, or share one through `shared_generator`. `command` replaces the
    program that is run (default: `driver`).
    """

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "reference.serving.load.driver")) -> None:
        self._command = tuple(command)
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._log: Any = None
        self._ready = False
        self._busy = threading.Lock()

    def prestart(self) -> None:
        """Start the process without waiting for it, e.g. while an engine loads."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by close()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=_environment(),
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(self._process.stdout, self._lines), daemon=True).start()

    def run(self, job: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send one job (see `driver.run_job`) and wait at most `timeout_s` [s] for its answer; the start comes on
        top."""
        with self._busy:
            require_loopback(job["base_url"])
            try:
                answer = self._ask(job, timeout_s)
            except BaseException:
                # Whatever interrupted the wait (Ctrl-C in a notebook, say), the process still works on this job: its
                # answer must not be taken for that of the next one.
                self.close()
                raise
            if "failed" in answer:
                raise LoadGeneratorError(f"the load generator refused the job: {answer['failed']}")
            return answer

    def _ask(self, job: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        self.prestart()
        if not self._ready:
            self._next_line(START_TIMEOUT_S, "start")
            self._ready = True
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise LoadGeneratorError(f"the load generator died: {self._last_words()}") from error
        return self._next_line(timeout_s, "finish the load point")

    def _next_line(self, timeout_s: float, what: str) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise LoadGeneratorError(
                f"the load generator did not {what} in {timeout_s:.0f} s and was stopped"
            ) from None
        if not line:
            raise LoadGeneratorError(f"the load generator died: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        if self._log is None or self._log.closed:
            return "no log"
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return " | ".join(lines[-3:]) if lines else "it said nothing"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process; the next job starts a new one."""
        process, self._process, self._ready = self._process, None, False
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> LoadGenerator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


_shared: LoadGenerator | None = None


def shared_generator() -> LoadGenerator:
    """The generator that this Python process shares; it ends with the process."""
    global _shared
    if _shared is None:
        _shared = LoadGenerator()
        atexit.register(_shared.close)
    return _shared


def _pump(stream: Any, lines: queue.SimpleQueue[str]) -> None:
    with contextlib.suppress(ValueError, OSError):  # closed while reading
        for line in stream:
            lines.put(line)
    lines.put("")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    # No proxy may see loopback traffic; nothing is fetched from or reported to the internet; vLLM's compute threads are
    # not needed by a client.
    return kept | {
        "NO_PROXY": "*",
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "OMP_NUM_THREADS": "1",
    }
