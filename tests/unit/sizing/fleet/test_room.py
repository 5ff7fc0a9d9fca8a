"""The event loop stops before an array is full, and goes on as if nothing had been once there is more room."""

from __future__ import annotations

import numpy as np
import pytest

from reference.sizing.fleet import core_fleet_state, core_state
from reference.sizing.fleet.core_fleet import whole_fleet
from reference.sizing.fleet.design import Admission, FleetDesign, Retry
from reference.sizing.fleet.oracle_designs import random_case
from reference.sizing.fleet.simulate import simulate
from reference.sizing.fleet.workload import Workload

CLIENTS = 60
GUARD = 16


def refused_at_once() -> tuple[Workload, FleetDesign]:
    """All clients come within a second to a replica without a line: nearly all wait on a timer to try again."""
    _, drawn = random_case(0, 1)
    workload = Workload.of(np.linspace(0.0, 1.0, CLIENTS), 90, 40, horizon_s=60.0)
    retry = Retry(6, 0.5, True, backoff_s=2.0, budget=None)
    return workload, FleetDesign.one(drawn.engine, admission=Admission(queue_limit=0), retry=retry)


@pytest.mark.parametrize("size", [3, 4, 7, 20])
def test_a_heap_of_timers_is_never_written_past_its_end(size: int) -> None:
    workload, design = refused_at_once()
    state = core_state.new_state(workload, design.engine, sum(core_fleet_state.slots_of(design)), 4096, 0, np.float32)
    around = np.zeros(size + GUARD, core_fleet_state.TIMER).view(np.recarray)
    fleet = core_fleet_state.new_fleet(design, 0)._replace(timers=around[:size])
    engine = core_state.engine_numbers(design.engine, True)
    rules = core_fleet_state.rules_of(design, workload.horizon_s)
    stops = 0
    while not whole_fleet(engine, rules, state, fleet, 1_000_000):
        stops += 1
        assert fleet.control[0].timers <= fleet.timers.size
        assert not around[size:].view(np.uint8).any(), "the loop wrote past the end of its heap"
        fleet = core_fleet_state.more_room(fleet, state)
    assert stops == 1
    asked = simulate(workload, design)
    assert np.array_equal(state.request.e2e, asked.e2e_s, equal_nan=True)
    assert np.array_equal(state.request.attempts, asked.attempts)
    assert asked.attempts.max() > 1
