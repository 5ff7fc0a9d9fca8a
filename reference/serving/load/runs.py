"""Closed-loop and open-loop load tests against an OpenAI-compatible server on this machine."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reference.serving.load import prompts, provenance
from reference.serving.load.generator import LoadGenerator, require_loopback, shared_generator
from reference.serving.load.records import LoadPoint, RequestRecord, summarise

if TYPE_CHECKING:
    import pandas as pd

Endpoint = Literal["completions", "chat"]

GENERATOR = "vllm bench serve"
_MOST_REQUESTS = 5_000
_WARMUP_SHARE, _COOLDOWN_SHARE = 0.2, 0.1


@dataclass(frozen=True)
class LoadRun:
    """The points of one load test, and what one must know to repeat it (`conditions`)."""

    points: tuple[LoadPoint, ...]
    conditions: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.points)

    def at(self, load: float) -> LoadPoint:
        """The point of this concurrency (closed loop) or rate (open loop)."""
        for point in self.points:
            if load in (point.concurrency, point.rate):
                return point
        raise KeyError(f"no point at load {load:g}; there are {', '.join(p.label for p in self.points)}")

    def valid(self) -> tuple[LoadPoint, ...]:
        return tuple(point for point in self.points if not point.void)

    def fit_points(self) -> list[dict[str, float]]:
        """The points that are not void, as the sizing core's fits take them: concurrency (closed loop: as set, open
        loop: mean in flight), n_in and n_out [tokens], output_tok_s, request_s, and median ttft_ms and tpot_ms."""
        return [
            {
                "concurrency": float(p.concurrency if p.concurrency is not None else p.in_flight),
                "n_in": round(p.prompt_tokens),
                "n_out": round(p.output_tokens),
                "output_tok_s": p.output_tok_s,
                "request_s": p.request_s,
                "ttft_ms": p.ttft_ms.p50,
                "tpot_ms": p.tpot_ms.p50,
            }
            for p in self.valid()
        ]

    def to_dataframe(self) -> pd.DataFrame:
        """One row per point, one column per figure, e.g. ``ttft_p50_ms``."""
        import pandas as pd

        return pd.DataFrame([point.to_row() for point in self.points])

    def to_record(self) -> dict[str, Any]:
        """JSON-ready record with everything that was seen: machine, versions, command, date, conditions, points."""
        return {"kind": "load", **self.conditions, "points": [point.to_dict() for point in self.points]}


def closed_loop(
    base_url: str,
    model: str,
    api_key: str = "",
    *,
    concurrencies: Sequence[int],
    prompt_tokens: int,
    output_tokens: int,
    requests: int | Callable[[int], int] | None = None,
    seconds: float | None = None,
    endpoint: Endpoint = "completions",
    tokenizer_dir: Path | None = None,
    output_spread: float = 0.0,
    ignore_eos: bool = True,
    extra_body: dict[str, Any] | None = None,
    seed: int | None = None,
    request_timeout_s: float = 120.0,
    timeout_s: float = 600.0,
    generator: LoadGenerator | None = None,
    progress: Callable[[LoadPoint], None] | None = None,
) -> LoadRun:
    """A constant number of requests in flight, one point per entry of `concurrencies`.

    Each point sends c requests that are thrown away (warm-up), then the measured ones (`requests`: a number, or a
    function of c; default max(8, 3c), which is three waves), then c more that keep up the load (cool-down). With
    `seconds` a point stops sending after that time. `output_spread` draws output lengths uniformly from `output_tokens`
    * (1 +- spread): with equal lengths, requests finish and restart in waves. `ignore_eos` asks for exactly the drawn
    length (a vLLM extension) and counts any other length as failed. Prompts are random, new in every point, so that a
    prefix cache never hits; a `seed` makes them repeatable, and then a second run finds them in the cache.
    `endpoint="chat"` needs `tokenizer_dir`, and its ITL has one gap near 0 per request (the event that carries the
    role). Time-outs: a single request [s], then counted as failed, and a whole point [s], then `LoadGeneratorError`.
    """
    for c in concurrencies:
        if not isinstance(c, int) or c < 1:
            raise ValueError(f"concurrencies: each must be an integer >= 1, got {c!r}")
    given = dict(locals())
    plan = []
    for c in concurrencies:
        n = requests(c) if callable(requests) else requests
        if n is None:
            n = max(8, 3 * c) if seconds is None else _MOST_REQUESTS
        if n < 1:
            raise ValueError(f"requests must be >= 1, got {n}")
        plan.append({"concurrency": c, "rate": None, "count": n + 2 * c, "warmup": c, "cooldown": c})
    return _run(given, plan, burstiness=None)


def open_loop(
    base_url: str,
    model: str,
    api_key: str = "",
    *,
    rates: Sequence[float],
    prompt_tokens: int,
    output_tokens: int,
    process: Literal["poisson", "constant"] = "poisson",
    requests: int | None = None,
    seconds: float = 30.0,
    endpoint: Endpoint = "completions",
    tokenizer_dir: Path | None = None,
    output_spread: float = 0.0,
    ignore_eos: bool = True,
    extra_body: dict[str, Any] | None = None,
    seed: int | None = None,
    request_timeout_s: float = 120.0,
    timeout_s: float = 600.0,
    generator: LoadGenerator | None = None,
    progress: Callable[[LoadPoint], None] | None = None,
) -> LoadRun:
    """Requests arrive at a rate [request/s] whether or not earlier ones are done, one point per entry of `rates`.

    `process`: Poisson arrivals (vLLM's generator scales the drawn gaps so that the last arrival falls on count / rate),
    or a constant gap. A point sends `requests`, or rate * `seconds` of them (at least 10); the first 20 % of the
    arrivals are warm-up and the last 10 % cool-down, sent but not measured. The other parameters are those of
    `closed_loop`.
    """
    if process not in ("poisson", "constant"):
        raise ValueError(f"process must be 'poisson' or 'constant', got {process!r}")
    given = dict(locals())
    plan = []
    for rate in rates:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"rates: each must be a number > 0, got {rate!r}")
        count = requests if requests is not None else max(10, round(rate * seconds))
        if not 10 <= count <= _MOST_REQUESTS:
            raise ValueError(f"requests: {count} for rate {rate:g}/s, must be 10 to {_MOST_REQUESTS}")
        warmup, cooldown = round(_WARMUP_SHARE * count), max(1, round(_COOLDOWN_SHARE * count))
        plan.append({"concurrency": None, "rate": rate, "count": count, "warmup": warmup, "cooldown": cooldown})
    return _run(given | {"seconds": None}, plan, burstiness=1.0 if process == "poisson" else None)


def _run(given: dict[str, Any], plan: list[dict[str, Any]], burstiness: float | None) -> LoadRun:
    if not plan:
        raise ValueError("no load points: give at least one concurrency or rate")
    if given["endpoint"] not in ("completions", "chat"):
        raise ValueError(f"endpoint must be 'completions' or 'chat', got {given['endpoint']!r}")
    if given["endpoint"] == "chat" and given["tokenizer_dir"] is None:
        raise ValueError("endpoint 'chat' needs tokenizer_dir, to make prompts of a known token count")
    base_url = require_loopback(given["base_url"])
    generator = given["generator"] or shared_generator()
    conditions = _conditions(given, plan, base_url)
    points = []
    for number, step in enumerate(plan):
        rng = np.random.default_rng(None if given["seed"] is None else [given["seed"], number])
        job = {
            "base_url": base_url,
            "endpoint": given["endpoint"],
            "model": given["model"],
            "api_key": given["api_key"],
            "concurrency": step["concurrency"],
            "rate": step["rate"],
            "burstiness": burstiness,
            "prompts": _prompts(given, step["count"], rng),
            "output_lengths": prompts.output_lengths(
                step["count"], given["output_tokens"], given["output_spread"], rng
            ),
            "ignore_eos": given["ignore_eos"],
            "extra_body": {"temperature": 0.0, **(given["extra_body"] or {})},
            "max_seconds": given["seconds"],
            "request_timeout_s": given["request_timeout_s"],
        }
        answer = generator.run(job, given["timeout_s"])
        records = [RequestRecord(**(row | {"itls": tuple(row["itls"])})) for row in answer["requests"]]
        started = datetime.fromtimestamp(answer["started"], UTC).isoformat(timespec="seconds")
        limits = {name: step[name] for name in ("concurrency", "rate", "warmup", "cooldown")}
        points.append(summarise(records, started=started, **limits))
        if given["progress"] is not None:
            given["progress"](points[-1])
    return LoadRun(tuple(points), conditions)


def _prompts(given: dict[str, Any], count: int, rng: np.random.Generator) -> list[Any]:
    if given["endpoint"] == "chat":
        return list(prompts.text_prompts(count, given["prompt_tokens"], rng, given["tokenizer_dir"]))
    return list(prompts.token_prompts(count, given["prompt_tokens"], rng, given["tokenizer_dir"]))


def _conditions(given: dict[str, Any], plan: list[dict[str, Any]], base_url: str) -> dict[str, Any]:
    shown = (
        "concurrencies",
        "rates",
        "process",
        "requests",
        "seconds",
        "endpoint",
        "output_spread",
        "ignore_eos",
        "seed",
    )
    arguments = {"prompt_tokens": given["prompt_tokens"], "output_tokens": given["output_tokens"]}
    arguments |= {name: given[name] for name in shown if given.get(name) is not None and not callable(given[name])}
    arguments = {name: list(value) if isinstance(value, tuple) else value for name, value in arguments.items()}
    function = "closed_loop" if "concurrencies" in given else "open_loop"
    call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    version = provenance.versions(("vllm",)).get("vllm", "?")
    return {
        "command": f"reference.serving.load.{function}({base_url!r}, {given['model']!r}, {call})",
        "generator": f"{GENERATOR} {version} (its client code, in a process of its own)",
        "model": given["model"],
        "server_version": server_version(base_url),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "date": provenance.now(),
        "arguments": arguments | {"measured_requests": [s["count"] - s["warmup"] - s["cooldown"] for s in plan]},
    }


def server_version(base_url: str) -> str | None:
    """What the server says about itself at /version (vLLM does); None where it says nothing."""
    request = urllib.request.Request(base_url.removesuffix("/v1") + "/version")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            version = json.loads(answer.read()).get("version")
            return None if version is None else str(version)
    except urllib.error.HTTPError:
        return None
    except (OSError, ValueError) as error:
        raise ValueError(f"base_url: nothing answers at {base_url} ({error})") from error
