"""Question 7's comparison: the same requests, due at the same moments, through four modes at rising load."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.serving.experiments.modes_clients import Ask, Clients, End, Mode, Outcome

if TYPE_CHECKING:
    import httpx

    from reference.serving.experiments.modes_service import ModesService, Serves

_LOOK_S = 0.2
_FEWEST = 8
_TOPICS = (
    "a parcel that is late", "an invoice with a wrong address", "a password that was forgotten", "a broken screen",
    "a refund that did not come", "opening hours on a holiday", "a subscription to end", "a charger that gets hot",
)  # fmt: skip


@dataclass(frozen=True)
class Roof:
    """The most that this engine gives to requests of this shape, asked directly, `at_once` of them at a time.

    Tokens are those of answers. `one_s`: median seconds of a request that is alone.
    """

    tokens_per_s: float
    at_once: int
    n: int
    one_s: float
    answer_tokens: int

    @property
    def requests_per_s(self) -> float:
        return self.tokens_per_s / self.answer_tokens


@dataclass(frozen=True)
class Point:
    """One mode at one load. Seconds; quantiles over the answered requests, None if there is none.

    Attributes:
        share: the arrival rate over the roof's; rate: requests per second.
        in_time: answers that met the deadline of a person (sync: whole answer, streaming: first token).
        window_s: from the first moment that a request is due to the last answer.
        engine_tokens: generated in the window by the engine's own counter, also for clients who had gone.
        busy_s: seconds of the window in which the engine had a request.
        held_s: seconds for which this mode must hold an engine (see `held`).
    """

    mode: Mode
    share: float
    rate: float
    n: int
    answered: int
    refused: int
    timed_out: int
    failed: int
    in_time: int
    first_p50_s: float | None
    first_p95_s: float | None
    last_p50_s: float | None
    last_p95_s: float | None
    window_s: float
    answers_per_s: float
    engine_tokens: float
    busy_s: float
    utilisation: float
    held_s: float

    def usd_per_1000(self, usd_per_hour: float) -> float | None:
        """Dollars per 1,000 answers if an hour of the engine costs so much; None without an answer."""
        return 1000 * self.held_s * usd_per_hour / 3600 / self.answered if self.answered else None

    def to_row(self) -> dict[str, Any]:
        return {**asdict(self), "mode": str(self.mode)}


@dataclass(frozen=True)
class Comparison:
    """All points of a run, and the outcomes behind them by (mode, share)."""

    roof: Roof
    deadline_s: float
    points: tuple[Point, ...]
    outcomes: Mapping[tuple[Mode, float], tuple[Outcome, ...]] = field(repr=False)

    def of(self, mode: Mode) -> list[Point]:
        """The points of a mode, by rising load."""
        return sorted((one for one in self.points if one.mode is mode), key=lambda one: one.share)

    def equal_texts(self) -> tuple[int, int]:
        """(requests whose answers are one text in all modes that answered them, requests answered in several modes)."""
        texts: dict[tuple[float, int], list[str]] = {}
        for (_, share), some in self.outcomes.items():
            for one in some:
                if one.end is End.ANSWERED:
                    texts.setdefault((share, one.number), []).append(one.text)
        several = [some for some in texts.values() if len(some) > 1]
        return sum(len(set(some)) == 1 for some in several), len(several)


def workload(rate: float, seconds: float, *, model: str, tokens: int, seed: int, sentences: int = 2) -> tuple[Ask, ...]:
    """Requests with Poisson arrivals of `rate` per second, as many as fit into `seconds`, at least eight.

    Every answer has exactly `tokens` tokens, so that modes differ in nothing but their waiting. Prompts differ from
    each other in their first words, so that no prefix cache helps those that come later.
    """
    if not (rate > 0 and seconds > 0 and tokens >= 1 and sentences >= 1):
        raise ValueError(f"rate, seconds, tokens and sentences must be positive, got {rate}, {seconds}, {tokens}")
    rng = np.random.default_rng(seed)
    count = max(_FEWEST, round(rate * seconds))
    due = np.sort(rng.uniform(0, count / rate, count))  # Poisson arrivals, given their number
    asks = []
    for number in range(count):
        topics = rng.choice(len(_TOPICS), sentences)
        words = " ".join(f"Customer {rng.integers(10_000, 99_999)} writes about {_TOPICS[one]}." for one in topics)
        body = {
            "model": model, "messages": [{"role": "user", "content": f"{words} Answer politely."}],
            "max_tokens": tokens, "temperature": 0, "seed": 7, "ignore_eos": True,
        }  # fmt: skip
        asks.append(Ask(number, float(due[number]), body))
    return tuple(asks)


def held(mode: Mode, window_s: float, busy_s: float) -> float:
    """Seconds of an engine that a mode must pay for.

    Somebody who waits may come at any moment: sync and streaming hold the engine for the whole window. Jobs and batches
    can wait for one: they need it while there is work. (Starting it is not in this figure; the fleet's simulation has
    it.)
    """
    return window_s if mode in {Mode.SYNC, Mode.STREAMING} else min(busy_s, window_s)


async def measure_roof(engine: Serves, *, tokens: int, at_once: int, waves: int = 3, alone: int = 4) -> Roof:
    """`at_once` requests in flight until `waves` times as many are done; before that, `alone` of them one by one."""
    import httpx

    asks = workload(1.0, at_once * waves + alone, model=engine.model, tokens=tokens, seed=1)
    headers = {"authorization": f"Bearer {engine.api_key}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=engine.base_url, headers=headers, timeout=120, trust_env=False, limits=limits
    ) as http:
        free = asyncio.Semaphore(at_once)

        async def one(ask: Ask) -> float:
            async with free:
                begun = time.perf_counter()
                reply = await http.post("/chat/completions", json=ask.body)
                reply.raise_for_status()
                return time.perf_counter() - begun

        await one(asks[0])
        single = [await one(ask) for ask in asks[:alone]]
        begun = time.perf_counter()
        await asyncio.gather(*(one(ask) for ask in asks[alone:]))
        seconds = time.perf_counter() - begun
    n = len(asks) - alone
    return Roof(n * tokens / seconds, at_once, n, float(np.median(single)), tokens)


@dataclass
class Watch:
    """The engine's counters over a while."""

    tokens: float = 0.0
    busy_s: float = 0.0


@contextlib.asynccontextmanager
async def watching(http: httpx.AsyncClient, engine: Serves) -> AsyncIterator[Watch]:
    """Looks at the engine's /metrics every 0.2 s; a look that finds a request counts as busy until the next."""
    root = engine.base_url.removesuffix("/v1")
    watch = Watch()

    async def look() -> tuple[float, float]:
        text = (await http.get(f"{root}/metrics")).text
        values = {"vllm:num_requests_running": 0.0, "vllm:generation_tokens_total": 0.0}
        for line in text.splitlines():
            name = line.split("{", 1)[0].split(" ", 1)[0]
            if name in values:
                values[name] += float(line.rsplit(" ", 1)[1])
        return values["vllm:num_requests_running"], values["vllm:generation_tokens_total"]

    async def keep() -> None:
        last, (running, _) = time.perf_counter(), await look()
        while True:
            await asyncio.sleep(_LOOK_S)
            now, before = time.perf_counter(), running
            running, _ = await look()
            if before or running:
                watch.busy_s += now - last
            last = now

    _, begun = await look()
    task = asyncio.create_task(keep())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])
        watch.tokens = (await look())[1] - begun


def summarise(
    mode: Mode, share: float, rate: float, outcomes: Sequence[Outcome], watch: Watch, roof: Roof, deadline_s: float
) -> Point:
    """The figures of one mode at one load."""
    done = [one for one in outcomes if one.end is End.ANSWERED]
    counts = {end: sum(one.end is end for one in outcomes) for end in End}
    first_due = min(one.due_s for one in outcomes)
    ends = [one.due_s + one.last_s for one in done if one.last_s is not None]
    window = max([*ends, *(one.due_s for one in outcomes)]) - first_due

    def quantile(name: str, share: float) -> float | None:
        values = [getattr(one, name) for one in done]
        return float(np.quantile(values, share)) if values else None

    waited = {Mode.STREAMING: "first_s"}.get(mode, "last_s")
    return Point(
        mode=mode, share=share, rate=rate, n=len(outcomes), answered=counts[End.ANSWERED],
        refused=counts[End.REFUSED], timed_out=counts[End.TIMED_OUT], failed=counts[End.FAILED],
        in_time=sum(getattr(one, waited) <= deadline_s for one in done),
        first_p50_s=quantile("first_s", 0.5), first_p95_s=quantile("first_s", 0.95),
        last_p50_s=quantile("last_s", 0.5), last_p95_s=quantile("last_s", 0.95),
        window_s=window, answers_per_s=counts[End.ANSWERED] / window, engine_tokens=watch.tokens,
        busy_s=min(watch.busy_s, window), utilisation=watch.tokens / (roof.tokens_per_s * window),
        held_s=held(mode, window, watch.busy_s),
    )  # fmt: skip


async def _one(
    service: ModesService, mode: Mode, asks: Sequence[Ask], deadline_s: float, patience_s: float
) -> tuple[list[Outcome], Watch]:
    import httpx

    headers = {"authorization": f"Bearer {service.gateway.api_key}"}
    # A deadline for connections too: with the usual ones of httpx, a busy machine would look like a broken service.
    timeout = httpx.Timeout(patience_s + 30)
    async with (
        httpx.AsyncClient(
            base_url=service.base_url, headers=headers, timeout=timeout, trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        ) as http,
        watching(http, service.engine) as watch,
    ):  # fmt: skip
        clients = Clients(service, http, time.perf_counter() + 0.05, deadline_s, patience_s)
        outcomes = await clients.run(mode, asks)
    return outcomes, watch


async def drained(engine: Serves, timeout_s: float = 10.0) -> None:
    """Waits until the engine has nothing to do, or somebody else keeps it busy: one mode must not slow the next."""
    import httpx

    from reference.serving.jobs.yielding import engine_load

    deadline = time.perf_counter() + timeout_s
    async with httpx.AsyncClient(trust_env=False) as http:
        load = engine_load(http, engine.base_url)
        while await load() > 0 and time.perf_counter() < deadline:  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.1)


async def compare(
    service: ModesService, *, shares: Sequence[float], seconds: float, roof: Roof, deadline_s: float,
    seed: int = 7, patience_s: float = 120.0, modes: Sequence[Mode] = tuple(Mode),
    progress: Callable[[Point], None] | None = None,
) -> Comparison:  # fmt: skip
    """Sends one workload per load (arrival rate as a share of the roof) through every mode. Needs running workers.

    The modes take turns in going first, so that none always meets a warm machine.
    """
    points, kept = [], {}
    for turn, share in enumerate(shares):
        rate = share * roof.requests_per_s
        asks = workload(rate, seconds, model=service.engine.model, tokens=roof.answer_tokens, seed=seed + turn)
        for place in range(len(modes)):
            mode = modes[(place + turn) % len(modes)]
            await drained(service.engine)
            outcomes, watch = await _one(service, mode, asks, deadline_s, patience_s)
            kept[mode, share] = tuple(outcomes)
            points.append(summarise(mode, share, rate, outcomes, watch, roof, deadline_s))
            if progress is not None:
                progress(points[-1])
    return Comparison(roof, deadline_s, tuple(points), kept)


def crossing(loads: Sequence[float], values: Sequence[float], level: float, *, rising: bool) -> float | None:
    """The load at which `values` first pass `level` upwards (`rising`) or downwards, by a straight line between two.

    0.0 if they are beyond it at the lightest load already, None if they never are. loads: rising.
    """
    if len(loads) != len(values) or not loads:
        raise ValueError(f"as many values as loads are needed, got {len(values)} and {len(loads)}")
    sign = 1 if rising else -1
    above = [sign * (value - level) for value in values]
    if above[0] > 0:
        return 0.0
    for place in range(1, len(loads)):
        if above[place] > 0:
            part = -above[place - 1] / (above[place] - above[place - 1])
            return loads[place - 1] + part * (loads[place] - loads[place - 1])
    return None


def crossings(result: Comparison, *, in_time: float = 0.95, gain: float = 0.1) -> dict[str, float | None]:
    """Loads (arrival rate over the roof's) at which the choice of a mode changes; 0.0 and None as in `crossing`.

    `sync late`, `streaming late`: fewer than `in_time` of all requests are answered in time. `jobs answer more`: more
    requests than sync, by `gain`. `batch saves little`: sync needs at most `gain` more engine seconds per answer.
    """
    by_mode = {mode: result.of(mode) for mode in Mode}
    loads = [one.share for one in by_mode[Mode.SYNC]]

    def useful(mode: Mode) -> list[float]:
        return [one.in_time / one.n for one in by_mode[mode]]

    now, later, bulk = by_mode[Mode.SYNC], by_mode[Mode.ASYNC], by_mode[Mode.BATCH]
    more = [b.answered / max(1, a.answered) for a, b in zip(now, later, strict=True)]
    dearer = [(a.held_s / max(1, a.answered)) / (b.held_s / max(1, b.answered)) for a, b in zip(now, bulk, strict=True)]
    return {
        "sync late": crossing(loads, useful(Mode.SYNC), in_time, rising=False),
        "streaming late": crossing(loads, useful(Mode.STREAMING), in_time, rising=False),
        "jobs answer more": crossing(loads, more, 1 + gain, rising=True),
        "batch saves little": crossing(loads, dearer, 1 + gain, rising=False),
    }
