"""Content moderation as a funnel: what each tier has to see, on how many servers, how long it waits, what it costs.

A tier sees everything that the tiers before it left open, not only what it decides: sizing a tier by the share that it
"handles" leaves out the posts that it passes on. Plain floats in SI units: posts per second, seconds; dollars.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .queueing import erlang_c

SECONDS_PER_MONTH = 730 * 3600.0


def _shares(name: str, values: Mapping[str, float]) -> None:
    for kind, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} of {kind!r} must lie between 0 and 1, got {value!r}")


@dataclass(frozen=True)
class Funnel:
    """Who sees how many posts.

    rate: posts/s. kinds: share of each kind of content, adding up to 1. rules_decide, models_decide: per kind, share of
    what comes to the tier that it decides for good. judge_decides: share of what the LLM gets that it decides; people
    get the rest.
    """

    rate: float
    kinds: Mapping[str, float]
    rules_decide: Mapping[str, float]
    models_decide: Mapping[str, float]
    judge_decides: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"rate must be positive posts/s, got {self.rate!r}")
        for name in ("kinds", "rules_decide", "models_decide"):
            _shares(name, getattr(self, name))
        _shares("judge_decides", {"all": self.judge_decides})
        if abs(sum(self.kinds.values()) - 1) > 1e-6:
            raise ValueError(f"the shares of the kinds add up to {sum(self.kinds.values()):g}, not 1")
        for name in ("rules_decide", "models_decide"):
            missing = set(self.kinds) - set(getattr(self, name))
            if missing:
                raise ValueError(f"{name} lacks {', '.join(sorted(missing))}")

    def rules_see(self, kind: str) -> float:
        """Posts/s of one kind that come to tier 1: all of them."""
        return self.rate * self.kinds[kind]

    def models_see(self, kind: str) -> float:
        """Posts/s of a kind that the rules pass on."""
        return self.rules_see(kind) * (1 - self.rules_decide[kind])

    def judge_sees(self, kind: str) -> float:
        """Posts/s of a kind that the models pass on."""
        return self.models_see(kind) * (1 - self.models_decide[kind])

    def people_see(self, kind: str) -> float:
        """Posts/s of a kind that the judge passes on."""
        return self.judge_sees(kind) * (1 - self.judge_decides)

    @property
    def seen(self) -> dict[str, float]:
        """Posts/s that each tier sees, over all kinds."""
        tiers = {
            "rules": self.rules_see,
            "models": self.models_see,
            "judge": self.judge_sees,
            "people": self.people_see,
        }
        return {name: sum(see(kind) for kind in self.kinds) for name, see in tiers.items()}

    @property
    def decided(self) -> dict[str, float]:
        """Share of all posts that each tier decides; adds up to 1."""
        seen = [*self.seen.values(), 0.0]
        return {name: (seen[i] - seen[i + 1]) / self.rate for i, name in enumerate(self.seen)}


@dataclass(frozen=True)
class Work:
    """One stage's work. posts: posts/s that it sees. each: posts/s that one server does, never idle, batches full.

    tier: 1 to 3. usd_per_hour: price of one server. batch: posts that are worked on together; batch_wait: longest
    seconds that the first of them waits for the others.
    """

    name: str
    tier: int
    posts: float
    each: float
    machine: str
    usd_per_hour: float
    batch: int = 1
    batch_wait: float = 0.0

    def __post_init__(self) -> None:
        if not (self.posts >= 0 and self.each > 0 and self.usd_per_hour >= 0 and self.batch_wait >= 0):
            raise ValueError(
                f"{self.name}: posts, usd_per_hour and batch_wait must not be negative and each positive, got "
                f"{self.posts!r}, {self.usd_per_hour!r}, {self.batch_wait!r} and {self.each!r}"
            )
        if isinstance(self.batch, bool) or not isinstance(self.batch, int) or self.batch < 1:
            raise ValueError(f"{self.name}: batch must be a whole number of at least 1, got {self.batch!r}")


@dataclass(frozen=True)
class Need:
    """A stage with its servers. mean_wait: seconds in line for a free server (M/M/c over batches); fill_wait: mean
    seconds that a post waits for its batch to fill. `utilisation_when_one_fails`: infinite for a single server."""

    work: Work
    servers: int
    mean_wait: float
    fill_wait: float

    @property
    def utilisation(self) -> float:
        """Share of the servers that the posts keep busy."""
        return self.work.posts / (self.work.each * self.servers)

    @property
    def utilisation_when_one_fails(self) -> float:
        left = self.work.each * (self.servers - 1)
        return self.work.posts / left if left else math.inf

    @property
    def service_s(self) -> float:
        """Seconds that a server works on one batch."""
        return self.work.batch / self.work.each

    @property
    def latency_s(self) -> float:
        """Mean seconds in the stage: batch, line, work."""
        return self.fill_wait + self.mean_wait + self.service_s

    @property
    def usd_per_month(self) -> float:
        """Dollars a month of all servers."""
        return self.servers * self.work.usd_per_hour * SECONDS_PER_MONTH / 3600


def servers_for(posts: float, each: float, ceiling: float = 0.7, spare: int = 1) -> int:
    """Servers that stay at or below `ceiling` at `posts` posts/s, and `spare` more, so that one may fail."""
    if not 0 < ceiling < 1:
        raise ValueError(f"ceiling must lie between 0 and 1, at 1 the queue never ends; got {ceiling!r}")
    if spare < 0 or posts < 0 or each <= 0:
        raise ValueError(f"spare and posts must not be negative and each positive, got {spare!r}, {posts!r}, {each!r}")
    return max(1, math.ceil(posts / (each * ceiling) - 1e-9)) + spare


def fill_wait(posts: float, batch: int, longest: float) -> float:
    """Mean seconds that a post waits until its batch of `batch` is full, at most `longest` for the first.

    Posts come evenly at `posts`/s: the first waits for batch - 1 others, the last for nobody.
    """
    if batch == 1 or posts <= 0:
        return 0.0
    return min((batch - 1) / posts, longest) / 2


def need(work: Work, ceiling: float = 0.7, spare: int = 1, servers: int | None = None) -> Need:
    """Servers, waits and utilisation of a stage; `servers` fixes their number (infinite wait if it is too small)."""
    count = servers_for(work.posts, work.each, ceiling, spare) if servers is None else servers
    load = work.posts / work.each  # servers that are busy on average
    seconds = work.batch / work.each
    wait = erlang_c(load, count) * seconds / (count - load) if load < count else math.inf
    return Need(work, count, wait, fill_wait(work.posts, work.batch, work.batch_wait))


def usd_per_million_posts(usd_per_month: float, rate: float) -> float:
    """Dollars per million posts of a month that costs `usd_per_month`, at a mean of `rate` posts/s."""
    if rate <= 0:
        raise ValueError(f"rate must be positive posts/s, got {rate!r}")
    return usd_per_month / (rate * SECONDS_PER_MONTH) * 1e6


@dataclass(frozen=True)
class ClipCost:
    """CPU seconds of one video clip: decoding, and the image model over the frames that are left."""

    decode_s: float
    model_s: float

    @property
    def total_s(self) -> float:
        return self.decode_s + self.model_s

    @property
    def clips_per_second(self) -> float:
        """Of one core that does both."""
        return 1 / self.total_s


def clip_cost(
    clip_s: float, measured_clips_per_second: float, measured_clip_s: float, frames: float, images_per_second: float
) -> ClipCost:
    """Scale a measured decoding rate to another length of clip, and add `frames` pictures through the image model.

    Decoding time grows with the length of the clip; the measured clip was `measured_clip_s` seconds long.
    """
    values = (clip_s, measured_clips_per_second, measured_clip_s, images_per_second)
    if min(values) <= 0 or frames < 0:
        raise ValueError(f"lengths and rates must be positive and frames not negative, got {values!r} and {frames!r}")
    return ClipCost(clip_s / measured_clip_s / measured_clips_per_second, frames / images_per_second)
