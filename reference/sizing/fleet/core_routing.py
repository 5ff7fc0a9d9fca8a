"""Where a request goes: its region, the regions that it spills to, and the replica, by policy."""

from __future__ import annotations

from typing import Any

from .core_fleet_state import LEAST_LOADED, PREFIX_AWARE, RANDOM, READY, ROUND_ROBIN, TWO_CHOICES, Fleet, Rules
from .core_state import NONE, State, compiled


@compiled
def watch(state: State, fleet: Fleet, r: int) -> None:
    """Put the end of replica `r`'s leap into the tournament, after anything that may have changed it."""
    ends, tree = fleet.ends, fleet.tree
    if ends[r] == state.replica[r].ends:
        return
    ends[r] = state.replica[r].ends
    node = (ends.size + r) // 2
    while node >= 1:
        left, right = tree[2 * node], tree[2 * node + 1]
        first = left if ends[left] <= ends[right] else right
        if first == tree[node] and first != r:
            return
        tree[node] = first
        node //= 2


@compiled
def least_loaded(state: State, fleet: Fleet, g: int) -> int:
    """The ready replica with the fewest requests in flight; equal ones in turn."""
    here = fleet.region[g]
    n, first = here.ready, here.first
    here.turn += 1
    start = here.turn % n
    best = fleet.ready[first + start]
    for k in range(1, n):
        i = start + k
        r = fleet.ready[first + (i if i < n else i - n)]
        if state.load[r] < state.load[best]:
            best = r
    return best


@compiled
def choose(rules: Rules, state: State, fleet: Fleet, g: int, session: int) -> int:
    """A ready replica of region `g`, which has one."""
    here = fleet.region[g]
    n, first = here.ready, here.first
    if rules.policy == LEAST_LOADED:
        return least_loaded(state, fleet, g)
    if rules.policy == RANDOM:
        return fleet.ready[first + int(fleet.routing.random() * n)]
    if rules.policy == ROUND_ROBIN:
        here.turn += 1
        return fleet.ready[first + here.turn % n]
    if rules.policy == TWO_CHOICES:
        i = int(fleet.routing.random() * n)
        if n == 1:
            return fleet.ready[first]
        j = int(fleet.routing.random() * (n - 1))
        a, b = fleet.ready[first + i], fleet.ready[first + (j if j < i else j + 1)]
        return a if state.load[a] <= state.load[b] else b
    if rules.policy == PREFIX_AWARE and session != NONE and state.session[session].replica != NONE:
        last = state.session[session]
        rep = state.replica[last.replica]
        holds = rep.status == READY and rep.region == g and rep.epoch == last.epoch
        if holds and state.load[last.replica] <= rules.imbalance * (here.load / n) + rules.slack:
            return last.replica
    return least_loaded(state, fleet, g)


@compiled
def has_room(here: Any) -> bool:
    """Whether a region takes another request: below its spill-over load per ready replica."""
    return here.ready > 0 and here.load <= here.spill_above * here.ready


@compiled
def region_for(fleet: Fleet, home: int) -> int:
    """Home while it has room; else the first of its spill list that has; else home, else whoever is ready; or NONE."""
    if has_room(fleet.region[home]):
        return home
    for k in range(fleet.spill.shape[1]):
        g = fleet.spill[home, k]
        if g != NONE and has_room(fleet.region[g]):
            return g
    if fleet.region[home].ready > 0:
        return home
    for k in range(fleet.spill.shape[1]):
        g = fleet.spill[home, k]
        if g != NONE and fleet.region[g].ready > 0:
            return g
    return NONE
