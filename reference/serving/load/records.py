"""From what the client saw of every request to the figures of a load point. Pure: no clock, no network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

LITTLE_TOLERANCE = 0.15
MAX_FAILED_SHARE = 0.05

Mode = Literal["closed", "open"]


@dataclass(frozen=True)
class RequestRecord:
    """One request as its client saw it. Times in seconds; `start` on the client's own clock.

    `ttft` runs from sending to the first token, `latency` to the last token, `seconds` to the end of the response;
    `itls` are the gaps between successive token events. `error` is empty for a complete answer.
    """

    start: float
    ttft: float
    itls: tuple[float, ...]
    latency: float
    seconds: float
    prompt_tokens: int
    output_tokens: int
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error

    @property
    def end(self) -> float:
        return self.start + self.seconds

    @property
    def tpot(self) -> float:
        """Time per output token after the first [s]; nan for a single token."""
        return (self.latency - self.ttft) / (self.output_tokens - 1) if self.output_tokens > 1 else math.nan


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation and quantiles of a latency [ms]; all nan where there was nothing to summarise."""

    mean: float
    std: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of_seconds(cls, values: Iterable[float]) -> Summary:
        ms = np.array([1e3 * v for v in values if not math.isnan(v)])
        if not len(ms):
            return cls(*[math.nan] * 5)
        p50, p95, p99 = np.percentile(ms, [50, 95, 99])
        return cls(float(ms.mean()), float(ms.std()), float(p50), float(p95), float(p99))


@dataclass(frozen=True)
class LoadPoint:
    """One point of a load test; rates per second, latencies [ms] over the `n` measured requests, which all succeeded.

    `concurrency` is what a closed loop held, `rate` what an open loop offered [request/s]; the other one is None.
    `output_tok_s`, `request_s` and `in_flight` (mean number of requests in the system) are taken over the measured
    window of `seconds`, in which the warm-up and cool-down requests still load the engine; `excluded` counts those.
    `failed` requests enter no latency. `little_ratio` is rate x latency / number in flight: 1 in a steady state.
    `notes` say what is suspicious, `void_reason` why a void point must not be used.
    """

    mode: Mode
    concurrency: int | None
    rate: float | None
    n: int
    failed: int
    excluded: int
    prompt_tokens: float
    output_tokens: float
    output_tok_s: float
    request_s: float
    ttft_ms: Summary
    tpot_ms: Summary
    itl_ms: Summary
    e2e_ms: Summary
    in_flight: float
    little_ratio: float
    started: str
    seconds: float
    notes: tuple[str, ...] = ()
    void: bool = False
    void_reason: str = ""

    @property
    def label(self) -> str:
        return f"concurrency {self.concurrency}" if self.mode == "closed" else f"rate {self.rate:g}/s"

    def as_void(self, reason: str) -> LoadPoint:
        """The same point, void; reasons add up."""
        return replace(self, void=True, void_reason="; ".join(filter(None, [self.void_reason, reason])))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: nan becomes None."""
        return _plain(asdict(self))

    def to_row(self) -> dict[str, Any]:
        """Flat: ``ttft_p50_ms`` and so on, one column per figure."""
        row: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                row |= {f"{name.removesuffix('_ms')}_{stat}_ms": x for stat, x in value.items()}
            else:
                row[name] = "; ".join(value) if name == "notes" else value
        return row


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summarise(
    records: Sequence[RequestRecord],
    *,
    started: str,
    concurrency: int | None = None,
    rate: float | None = None,
    warmup: int,
    cooldown: int,
) -> LoadPoint:
    """The figures of one point from its requests, in the order in which they were sent.

    The first `warmup` and last `cooldown` requests are excluded from the latencies, but load the engine. The window
    runs from the first measured start to the last measured end (closed loop) or to the first cool-down arrival (open
    loop): in both cases the load is the nominal one throughout. The request rate of a closed loop counts the share of
    every request that lies inside the window, so that requests cut by an edge are neither lost nor counted whole; that
    of an open loop counts completions, because a request that waits in a growing queue is no throughput.
    """
    if (concurrency is None) == (rate is None):
        raise ValueError("give exactly one of concurrency and rate")
    mode: Mode = "closed" if rate is None else "open"
    notes: list[str] = []
    ordered = sorted(records, key=lambda r: r.start)
    if short := len(ordered) <= warmup + cooldown:
        cooldown = max(0, min(cooldown, len(ordered) - warmup - 1))
    measured = ordered[warmup : len(ordered) - cooldown]
    good = [r for r in measured if r.ok]
    failures = [r.error for r in ordered if not r.ok]
    nan = math.nan
    empty = Summary.of_seconds([])
    point = LoadPoint(
        mode, concurrency, rate, len(good), len(failures), len(ordered) - len(measured), nan, nan, nan, nan,
        empty, empty, empty, empty, nan, nan, started, 0.0,
    )  # fmt: skip
    if not good:
        why = (
            f"no request succeeded ({_last_line(failures[0])})"
            if failures
            else "the time was up before the warm-up was over"
        )
        return replace(point, notes=tuple(notes)).as_void(why)

    begin = measured[0].start
    last = len(ordered) - cooldown
    end = ordered[last].start if mode == "open" and cooldown else max(r.end for r in measured)
    window = end - begin
    in_flight = sum(_overlap(r.start, r.end, begin, end) for r in ordered) / window
    if mode == "closed":
        request_s = _rate_by_share([r for r in ordered if r.ok], begin, end)
        through, nominal = _rate_by_share(ordered, begin, end), float(concurrency or 0)
    else:
        request_s = sum(begin < r.end <= end for r in ordered if r.ok) / window
        through, nominal = len(measured) / window, in_flight
    tokens = sum(_tokens_within(r, begin, end) for r in ordered if r.ok)
    # Closed loop: do the requests add up to the concurrency asked for? Open loop: do arrivals x latency explain the
    # number in flight? A client that cannot keep up, or a queue that grows, breaks the equality.
    little = through * float(np.mean([r.seconds for r in measured])) / nominal
    if abs(little - 1) > LITTLE_TOLERANCE:
        notes.append(f"Little's law is off by {little - 1:+.0%}: not a steady state")
    # In an open loop arrivals - completions is the growth of the queue over the window; a stable one wanders by about
    # the root of twice its mean, in whole requests.
    grown = len(measured) - sum(begin < r.end <= end for r in ordered)
    if mode == "open" and grown > max(0.1 * len(measured), 2 + 4 * in_flight**0.5):
        notes.append(f"saturated: {request_s:.3g} of {rate:.3g} requests/s completed, {grown} more were waiting")
    point = replace(
        point,
        prompt_tokens=float(np.mean([r.prompt_tokens for r in good])),
        output_tokens=float(np.mean([r.output_tokens for r in good])),
        output_tok_s=tokens / window,
        request_s=request_s,
        ttft_ms=Summary.of_seconds(r.ttft for r in good),
        tpot_ms=Summary.of_seconds(r.tpot for r in good),
        itl_ms=Summary.of_seconds(gap for r in good for gap in r.itls),
        e2e_ms=Summary.of_seconds(r.latency for r in good),
        in_flight=in_flight,
        little_ratio=little,
        seconds=window,
        notes=tuple(notes),
    )
    if len(failures) > MAX_FAILED_SHARE * len(ordered):
        return point.as_void(f"{len(failures)} of {len(ordered)} requests failed ({_last_line(failures[0])})")
    if short:
        return point.as_void(f"the time was up before the warm-up ({warmup}) and cool-down requests were all sent")
    if rate is not None and (late := _late_share(ordered, rate)) > 0.1:
        return point.as_void(f"the client sent {late:.0%} slower than the rate asked for")
    return point


def _late_share(ordered: Sequence[RequestRecord], rate: float) -> float:
    """By how much the sending took longer than count / rate; the generator scales its schedule to exactly that
    length."""
    sent = (ordered[-1].start - ordered[0].start) * rate / len(ordered)
    # The first request waits for its own drawn gap as well, so the spread of the others is shorter by one gap on
    # average; only an excess means a late client.
    return sent - 1


def _rate_by_share(records: Sequence[RequestRecord], begin: float, end: float) -> float:
    """Requests per second, each counted by the share of it that lies inside the window."""
    return sum(_overlap(r.start, r.end, begin, end) / r.seconds for r in records) / (end - begin)


def _overlap(start: float, stop: float, begin: float, end: float) -> float:
    return max(0.0, min(stop, end) - max(start, begin))


def _tokens_within(record: RequestRecord, begin: float, end: float) -> float:
    """Tokens that arrived in [begin, end]; where an event carried several tokens, each event counts for its share."""
    moments = record.start + record.ttft + np.concatenate([[0.0], np.cumsum(record.itls)])
    return float(np.count_nonzero((moments >= begin) & (moments <= end)) * record.output_tokens / len(moments))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "no message"
