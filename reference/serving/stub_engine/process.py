"""The stub engine as a child process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

from reference.serving.stub_engine.app import Fault, FaultKind, StubSettings

if TYPE_CHECKING:
    from openai import OpenAI

_START_TIMEOUT_S = 30.0


class StubEngine:
    """A stub server in a process of its own, with the attributes of a real engine (`base_url`, `api_key`, `model`).

        with StubEngine(ttft_ms=100, itl_ms=20, slots=8) as stub:
            stub.client().chat.completions.create(model=stub.model, ...)

    Keywords are the fields of `StubSettings`; `port=0` picks a free one; `cpus` pins the process to cores (Linux).
    Ready when the constructor returns. The process ends with `stop()`, with the `with` block, or with its parent.
    """

    def __init__(self, *, port: int = 0, cpus: Sequence[int] | None = None, **settings: Any) -> None:
        settings.setdefault("api_key", "stub-key")
        self.settings = StubSettings(**settings)
        self.model, self.api_key = self.settings.model, self.settings.api_key
        command = [sys.executable, "-m", "reference.serving.stub_engine", "--die-with-stdin", "--port", str(port)]
        for name, value in asdict(self.settings).items():
            if name != "fault":
                command.append(f"--{name.replace('_', '-')}={value}")
        fault = self.settings.fault
        command += [f"--fault={fault.kind}", f"--fault-after-tokens={fault.after_tokens}", f"--fault-rate={fault.rate}"]
        # A file, not a pipe: nobody reads it while the server runs, and a full pipe would block the server.
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True
        )
        try:
            self.port = self._wait_for_port()
            if cpus is not None:
                os.sched_setaffinity(self._process.pid, cpus)
        except BaseException:
            self.stop()
            raise
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    @property
    def pid(self) -> int:
        return self._process.pid

    def _wait_for_port(self) -> int:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_TIMEOUT_S)
        line = self._process.stdout.readline() if ready else ""
        if not line.startswith("port "):
            self._stderr.seek(0)
            said = self._stderr.read().strip().splitlines()
            why = said[-1] if said else f"it said nothing in {_START_TIMEOUT_S:.0f} s"
            raise RuntimeError(f"the stub engine did not start: {why}")
        return int(line.split()[1])

    def client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(base_url=self.base_url, api_key=self.api_key or "none", max_retries=0)

    def metrics(self) -> dict[str, float]:
        """The server's Prometheus samples, name -> value (labels dropped)."""
        rows = (line.rsplit(" ", 1) for line in self._call("GET", "/metrics").splitlines() if not line.startswith("#"))
        return {name.split("{")[0]: float(value) for name, value in rows}

    def timing(self) -> dict[str, float]:
        """What the stub itself added since `reset`: lateness of its sends [ms] (``first_*``: first tokens, ``rest_*``:
        the other tokens; n, mean, p50, p99), its CPU time ``cpu_s`` [s], and ``span_s`` [s] from the first arrival
        to the last end of a request."""
        answer: dict[str, float] = json.loads(self._call("GET", "/stub/timing"))
        return answer

    def reset(self) -> None:
        self._call("POST", "/stub/reset", {})

    def set_fault(self, kind: FaultKind = "none", after_tokens: int = 0, rate: float = 1.0) -> None:
        """Replace the injected fault for requests that start from now on; no argument mends the server."""
        self._call("POST", "/stub/fault", asdict(Fault(kind, after_tokens, rate)))

    def _call(self, method: str, path: str, body: Any = None) -> str:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method)
        # An empty ProxyHandler: a proxy from the environment must not see loopback traffic.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return str(answer.read().decode())

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Die at once, as a crash would: open streams break."""
        self._process.kill()
        self.stop()

    def stop(self) -> None:
        """End the process and wait for it; calling it twice is harmless."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def __enter__(self) -> StubEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
