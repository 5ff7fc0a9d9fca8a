"""From users to replicas: daily demand, average and peak rate, and the replicas that carry it with room to spare."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from .bands import checked, checked_fields
from .evidence import Cited, Figure
from .kinds import RequestRate
from .units import Q, Quantity, magnitude

# Ratio of the busiest minute to the mean over about an hour, and mean token counts, in Azure's traces of 2023
# (19,366 chat and 8,819 code requests).
_AZURE = Cited("Azure/AzurePublicDataset, LLM inference traces 2023, commit b469a113 (CC-BY-4.0)", None)
AZURE_CHAT_BURST = Figure(1.56, _AZURE, "busiest minute over mean, chat")
AZURE_CODE_BURST = Figure(2.99, _AZURE, "busiest minute over mean, code")
AZURE_CHAT_PROMPT = Figure(Q(1155, "token/request"), _AZURE, "mean prompt, chat")
AZURE_CHAT_OUTPUT = Figure(Q(211, "token/request"), _AZURE, "mean output, chat")
AZURE_CHAT_PROMPT_MEDIAN = Figure(Q(1020, "token/request"), _AZURE, "median prompt, chat")
AZURE_CHAT_OUTPUT_MEDIAN = Figure(Q(129, "token/request"), _AZURE, "median output, chat")
AZURE_CHAT_PROMPT_P99 = Figure(Q(4142, "token/request"), _AZURE, "99th percentile prompt, chat")


@checked
def messages_per_day(
    daily_users: Annotated[Quantity, "users"], per_user: Annotated[Quantity, "messages_per_user"]
) -> Annotated[Quantity, "messages_per_day"]:
    """Daily active users times messages each sends a day."""
    return (daily_users * per_user).to("message/day")


@checked
def average_rate(
    messages: Annotated[Quantity, "messages_per_day"],
    requests_per_message: Annotated[Quantity, "requests_per_message"],
) -> Annotated[Quantity, "request_rate"]:
    """Mean request rate over the 24 hours; nobody's peak."""
    return (messages * requests_per_message).to("request/s")


def diurnal_factor(share: float, hours: float) -> float:
    """Busy-hours rate over the daily mean, if `share` of the day's traffic falls into `hours` hours."""
    if not 0 < share <= 1 or not 0 < hours <= 24:
        raise ValueError(f"share must lie in (0, 1] and hours in (0, 24], got {share} and {hours}")
    if share < hours / 24:
        raise ValueError(f"{share:.0%} in {hours:g} h is less than an even day: these are not the busy hours")
    return share / (hours / 24)


def trough_factor(share: float, hours: float) -> float:
    """Rate outside the busy hours over the daily mean, for the same two numbers as `diurnal_factor`."""
    diurnal_factor(share, hours)
    return 1.0 if hours == 24 else (1 - share) / ((24 - hours) / 24)


@checked
def peak_rate(
    average: Annotated[Quantity, "request_rate"],
    diurnal: Annotated[float, "peak_factor"],
    burst: Annotated[float, "peak_factor"],
) -> Annotated[Quantity, "request_rate"]:
    """Busiest minute of the busy hours: mean x diurnal x burst."""
    return (average * diurnal * burst).to("request/s")


@checked
def cold_start_time(
    *,
    provision: Annotated[Quantity, "duration"],
    image_pull: Annotated[Quantity, "duration"],
    weights: Annotated[Quantity, "weights"],
    load_bandwidth: Annotated[Quantity, "link_bandwidth"],
    warm_up: Annotated[Quantity, "duration"],
) -> Annotated[Quantity, "duration"]:
    """Decision to scale until the first request is served: get a machine, pull the image, read weights, warm up."""
    return (provision + image_pull + weights / load_bandwidth + warm_up).to("s")


@checked_fields
@dataclass(frozen=True)
class Fleet:
    """Replicas and why there are so many. `total` is their sum."""

    for_load: Annotated[Quantity, "replicas"]
    spare: Annotated[Quantity, "replicas"]
    for_growth: Annotated[Quantity, "replicas"]
    utilisation_at_peak: Annotated[Quantity, "utilisation"]

    @property
    def total(self) -> Quantity:
        return (self.for_load + self.spare + self.for_growth).to("replica")


@checked
def replicas_for(
    peak: RequestRate,
    per_replica: Annotated[Quantity, "requests_per_second_per_replica"],
    *,
    utilisation_ceiling: float = 0.8,
    spare: int = 1,
    growth: Annotated[Quantity, "load_growth"] | None = None,
    cold_start: Annotated[Quantity, "duration"] | None = None,
) -> Fleet:
    """Replicas for a peak request rate: ceil(peak / (rate x ceiling)) + spare + what load adds during a cold start.

    peak: request/s. per_replica: request/s/replica. spare: replicas that may fail without anyone noticing (N+1).
    growth: request/s per s, how fast load rises while new replicas are still starting; needs cold_start (s).
    """
    rate = magnitude(peak, "request/s", "peak")
    each = magnitude(per_replica, "request/s/replica", "per_replica")
    if rate < 0 or each <= 0:
        raise ValueError(f"peak must not be negative and per_replica positive, got {rate:g}/s and {each:g}/s")
    if not 0 < utilisation_ceiling < 1:
        raise ValueError(
            f"utilisation_ceiling must lie between 0 and 1, at 1 the queue never ends; got {utilisation_ceiling}"
        )
    if spare < 0:
        raise ValueError(f"spare must not be negative, got {spare}")
    if (growth is None) != (cold_start is None):
        raise ValueError("growth and cold_start belong together: give both or neither")
    rising = 0
    if growth is not None and cold_start is not None:
        added = magnitude(growth, "request/s**2", "growth") * magnitude(cold_start, "s", "cold_start")
        rising = math.ceil(max(added, 0) / each - 1e-9)
    # At least one replica even for no load: scale to zero is a cold start for the next user.
    for_load = max(1, math.ceil(rate / (each * utilisation_ceiling) - 1e-9))
    return Fleet(
        for_load=Q(for_load, "replica"),
        spare=Q(spare, "replica"),
        for_growth=Q(rising, "replica"),
        utilisation_at_peak=Q(rate / (for_load * each), ""),
    )
