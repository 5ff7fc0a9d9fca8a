"""Question 7's comparison: the same requests, due at the same moments, through four modes at rising load."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.serving.experiments.engine_watch import Watch, drained, watching
from reference.serving.experiments.modes_clients import Ask, Clients, End, Mode, Outcome
from reference.serving.experiments.modes_workload import Roof, workload

if TYPE_CHECKING:
    from reference.serving.experiments.modes_service import ModesService


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


def held(mode: Mode, window_s: float, busy_s: float) -> float:
    """Seconds of an engine that a mode must pay for.

    Somebody who waits may come at any moment: sync and streaming hold the engine for the whole window. Jobs and batches
    can wait for one: they need it while there is work. (Starting it is not in this figure; the fleet's simulation has
    it.)
    """
    return window_s if mode in {Mode.SYNC, Mode.STREAMING} else min(busy_s, window_s)


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
