"""The event loop of a fleet, compiled: arrivals, ends of steps, timers, and the slow events of scaling and outages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .core import new_try
from .core_fleet_state import (
    DRAINING,
    FAILED,
    OFF,
    READY,
    SHED,
    STANDBY,
    STARTING,
    TIMED_OUT,
    WARMING,
    Fleet,
    Rules,
)
from .core_retry import add_timer, count_first, drop_first_timer, end_without_answer
from .core_routing import choose, region_for, watch
from .core_scaling import become_ready, floor_now, outage, scale, start_one, switch_off
from .core_state import NONE, SOURCES, Engine, State, cached, compiled, compiled_apart
from .core_steps import arrive, end_step, give_up


@compiled
def send(engine: Engine, rules: Rules, state: State, fleet: Fleet, request: int, now: float) -> None:
    """One try: route it, then queue it or turn it away."""
    job = state.request[request]
    g = region_for(fleet, job.region)
    if g == NONE:
        end_without_answer(rules, state, fleet, request, FAILED, now)
        return
    r = choose(rules, state, fleet, g, job.session)
    rep = state.replica[r]
    # A request that a free place in the batch is there for waits for the next step only, not in the line.
    in_line = rep.waiting > 0 or state.load[r] >= engine.seqs
    if (in_line and rep.waiting >= rules.queue_limit) or state.load[r] >= rules.in_flight_limit:
        end_without_answer(rules, state, fleet, request, SHED, now)
        return
    job.served_by = g
    t = new_try(state, request, job.attempts, r, now)
    fleet.region[g].load += 1
    arrive(engine, state, r, t, now)
    watch(state, fleet, r)
    if not math.isinf(rules.timeout_s):
        add_timer(fleet, now + rules.timeout_s, request, t, job.attempts)


@compiled
def step_ends(engine: Engine, rules: Rules, state: State, fleet: Fleet, r: int, now: float) -> None:
    """The leap of replica `r` ends: answers are counted, and a draining replica that is empty goes."""
    rep = state.replica[r]
    before = state.load[r]
    fleet.control[0].ended += end_step(engine, state, r, now)
    watch(state, fleet, r)
    fleet.region[rep.region].load += state.load[r] - before
    if rep.status == DRAINING and state.load[r] == 0:
        switch_off(rules, state, fleet, r, now)


@compiled
def timer_due(engine: Engine, rules: Rules, state: State, fleet: Fleet) -> int:
    """A client's patience ends; most tries have their first token by then. Or a retry is due: its request, or NONE."""
    timer = fleet.timers[0]
    now, request, t, number = timer.at, timer.request, timer.attempt, timer.number
    drop_first_timer(fleet)
    if t == NONE:
        return request
    job = state.request[request]
    if job.outcome != NONE or job.attempts != number or not math.isnan(state.tries[t].first):
        return NONE
    if rules.cancels:
        r = state.tries[t].replica
        before = state.load[r]
        give_up(engine, state, t, now)
        watch(state, fleet, r)
        fleet.region[state.replica[r].region].load += state.load[r] - before
        if state.replica[r].status == DRAINING and state.load[r] == 0:
            switch_off(rules, state, fleet, r, now)
    end_without_answer(rules, state, fleet, request, TIMED_OUT, now)
    return NONE


@compiled_apart
def slow_events(rules: Rules, state: State, fleet: Fleet, now: float) -> None:
    """All that is due: outages, replicas that are ready, looks. Then when the next one is."""
    c = fleet.control[0]
    while c.outages < fleet.outages.size and fleet.outages[c.outages].at <= now:
        c.outages += 1
        outage(rules, state, fleet, c.outages - 1, now)
    for r in range(state.replica.size):
        rep = state.replica[r]
        if rep.ready_at <= now and rep.status == STARTING:
            become_ready(state, fleet, r)
        elif rep.ready_at <= now and rep.status == WARMING:
            rep.status = STANDBY
    soon = fleet.outages[c.outages].at if c.outages < fleet.outages.size else math.inf
    for g in range(fleet.region.size):
        if fleet.region[g].next_look <= now:
            scale(rules, state, fleet, g, now, True)
        soon = min(soon, fleet.region[g].next_look)
    for r in range(state.replica.size):
        rep = state.replica[r]
        if rep.status == STARTING or rep.status == WARMING:
            soon = min(soon, rep.ready_at)
    c.next_slow = soon


@compiled_apart
def first_replicas(state: State, fleet: Fleet) -> None:
    """At second 0 the least number is ready, and the warm pool stands by."""
    for g in range(fleet.region.size):
        here = fleet.region[g]
        for _replica in range(floor_now(fleet, g, 0.0)):
            start_one(state, fleet, g, READY, 0.0, 0.0)
        for _machine in range(here.warm_pool):
            start_one(state, fleet, g, STANDBY, 0.0, 0.0)
        for r in range(here.first, here.first + here.slots):
            if state.replica[r].status == READY:
                become_ready(state, fleet, r)


def _made(sources: str) -> Callable[[Engine, Rules, State, Fleet, Any], bool]:
    @cached
    def whole_fleet(engine: Engine, rules: Rules, state: State, fleet: Fleet, events: int) -> bool:
        """Go on for `events` events. True: all requests have ended and the horizon is over.

        Returns False as well where an array is full: enlarge them and call again.
        """
        _ = sources  # part of the key of the cache on disk
        c = fleet.control[0]
        n = state.request.size
        if c.events == 0:
            first_replicas(state, fleet)
            slow_events(rules, state, fleet, 0.0)
        for _event in range(events):
            c.events += 1
            due = state.request[c.next_arrival].arrived if c.next_arrival < n else math.inf
            timer = fleet.timers[0].at if c.timers > 0 else math.inf
            r = fleet.tree[1]
            step = fleet.ends[r]
            full = state.free[0] == NONE and state.free[1] == state.tries.size
            if full or c.timers + 2 > fleet.timers.size:
                return False
            request, now = NONE, 0.0
            # At the same instant steps end first, clients come last.
            if step <= c.next_slow and step <= timer and step <= due:
                step_ends(engine, rules, state, fleet, r, step)
            elif c.next_slow <= timer and c.next_slow <= due:
                if c.ended == n and math.isinf(step) and c.next_slow > rules.horizon_s:
                    break
                many = c.timers + state.tries.size + 2 > fleet.timers.size
                if many or c.looks + fleet.region.size > fleet.timeline.size:
                    return False
                slow_events(rules, state, fleet, c.next_slow)
            elif timer <= due:
                request, now = timer_due(engine, rules, state, fleet), timer
            else:
                request, now = c.next_arrival, due
                c.next_arrival += 1
                state.request[request].attempts = 1
                count_first(rules, fleet, now)
            if request != NONE:
                send(engine, rules, state, fleet, request, now)
        if not (c.ended == n and math.isinf(fleet.ends[fleet.tree[1]]) and c.next_slow > rules.horizon_s):
            return False
        for k in range(state.replica.size):
            if state.replica[k].status != OFF:
                switch_off(rules, state, fleet, k, rules.horizon_s)
        return True

    loop: Callable[[Engine, Rules, State, Fleet, Any], bool] = whole_fleet
    return loop


whole_fleet = _made(SOURCES)
