"""Which of the four modes fits: each is judged by numbers from the requirements, the cheapest that fits is taken.

sync: the caller holds a connection and gets the whole answer. stream: the same connection, the answer as it is made.
async: the caller gets an id and comes back, or is called back. batch: one file in, one file out. Seconds, dollars.

Every cell is computed. The physics are Poisson bursts, Erlang C and lognormal service times (`deadlines`): a check of
magnitude that separates modes which differ by factors, no promise of a percentile.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .deadlines import late_probability, service_percentile, slots_in_time
from .requirements import SOURCES, Platform, Requirements

__all__ = [
    "MODES", "SOURCES", "Assessment", "Decision", "Mode", "Platform", "Requirements", "assess", "decide",
    "decision_table",
]  # fmt: skip

Mode = Literal["sync", "stream", "async", "batch"]
MODES: tuple[Mode, ...] = ("sync", "stream", "async", "batch")


@dataclass(frozen=True)
class Assessment:
    """One mode for one set of requirements. `usd_per_1000` is None where the mode cannot serve at all.

    late: computed share of answers past their deadline (the tighter of both). usd_per_1000: dollars per 1,000 items.
    fleet: how it is paid for. replicas: kept up. connections: open on average. retries: items begun anew per 1,000.
    keeps: things that the caller must keep until it has its answers.
    """

    mode: Mode
    feasible: bool
    reason: str
    late: float
    usd_per_1000: float | None = None
    fleet: str = ""
    replicas: float = 0.0
    connections: float = 0.0
    retries: float = 0.0
    keeps: float = 0.0
    whole_s: float = math.inf


@dataclass(frozen=True)
class Decision:
    """All four, the one to take (None if none fits) and why."""

    requirements: Requirements
    assessments: Mapping[Mode, Assessment]
    recommended: Mode | None
    why: str
    platform: Platform = field(default_factory=Platform)

    def row(self) -> dict[str, Any]:
        """One row of the table."""
        cells: dict[str, Any] = {
            mode: ("" if one.usd_per_1000 is None else f"${one.usd_per_1000:.3g} ")
            + ("" if one.feasible else one.reason)
            for mode, one in self.assessments.items()
        }
        return {"scenario": self.requirements.name, **cells, "take": self.recommended or "none", "why": self.why}


def _fleet_cost(
    r: Requirements, p: Platform, slack_s: float, slots: int | None, loses_work: bool
) -> tuple[float, str, float]:
    """(dollars per 1,000 items, in words, replicas) of the cheapest fleet that the slack allows.

    slack_s: what may pass between arrival and start. slots: that an always-on fleet needs at the peak; None: it is
    sized so that a burst is worked off within the slack. loses_work: no redelivery, so no spot.
    """
    work = r.service_s / p.slots / 3600 * p.usd_per_hour * 1000
    if slots is None:
        slots = _smoothed(r, p, slack_s)
    replicas = max(1, math.ceil(slots / p.slots))
    offers = [(replicas * p.usd_per_hour / 3600 / r.rate * 1000, "always on", float(replicas))]
    if slack_s >= p.cold_start_s:
        # Up for the busy spells only: each pays a start and the wait before it goes, per replica, over what it does.
        spell_items = max(1.0, r.peak * r.burst_s, float(r.items))
        needed = max(1.0, spell_items * r.service_s / (p.slots * max(r.burst_s, slack_s)))
        idle = needed * (p.cold_start_s + p.linger_s) / 3600 * p.usd_per_hour / spell_items * 1000
        offers.append((work / p.ceiling + idle, "started when needed", 0.0))
    cost, words, up = min(offers)
    if not loses_work and slack_s >= p.lease_s + p.cold_start_s + r.service_s:
        again = p.interruptions_per_hour * r.service_s / 3600 / 2  # half of a try is lost on average
        if (spot := cost * p.spot_factor * (1 + again)) < cost:
            cost, words = spot, f"{words}, spot"
    return cost, words, up


def _smoothed(r: Requirements, p: Platform, slack_s: float) -> int:
    """Slots of a fleet that works a burst off within the slack: a fluid, no luck in it."""
    together = r.items / slack_s if r.items > 1 and slack_s > 0 else 0.0
    capacity = max(r.rate / p.ceiling, r.peak * r.burst_s / (r.burst_s + slack_s), together)
    return math.ceil(capacity * r.service_s - 1e-9)


def _breaks(r: Requirements, p: Platform, held_s: float) -> float:
    return 1 - math.exp(-p.breaks_per_hour * held_s / 3600)


def _connected(r: Requirements, p: Platform, mode: Mode) -> Assessment:
    """sync and stream: a connection is held while the item waits and runs."""
    streams = mode == "stream"
    # What must be there by when: the first part of a stream, the whole of the rest.
    limit = r.connection_s if streams else min(r.connection_s, r.silent_s)
    each = math.inf if r.items > 1 else r.whole_s
    whole = min(limit, each) if streams else min(limit, each, r.first_sign_s)
    rounds = math.ceil(r.items / p.callers_at_once)
    makespan = rounds * r.service_s
    checks: list[tuple[float, float | None]] = [(whole, None)]
    if streams and math.isfinite(r.first_sign_s):
        checks.append((r.first_sign_s, r.first_part_s))
    needed = [slots_in_time(r.peak, r.service_s, r.service_scv, deadline, r.late, part) for deadline, part in checks]
    if None in needed:
        deadline, part = checks[needed.index(None)]
        late = late_probability(0.0, r.service_s, r.service_scv, 1, deadline, part)
        what = "its first part" if part is not None else "it"
        why = "where the path cuts" if part is None and deadline == limit else "the deadline"
        share = f"{late:.0%}" if late < 0.995 or late == 1 else f"{late:.1%}"
        return Assessment(
            mode, False, f"{what} takes longer than {deadline:g} s ({why}) in {share} of cases, line or not", late
        )
    slots = max(one for one in needed if one is not None)
    late = max(late_probability(r.peak, r.service_s, r.service_scv, slots, deadline, part) for deadline, part in checks)
    slack = whole - service_percentile(r.service_s, r.service_scv, 100 * (1 - r.late))
    if streams and math.isfinite(r.first_sign_s):
        first = service_percentile(r.first_part_s, r.service_scv, 100 * (1 - r.late)) if r.first_part_s else 0.0
        slack = min(slack, r.first_sign_s - first)
    cost, words, up = _fleet_cost(r, p, slack, slots, loses_work=True)
    # A broken connection costs the item again, unless the stream goes on where it was.
    retries = 0.0 if streams and p.resumable else _breaks(r, p, r.service_s)
    return _in_time(r, Assessment(
        mode, True, "", late, cost * (1 + retries), words, up, r.rate * r.service_s, 1000 * retries,
        (1.0 if streams else 0.0) if r.items == 1 else float(r.items), makespan,
    ), makespan, f"{r.items:,} items, {p.callers_at_once} at once,")  # fmt: skip


def _in_time(r: Requirements, one: Assessment, makespan: float, what: str) -> Assessment:
    if r.items > 1 and makespan > r.whole_s:
        reason = f"{what} take {makespan:,.0f} s, allowed {r.whole_s:,.0f} s"
        return dataclasses.replace(one, feasible=False, reason=reason)
    return one


def _apart(r: Requirements, p: Platform, mode: Mode) -> Assessment:
    """async and batch: nothing is held, the caller comes back."""
    keeps = 2.0 if mode == "batch" else 1.0 + r.items
    if not r.can_come_back:
        return Assessment(mode, False, "the caller has 1 connection and cannot come back", 1.0)
    deadline = min(r.whole_s, r.first_sign_s)
    tail = service_percentile(r.service_s, r.service_scv, 100 * (1 - r.late))
    if mode == "batch":
        if deadline < p.batch_window_s:
            return Assessment(mode, False, f"promised within {p.batch_window_s:,.0f} s, allowed {deadline:,g} s", 1.0)
        own, words, up = _fleet_cost(r, p, deadline - tail, None, loses_work=False)
        # What is paid for the same work without a deadline: a fleet that is always full, at the batch price.
        full = r.service_s / p.slots / 3600 * p.usd_per_hour * 1000 / p.ceiling * p.batch_factor
        cost, words = min((full, "batch price"), (own, words))
        return Assessment(
            mode, True, "", 0.0, cost, words, up if cost == own else 0.0, 0.0, 0.0, keeps, p.batch_window_s
        )
    slack = deadline - p.tell_s - tail
    if slack < 0:
        return Assessment(
            mode,
            False,
            f"done and told after {tail + p.tell_s:.3g} s (p{100 * (1 - r.late):g}), allowed {deadline:g} s",
            1.0,
        )
    # Where the slack is short the fleet must hold the peak as one that answers at once does.
    quick = slots_in_time(r.peak, r.service_s, r.service_scv, deadline - p.tell_s, r.late)
    if quick is None:
        return Assessment(mode, False, f"it takes longer than {deadline - p.tell_s:g} s in more than {r.late:.0%}", 1.0)
    slots = quick
    if slack > 0 and (r.items > 1 or slack > r.service_s):
        slots = _smoothed(r, p, slack) if r.items > 1 else min(quick, _smoothed(r, p, slack))
    cost, words, up = _fleet_cost(r, p, slack, slots, loses_work=False)
    retries = 1000 * p.interruptions_per_hour * r.service_s / 3600 if "spot" in words else 0.0
    makespan = max(r.service_s, slack if math.isfinite(slack) else r.service_s)
    late = r.late
    if slots == quick:
        late = late_probability(r.peak, r.service_s, r.service_scv, slots, deadline - p.tell_s)
    return Assessment(mode, True, "", late, cost, words, up, 0.0, retries, keeps, makespan)


def assess(r: Requirements, mode: Mode, platform: Platform | None = None) -> Assessment:
    """One mode judged."""
    p = platform or Platform()
    return _connected(r, p, mode) if mode in ("sync", "stream") else _apart(r, p, mode)


def decide(r: Requirements, platform: Platform | None = None) -> Decision:
    """The cheapest mode that fits; within `bookkeeping` of it, the one that leaves the caller least to keep."""
    p = platform or Platform()
    every = {mode: assess(r, mode, p) for mode in MODES}
    fits = {mode: one for mode, one in every.items() if one.feasible and one.usd_per_1000 is not None}
    if not fits:
        reasons = "; ".join(f"{mode}: {one.reason}" for mode, one in every.items())
        return Decision(r, every, None, f"none fits: {reasons}", p)
    costs = {mode: float(one.usd_per_1000 or 0.0) for mode, one in fits.items()}
    cheapest = min(costs.values())
    near = [mode for mode in fits if costs[mode] <= cheapest * (1 + p.bookkeeping)]
    take = min(near, key=lambda mode: (every[mode].keeps, MODES.index(mode)))
    words = f"${costs[take]:.3g} per 1,000, {every[take].fleet}"
    if len(fits) == 1:
        why = f"the only one that fits ({words})"
    elif len(near) > 1:
        rest = ", ".join(f"{mode} (${costs[mode]:.3g}, {every[mode].keeps:,.0f})" for mode in near if mode != take)
        why = f"{words}, the caller keeps {every[take].keeps:,.0f} things; about as cheap: {rest}"
    else:
        second = min((mode for mode in fits if mode != take), key=lambda mode: costs[mode])
        why = f"{words}; {second} fits too and costs {costs[second] / costs[take]:.3g} times as much"
    return Decision(r, every, take, why, p)


def decision_table(scenarios: Sequence[Requirements], platform: Platform | None = None) -> list[Decision]:
    """Every scenario decided."""
    return [decide(one, platform) for one in scenarios]
