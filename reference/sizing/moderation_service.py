"""What the moderation simulation runs: stages, the paths of the posts through them, and what may happen to them.

Seconds and posts per second throughout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .pipeline import Stage


@dataclass(frozen=True)
class Burst:
    """From second `at`, `factor` times the arrivals for `length` seconds."""

    at: float
    length: float
    factor: float = 3.0


@dataclass(frozen=True)
class Outage:
    """From second `at`, `share` of the servers of these stages take no new work for `length` seconds; what is in work
    is finished."""

    stages: tuple[str, ...]
    at: float
    length: float
    share: float = 1.0


@dataclass(frozen=True)
class Viral:
    """From second `at` for `length` seconds one post is shared again and again: `factor` x the mean rate on top."""

    at: float
    length: float
    kind: str
    factor: float = 1.0


Event = Burst | Outage | Viral


@dataclass(frozen=True)
class Service:
    """Stages and paths. paths: kind -> names of the stages in order; share of a stage: posts that go on to it, of those
    that came that far. cached_from: stage from which on a repeated post takes the first one's verdict, if it is known
    by then or waits for it; empty for no cache. deadlines: stage -> seconds in line after which the policy "escalate"
    gives the post to people."""

    kinds: Mapping[str, float]
    stages: tuple[Stage, ...]
    paths: Mapping[str, tuple[str, ...]]
    cached_from: str = ""
    deadlines: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if abs(sum(self.kinds.values()) - 1) > 1e-6 or set(self.kinds) != set(self.paths):
            raise ValueError("the shares of the kinds must add up to 1 and every kind needs a path")
        for kind, path in self.paths.items():
            places = [names.index(name) if name in names else -1 for name in path]
            if not path or -1 in places or places != sorted(set(places)):
                raise ValueError(f"the path of {kind!r} must name known stages in the order of `stages`: {path}")
        if any(stage.batching is not None or stage.fan_out > 1 for stage in self.stages):
            raise ValueError("batches and fan-out are not simulated here: fold them into the service time")
        known = [*names, ""]
        if self.cached_from not in known or set(self.deadlines) - set(names):
            raise ValueError("cached_from and deadlines must name stages")

    def offered(self, rate: float) -> dict[str, float]:
        """Posts/s that come to each stage at `rate` posts/s."""
        shares = {stage.name: stage.share for stage in self.stages}
        load = dict.fromkeys(shares, 0.0)
        for kind, path in self.paths.items():
            left = rate * self.kinds[kind]
            for name in path:
                left *= shares[name]
                load[name] += left
        return load


def check_events(service: Service, seconds: float, events: tuple[Event, ...]) -> None:
    """Raises ValueError for the first event that cannot happen in a run of `seconds` seconds of this service."""
    names = {stage.name for stage in service.stages}
    for event in events:
        if not (0 <= event.at < seconds and event.length > 0):
            raise ValueError(f"{event} must begin inside the run of {seconds:g} s and last some time")
        if isinstance(event, Burst) and event.factor < 1:
            raise ValueError(f"{event}: factor must be at least 1")
        if isinstance(event, Viral) and (event.kind not in service.kinds or event.factor <= 0):
            raise ValueError(f"{event}: kind must be one of {', '.join(service.kinds)} and factor positive")
        if isinstance(event, Outage) and (set(event.stages) - names or not 0 < event.share <= 1):
            raise ValueError(f"{event}: stages must be of {', '.join(sorted(names))} and share above 0, at most 1")
    if sum(isinstance(event, Viral) for event in events) > 1:
        raise ValueError("only one viral post per run")
