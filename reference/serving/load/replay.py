"""Load that is known request by request: a trace of arrivals, or a closed loop with given lengths.

What was sent, and when, is what a simulation takes as its input, so both can be held against each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from reference.serving.load import prompts, provenance
from reference.serving.load.generator import LoadGenerator, require_loopback, shared_generator
from reference.serving.load.records import LoadPoint, RequestRecord, summarise

MOST_REQUESTS = 20_000


@dataclass(frozen=True)
class Replay:
    """What the client saw, in order of sending as asked for.

    `arrivals` [s from the start] of an open loop, or the `concurrency` of a closed one; the other is None. `origin` is
    the start on the client's clock, the same clock as `RequestRecord.start`.
    """

    records: tuple[RequestRecord, ...]
    asked_tokens: tuple[int, ...]
    arrivals: tuple[float, ...] | None
    concurrency: int | None
    origin: float
    started: str
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def sent_s(self) -> tuple[float, ...]:
        """Seconds from the start at which each request was sent."""
        return tuple(r.start - self.origin for r in self.records)

    @property
    def late_ms(self) -> tuple[float, ...]:
        """Milliseconds by which each request was sent later than its arrival; empty for a closed loop."""
        return tuple(1e3 * (sent - due) for sent, due in zip(self.sent_s, self.arrivals or (), strict=False))

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(r.error for r in self.records if not r.ok)

    def point(self, warmup: int = 0, cooldown: int = 0) -> LoadPoint:
        """The figures of the run without its first `warmup` and last `cooldown` requests, which load the engine too.

        Void also where half of the requests were sent later than a tenth of the median time to the first token.
        """
        if warmup < 0 or cooldown < 0 or warmup + cooldown >= len(self.records):
            raise ValueError(
                f"warmup and cooldown: {warmup} + {cooldown} must leave some of {len(self.records)} requests"
            )
        rate = None
        if self.arrivals is not None:
            if not self.arrivals[-1] > 0:
                raise ValueError("arrivals: all requests arrive at second 0, which is no rate; read `records` instead")
            rate = len(self.arrivals) / self.arrivals[-1]
        point = summarise(
            self.records,
            started=self.started,
            concurrency=self.concurrency,
            rate=rate,
            warmup=warmup,
            cooldown=cooldown,
        )
        late = float(np.median(self.late_ms)) if self.late_ms else 0.0
        if late > 0.1 * point.ttft_ms.p50:
            point = point.as_void(
                f"half of the requests were sent at least {late:.1f} ms late: the client was too slow"
            )
        return point


def replay(
    base_url: str,
    model: str,
    api_key: str = "",
    *,
    prompt_tokens: int | Sequence[int],
    output_tokens: int | Sequence[int],
    arrivals: Sequence[float] | None = None,
    concurrency: int | None = None,
    requests: int | None = None,
    shared_tokens: int = 0,
    seed: int | None = None,
    request_timeout_s: float = 300.0,
    timeout_s: float = 900.0,
    generator: LoadGenerator | None = None,
) -> Replay:
    """Send requests at their `arrivals` (ascending seconds from 0), or always `concurrency` of them, in list order.

    prompt_tokens, output_tokens: one number, or one per request. requests: how many, where no list says it.
    shared_tokens: the first tokens of every prompt, drawn once per call; the rest is drawn per request, so nothing else
    is in the engine's prefix cache. A `seed` repeats the prompts, and then a second call finds them in that cache.
    Answers have exactly the tokens asked for, or count as failed. Raises ValueError that names the field.
    """
    if (arrivals is None) == (concurrency is None):
        raise ValueError("give exactly one of arrivals (open loop) and concurrency (closed loop)")
    lists = {"arrivals": arrivals, "prompt_tokens": prompt_tokens, "output_tokens": output_tokens}
    lengths = {name: len(value) for name, value in lists.items() if isinstance(value, Sequence | np.ndarray)}
    if requests is not None:
        lengths["requests"] = requests
    if not lengths:
        raise ValueError("requests: say how many, or give a list of prompt_tokens or output_tokens")
    count = next(iter(lengths.values()))
    if len(set(lengths.values())) > 1:
        raise ValueError(f"one entry per request is needed, got {', '.join(f'{n} {k}' for k, n in lengths.items())}")
    if not 1 <= count <= MOST_REQUESTS:
        raise ValueError(f"{next(iter(lengths))}: {count} requests, must be 1 to {MOST_REQUESTS}")
    seconds = None if arrivals is None else check_arrivals(arrivals)
    if concurrency is not None:
        _counts("concurrency", concurrency, 1)
    n_in = _counts("prompt_tokens", prompt_tokens, count)
    n_out = _counts("output_tokens", output_tokens, count)
    if not 0 <= shared_tokens < min(n_in):
        raise ValueError(f"shared_tokens must be at least 0 and below the shortest prompt, got {shared_tokens}")
    base_url = require_loopback(base_url)
    rng = np.random.default_rng(seed)
    shared = prompts.token_prompts(1, shared_tokens, rng)[0] if shared_tokens else []
    job = {
        "base_url": base_url,
        "endpoint": "completions",
        "model": model,
        "api_key": api_key,
        "concurrency": concurrency,
        "rate": None,
        "burstiness": None,
        "arrivals": seconds,
        "prompts": [shared + prompts.token_prompts(1, n - shared_tokens, rng)[0] for n in n_in],
        "output_lengths": n_out,
        "ignore_eos": True,
        "extra_body": {"temperature": 0.0},
        "max_seconds": None,
        "request_timeout_s": request_timeout_s,
    }
    answer = (generator or shared_generator()).run(job, timeout_s)
    records = tuple(RequestRecord(**(row | {"itls": tuple(row["itls"])})) for row in answer["requests"])
    origin = answer["origin"] if answer["origin"] is not None else min(r.start for r in records)
    started = datetime.fromtimestamp(answer["started"], UTC).isoformat(timespec="seconds")
    return Replay(
        records=records,
        asked_tokens=tuple(n_out),
        arrivals=None if seconds is None else tuple(seconds),
        concurrency=concurrency,
        origin=origin,
        started=started,
        conditions={"model": model, "seed": seed, "versions": provenance.versions(), "machine": provenance.machine()},
    )


def check_arrivals(arrivals: Sequence[float]) -> list[float]:
    """The seconds as floats. Raises ValueError naming `arrivals` unless they are finite, from 0 and ascending."""
    seconds = [float(second) for second in arrivals]
    if not seconds:
        raise ValueError("arrivals must hold at least one second, got none")
    for number, second in enumerate(seconds):
        if not (math.isfinite(second) and second >= 0):
            raise ValueError(f"arrivals must be seconds of at least 0, got {second!r} for request {number}")
        if number and second < seconds[number - 1]:
            raise ValueError(
                f"arrivals must ascend, got {second:g} after {seconds[number - 1]:g} for request {number}; sort them"
            )
    return seconds


def _counts(name: str, value: int | Sequence[int], count: int) -> list[int]:
    numbers = list(value) if isinstance(value, Sequence | np.ndarray) else [value] * count
    for number in numbers:
        if isinstance(number, bool) or int(number) != number or number < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    return [int(number) for number in numbers]
