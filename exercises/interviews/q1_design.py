"""The numbers of question 1's interview: what can be asked for, and the design computed from it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping

from exercises.interviews.model import Figure, Parameter
from reference.sizing import Q, magnitude, prefill_time, replicas_for
from reference.sizing.bands import what_if
from reference.sizing.claims.q1 import Q1Assumptions
from reference.sizing.claims.q1.design import Option, option
from reference.sizing.cost import HOURS_PER_MONTH, fleet_cost_rate, monthly_cost
from reference.sizing.hardware import StalePrice

BASE = Q1Assumptions()

PARAMETERS = {
    "users": Parameter(magnitude(BASE.daily_users, "user"), "users a day", "who use the chatbot on a day"),
    "messages": Parameter(
        magnitude(BASE.messages_per_user, "message/user/day"), "messages a user and day", "each is one request"
    ),
    "busy_share": Parameter(BASE.busy_share, "", "share of the day's messages in its busy hours"),
    "busy_hours": Parameter(BASE.busy_hours, "h", "busy hours of a day"),
    "burst": Parameter(BASE.burst, "", "busiest minute over the mean of the busy hours"),
    "prompt": Parameter(magnitude(BASE.prompt, "token/request"), "tokens", "mean prompt, with the history"),
    "shared": Parameter(
        magnitude(BASE.shared_prefix, "token/request"), "tokens", "of it, equal at the start of every prompt"
    ),
    "output": Parameter(magnitude(BASE.output, "token/request"), "tokens", "mean answer"),
    "slow_prompt": Parameter(
        magnitude(BASE.prompt, "token/request"), "tokens", "prompt for which the time to the first token is promised"
    ),
    "ttft_ms": Parameter(magnitude(BASE.ttft_target, "ms"), "ms", "promised time to the first token"),
    "lost": Parameter(0, "", "share of the replicas that may be gone in the busiest minute"),
    "budget": Parameter(magnitude(BASE.budget, "USD"), "dollars a month", "for the GPUs"),
}


def _assumptions(p: Mapping[str, float]) -> Q1Assumptions:
    return dataclasses.replace(
        BASE,
        daily_users=Q(p["users"], "user"),
        messages_per_user=Q(p["messages"], "message/user/day"),
        busy_share=p["busy_share"],
        busy_hours=p["busy_hours"],
        burst=p["burst"],
        prompt=Q(p["prompt"], "token/request"),
        output=Q(p["output"], "token/request"),
        # A cache finds whole blocks of equal tokens only; one token stands for none.
        shared_prefix=Q(max(p["shared"], 1), "token/request"),
        ttft_target=Q(p["ttft_ms"], "ms"),
        budget=Q(p["budget"], "USD"),
    )


def _month(a: Q1Assumptions, one: Option, lost: float, share: float = 1.0) -> tuple[float, float, float]:
    """(replicas at the peak, dollars of a month, dollars of a month that follows the day) for a share of the traffic.

    What is left when `lost` of the replicas are gone must carry the load; never fewer than one spare.
    """
    each = one.capacity.request_rate / Q(1, "replica")
    gpus = Q(one.deployment.gpus, "gpu")
    replica_month = magnitude(monthly_cost(fleet_cost_rate(gpus, one.price), HOURS_PER_MONTH), "USD")

    def replicas(rate: float) -> float:
        wanted = Q(rate, "request/s")
        fleet = replicas_for(wanted, each, utilisation_ceiling=a.utilisation_ceiling, spare=a.spare)
        if not lost:
            return magnitude(fleet.total, "replica")
        kept = replicas_for(wanted, each * (1 - lost), utilisation_ceiling=a.utilisation_ceiling, spare=0)
        return max(magnitude(fleet.total, "replica"), magnitude(kept.total, "replica"))

    def month(count: float) -> float:
        return count * replica_month

    peak, quiet = (magnitude(rate, "request/s") * share for rate in (a.peak, a.trough * a.burst))
    busy = a.busy_hours / 24
    at_peak = replicas(peak)
    return at_peak, month(at_peak), busy * month(at_peak) + (1 - busy) * month(replicas(quiet))


def _large_share(a: Q1Assumptions, large: Option, small: Option, lost: float) -> float:
    """The largest share of the requests, in per cent, that the large model can take within the budget; 0 for none."""
    budget = magnitude(a.budget, "USD")
    for percent in range(100, 0, -1):
        parts = [(large, percent / 100), (small, 1 - percent / 100)]
        if sum(_month(a, one, lost, share)[2] for one, share in parts if share > 0) <= budget:
            return float(percent)
    return 0.0


def design(p: Mapping[str, float]) -> tuple[Figure, ...]:
    """The 70B model in 8 bits on pairs of H100s, its fleet and its bill; an 8B model on L4s beside it.

    Raises ValueError where a target cannot be met, with the reason.
    """
    if not 0 <= p["lost"] < 1:
        raise ValueError(f"the share of lost replicas must be 0 or more and below 1, got {p['lost']:g}")
    if p["shared"] > p["prompt"]:
        raise ValueError("no more of a prompt can be shared than it has")
    with what_if(), warnings.catch_warnings():
        warnings.simplefilter("ignore", StalePrice)
        a = _assumptions(p)
        large = option(a, a.deployment(a.model, "h100", 2, "fp8"))
        small = option(a, a.deployment(a.small_model, "l4", 2, "fp8"))
        plan = large.deployment.memory_plan(Q(p["prompt"] + p["output"], "token/request"))
        slow = prefill_time(large.deployment, Q(max(1.0, p["slow_prompt"] - p["shared"]), "token/request"))
        replicas, always_on, following = _month(a, large, p["lost"])
        share = _large_share(a, large, small, p["lost"])
    capacity = large.capacity
    return (
        Figure("mean of the day", magnitude(a.average, "request/s"), "requests/s", note="users x messages / 86,400 s"),
        Figure(
            "busiest minute", magnitude(a.peak, "request/s"), "requests/s",
            note="mean x (busy share / share of the hours) x burst: what the fleet is built for",
        ),
        Figure(
            "conversations in memory", plan.sequences(), "conversations",
            note=f"of one replica ({large.name}), each with its whole prompt and answer: what the weights leave",
        ),
        Figure(
            "one replica serves", magnitude(capacity.request_rate, "rpm"), "requests/min",
            note=f"limited by {capacity.binding}, at {magnitude(capacity.concurrency, 'request'):,.0f} in flight, who "
            "hold the shared beginning once",
        ),
        Figure(
            "first token of the promised prompt", magnitude(slow, "ms"), "ms",
            note=f"on an idle replica, promised are {p['ttft_ms']:g} ms; more replicas do not shorten it",
        ),
        Figure("replicas", replicas, "replicas", note="busiest minute, at most 80 % used, with what may be gone"),
        Figure("GPUs", replicas * large.deployment.gpus, "GPUs", note="two per replica"),
        Figure("month, always on", always_on, "dollars", note="the fleet of the busiest minute, 730 hours"),
        Figure("month, following the day", following, "dollars", note="a smaller fleet outside the busy hours"),
        Figure(
            "the budget covers", 100 * p["budget"] / following, "% of that month",
            note="above 100: the 70B model may answer all",
        ),
        Figure(
            "share for the 70B model", share, "% of requests",
            note="the most that the budget pays, an 8B model answering the rest; 0: not even that fits",
        ),
    )  # fmt: skip
