"""An OpenAI-compatible server of *known* latency: the reference against which measuring tools are measured.

It generates no text with a model. Token k (k = 0, 1, ...) of a request is sent at the absolute deadline
``t0 + ttft + k * itl``, where t0 is the moment the request got a slot; because every deadline counts from t0, one late
token does not delay the next. What the stub itself adds (its own lateness against those deadlines) is recorded and
served at ``GET /stub/timing``, so that an error of the client can be told from an error of the stub.

    python -m reference.serving.stub_engine --port 9000 --ttft-ms 100 --itl-ms 20 [--slots 16]

No figure taken through this server is a measurement of an engine: it calibrates clients, proxies and tests.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, get_args

from reference.serving.load.stub_app import Fault, FaultKind, StubApp, StubSettings

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["Fault", "FaultKind", "StubEngine", "StubSettings", "serve"]

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


def serve(settings: StubSettings, port: int = 0, *, die_with_stdin: bool = False) -> None:
    """Serve on 127.0.0.1 until interrupted; prints ``port N`` when the socket listens (port 0 picks a free one).

    With `die_with_stdin` the process ends when its standard input closes: a parent that is killed leaves no orphan.
    """
    import uvicorn

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(f"--port {port}: {error.strerror}; give another port, or 0 for a free one") from error
    listener.listen(2048)
    config = uvicorn.Config(
        StubApp(settings),
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    if die_with_stdin:
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(f"port {listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reference.serving.stub_engine", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    for f in fields(StubSettings):
        if f.name != "fault":
            parser.add_argument("--" + f.name.replace("_", "-"), type=type(f.default), default=f.default)
    parser.add_argument("--fault", choices=get_args(FaultKind), default="none")
    parser.add_argument("--fault-after-tokens", type=int, default=0)
    parser.add_argument("--fault-rate", type=float, default=1.0)
    parser.add_argument("--die-with-stdin", action="store_true", help="exit when standard input closes")
    given = vars(parser.parse_args(argv))
    port, die = given.pop("port"), given.pop("die_with_stdin")
    try:
        fault = Fault(given.pop("fault"), given.pop("fault_after_tokens"), given.pop("fault_rate"))
        settings = StubSettings(fault=fault, **given)
    except ValueError as error:
        parser.error(str(error))
    serve(settings, port, die_with_stdin=die)


if __name__ == "__main__":
    main()
