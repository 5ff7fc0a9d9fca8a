"""Replicas that come and go: the autoscaler's look, cold starts, warm pools, draining, outages."""

from __future__ import annotations

import math

from .core import change_load, free_try
from .core_fleet_state import DRAINING, FAILED, OFF, READY, STANDBY, STARTING, WARMING, Fleet, Rules
from .core_retry import end_without_answer
from .core_routing import watch
from .core_state import GIVEN_UP, NONE, WAITING, State, compiled, compiled_apart
from .core_steps import current, reset_replica

DAY_S = 86400.0


@compiled_apart
def zone_for(state: State, fleet: Fleet, g: int) -> int:
    """The zone that is up and has the fewest replicas; NONE if all are down."""
    here = fleet.region[g]
    best, fewest = NONE, here.slots + 1
    for zone in range(here.zones):
        if fleet.zone_down[g, zone] > 0:
            continue
        many = 0
        for r in range(here.first, here.first + here.slots):
            if state.replica[r].status != OFF and state.replica[r].zone == zone:
                many += 1
        if many < fewest:
            best, fewest = zone, many
    return best


@compiled
def start_one(state: State, fleet: Fleet, g: int, status: int, ready_at: float, now: float) -> bool:
    """Start a replica, paid from `now`. False if no zone is up or no place is free."""
    here = fleet.region[g]
    zone = zone_for(state, fleet, g)
    if zone == NONE:
        return False
    for r in range(here.first, here.first + here.slots):
        rep = state.replica[r]
        if rep.status == OFF:
            reset_replica(state, r, now)
            rep.status, rep.region, rep.zone = status, g, zone
            rep.ready_at, rep.paid_from = ready_at, now
            return True
    return False


@compiled
def become_ready(state: State, fleet: Fleet, r: int) -> None:
    """The replica takes requests from now on."""
    rep = state.replica[r]
    here = fleet.region[rep.region]
    rep.status, rep.place = READY, here.ready
    fleet.ready[here.first + here.ready] = r
    here.ready += 1


@compiled
def leave_ready(state: State, fleet: Fleet, r: int) -> None:
    """The replica takes no more requests; the last of the region gets its place."""
    rep = state.replica[r]
    here = fleet.region[rep.region]
    here.ready -= 1
    last = fleet.ready[here.first + here.ready]
    fleet.ready[here.first + rep.place] = last
    state.replica[last].place = rep.place


@compiled
def switch_off(rules: Rules, state: State, fleet: Fleet, r: int, now: float) -> None:
    """No longer paid. Past the horizon only what began to drain before it still is."""
    rep = state.replica[r]
    draining = rep.status == DRAINING and rep.drained_from <= rules.horizon_s
    until = now if draining else min(now, rules.horizon_s)
    fleet.region[rep.region].paid_s += max(0.0, until - rep.paid_from)
    rep.status = OFF


@compiled_apart
def start_more(state: State, fleet: Fleet, g: int, many: int, now: float) -> None:
    """`many` replicas for traffic: standby machines first, then cold starts; the warm pool is filled up again."""
    here = fleet.region[g]
    for r in range(here.first, here.first + here.slots):
        if many > 0 and state.replica[r].status == STANDBY:
            state.replica[r].status, state.replica[r].ready_at = STARTING, now + here.warm_start_s
            many -= 1
    while many > 0 and start_one(state, fleet, g, STARTING, now + here.cold_start_s, now):
        many -= 1
    warm = 0
    for r in range(here.first, here.first + here.slots):
        if state.replica[r].status == STANDBY or state.replica[r].status == WARMING:
            warm += 1
    while warm < here.warm_pool and start_one(state, fleet, g, WARMING, now + here.cold_start_s, now):
        warm += 1


@compiled_apart
def drain_some(rules: Rules, state: State, fleet: Fleet, g: int, many: int, now: float) -> None:
    """Take away `many`: first what is not ready yet, then the least loaded, which get no new requests."""
    here = fleet.region[g]
    for r in range(here.first, here.first + here.slots):
        if many > 0 and state.replica[r].status == STARTING:
            switch_off(rules, state, fleet, r, now)
            many -= 1
    while many > 0 and here.ready > 0:
        r = fleet.ready[here.first]
        for k in range(1, here.ready):
            if state.load[fleet.ready[here.first + k]] < state.load[r]:
                r = fleet.ready[here.first + k]
        leave_ready(state, fleet, r)
        state.replica[r].status, state.replica[r].drained_from = DRAINING, now
        if state.load[r] == 0:
            switch_off(rules, state, fleet, r, now)
        many -= 1


@compiled
def floor_now(fleet: Fleet, g: int, now: float) -> int:
    """`least`, or more by the schedule: the last step of this day so far. No step before the day's first one."""
    here = fleet.region[g]
    least = here.least
    for k in range(here.schedule_from, here.schedule_to):
        if fleet.schedule[k, 0] <= now % DAY_S:
            least = max(here.least, int(fleet.schedule[k, 1]))
    return min(least, here.most)


@compiled_apart
def scale(rules: Rules, state: State, fleet: Fleet, g: int, now: float, record: bool) -> None:
    """One look of the autoscaler. record: a regular one, for its window and the timeline, which shows its result."""
    here = fleet.region[g]
    active, waiting, running = 0, 0, 0
    for r in range(here.first, here.first + here.slots):
        rep = state.replica[r]
        waiting += rep.waiting
        running += state.load[r] - rep.waiting
        if rep.status == READY or rep.status == STARTING:
            active += 1
    wanted = math.ceil((waiting + running) / here.target)
    wanted = min(max(wanted, floor_now(fleet, g, now)), here.most)
    kept = wanted
    if record:
        fleet.wanted[g, here.looks % here.window] = wanted
        here.looks += 1
        here.next_look = now + here.every_s
    for k in range(min(here.looks, here.window)):
        kept = max(kept, fleet.wanted[g, k])
    if kept < active:
        drain_some(rules, state, fleet, g, active - kept, now)
    else:
        start_more(state, fleet, g, max(0, wanted - active), now)
    if record:
        row = fleet.timeline[fleet.control[0].looks]
        fleet.control[0].looks += 1
        row.second, row.region, row.ready, row.paid = now, g, here.ready, 0
        row.waiting, row.running = waiting, running
        for r in range(here.first, here.first + here.slots):
            if state.replica[r].status != OFF:
                row.paid += 1


@compiled_apart
def lose_try(rules: Rules, state: State, fleet: Fleet, t: int, now: float) -> None:
    """A try that an outage took: whoever still waits for it gets no answer from it."""
    record = state.tries[t]
    fleet.control[0].lost += 1
    if current(state, t):
        end_without_answer(rules, state, fleet, record.request, FAILED, now)
    free_try(state, t)


@compiled_apart
def lose_replica(rules: Rules, state: State, fleet: Fleet, r: int, now: float) -> None:
    """It is gone with all that ran and waited there."""
    rep = state.replica[r]
    if rep.status == READY:
        leave_ready(state, fleet, r)
    for i in range(rep.decoding):
        lose_try(rules, state, fleet, state.batch[r, i].attempt, now)
    for i in range(rep.finishing):
        lose_try(rules, state, fleet, state.read[r, i].attempt, now)
    if rep.part != NONE:
        lose_try(rules, state, fleet, rep.part, now)
    t = rep.head
    while t != NONE:
        following = state.tries[t].next
        if state.tries[t].state == WAITING:
            lose_try(rules, state, fleet, t, now)
        elif state.tries[t].state == GIVEN_UP:
            free_try(state, t)
        t = following
    fleet.region[rep.region].load -= state.load[r]
    change_load(state, r, now, -state.load[r])
    reset_replica(state, r, now)
    watch(state, fleet, r)
    switch_off(rules, state, fleet, r, now)


@compiled_apart
def outage(rules: Rules, state: State, fleet: Fleet, k: int, now: float) -> None:
    """Outage event `k`: it begins or is over. The autoscaler looks at once, so that replacements start."""
    event = fleet.outages[k]
    g = event.region
    here = fleet.region[g]
    if event.scope == 0:
        if event.begins == 1 and event.index < here.ready:
            lose_replica(rules, state, fleet, nth_ready(fleet, g, event.index), now)
    else:
        for zone in range(here.zones):
            if event.scope == 2 or zone == event.index:
                fleet.zone_down[g, zone] += 1 if event.begins == 1 else -1
        if event.begins == 1:
            for r in range(here.first, here.first + here.slots):
                rep = state.replica[r]
                if rep.status != OFF and fleet.zone_down[g, rep.zone] > 0:
                    lose_replica(rules, state, fleet, r, now)
    scale(rules, state, fleet, g, now, False)


@compiled_apart
def nth_ready(fleet: Fleet, g: int, index: int) -> int:
    """The ready replica that has `index` ready ones with lower numbers."""
    here = fleet.region[g]
    for k in range(here.ready):
        r = fleet.ready[here.first + k]
        below = 0
        for j in range(here.ready):
            if fleet.ready[here.first + j] < r:
                below += 1
        if below == index:
            return r
    return NONE
