"""What is asked of a service, and the platform that is to serve it: the inputs of a decision between the modes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Requirements:
    """What is asked of the service. Times in seconds; `math.inf` for no limit.

    Attributes:
        rate: items/s on average. burst: rate of a busy spell over the mean. burst_s: length of such a spell.
        service_s, service_scv: one item in a slot, mean and variance over mean squared.
        first_part_s: of the service, until the first part of the answer is there (a model's first token).
        first_sign_s: within which the caller must see something of the answer itself.
        whole_s: within which the whole answer must be there; for `items` > 1 that of the last item.
        items: handed over at once by one caller.
        can_come_back: the caller can keep an id and ask again, or be called back.
        silent_s: longest silence that the path (proxies, load balancers) bears on a connection.
        connection_s: longest life of a connection at all.
        late: share of the answers that may miss a deadline.
    """

    name: str
    rate: float
    service_s: float
    first_part_s: float
    whole_s: float
    first_sign_s: float = math.inf
    burst: float = 1.0
    burst_s: float = 60.0
    service_scv: float = 0.25
    items: int = 1
    can_come_back: bool = True
    silent_s: float = 60.0
    connection_s: float = 3600.0
    late: float = 0.05

    def __post_init__(self) -> None:
        for name in ("rate", "service_s", "burst_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{self.name}: {name} must be positive, got {getattr(self, name)!r}")
        for name in ("whole_s", "first_sign_s", "silent_s", "connection_s"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"{self.name}: {name} must be positive seconds or math.inf, got {getattr(self, name)!r}"
                )
        if not 0 <= self.first_part_s <= self.service_s:
            raise ValueError(f"{self.name}: first_part_s must lie between 0 and service_s, got {self.first_part_s!r}")
        if not (self.burst >= 1 and math.isfinite(self.burst)):
            raise ValueError(f"{self.name}: burst must be at least 1, got {self.burst!r}")
        if isinstance(self.items, bool) or self.items < 1:
            raise ValueError(f"{self.name}: items must be at least 1, got {self.items!r}")
        if not self.service_scv >= 0:
            raise ValueError(f"{self.name}: service_scv must not be negative, got {self.service_scv!r}")
        if not 0 < self.late < 1:
            raise ValueError(f"{self.name}: late must lie between 0 and 1, got {self.late!r}")

    @property
    def peak(self) -> float:
        """Items/s in a busy spell."""
        return self.rate * self.burst


@dataclass(frozen=True)
class Platform:
    """What serves. All of it is an assumption until you put your own in.

    Attributes:
        slots: items that a replica works on at once; usd_per_hour: a replica, on demand.
        cold_start_s: decision to first item. linger_s: an idle replica stays for so long.
        spot_factor: share of the price on spot. interruptions_per_hour: of a replica there. lease_s: until work of a
            lost replica is begun anew.
        breaks_per_hour: of an open connection (deployments, networks, laptops that are closed).
        callers_at_once: requests that one caller keeps open.
        tell_s: from the end of a job until its caller knows (poll interval or webhook).
        batch_window_s: within which a batch is promised. batch_factor: its share of the price.
        bookkeeping: a mode that leaves the caller less to keep may cost this share more and is still taken.
        resumable: a broken stream goes on where it was.
        ceiling: highest planned utilisation of a fleet that serves a queue.
    """

    slots: int = 64
    usd_per_hour: float = 6.88
    cold_start_s: float = 180.0
    linger_s: float = 300.0
    spot_factor: float = 0.4
    interruptions_per_hour: float = 0.1
    lease_s: float = 30.0
    breaks_per_hour: float = 0.2
    callers_at_once: int = 32
    tell_s: float = 2.0
    batch_window_s: float = 86_400.0
    batch_factor: float = 0.5
    bookkeeping: float = 0.10
    resumable: bool = True
    ceiling: float = 0.9

    def __post_init__(self) -> None:
        for name in ("slots", "callers_at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"platform.{name} must be at least 1, got {getattr(self, name)!r}")
        for name in ("usd_per_hour", "batch_window_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"platform.{name} must be positive, got {getattr(self, name)!r}")
        for name in ("spot_factor", "batch_factor", "ceiling"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"platform.{name} must lie in (0, 1], got {getattr(self, name)!r}")
        for name in ("cold_start_s", "linger_s", "interruptions_per_hour", "lease_s", "breaks_per_hour", "tell_s",
                     "bookkeeping"):  # fmt: skip
            if not getattr(self, name) >= 0:
                raise ValueError(f"platform.{name} must not be negative, got {getattr(self, name)!r}")


SOURCES: Mapping[str, str] = {
    "slots": "assumed; vLLM with a Llama-3-8B shape on one H100 gives 77 % of its best rate at 64 (gpu_vllm_closed)",
    "usd_per_hour": "AWS p5.48xlarge / 8, on demand, as in hardware.toml",
    "cold_start_s": "assumed: machine, image, 52 s of engine start as measured (gpu_vllm_closed)",
    "spot_factor": "assumed; Google Cloud states 60 to 91 % off for Spot VMs, AWS up to 90 %; GPUs get less",
    "interruptions_per_hour": "assumed; providers publish bands by type and region, none a rate",
    "batch_factor": "OpenAI, Anthropic and Google charge half in their batch APIs (batch_discounts.toml)",
    "batch_window_s": "OpenAI, Batch API: within 24 hours",
}
