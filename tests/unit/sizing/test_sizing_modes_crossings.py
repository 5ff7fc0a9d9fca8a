"""Where one mode passes the other, and what fleets cost against each other."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.inference_modes import crossings, economics
from reference.sizing.inference_modes.deadlines import late_probability
from reference.sizing.pipeline import ServiceTime

SETTING = economics.Setting(ServiceTime.lognormal(30.0, 0.5), seconds=2 * 3600.0)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.05, 10), st.floats(0, 2), st.integers(1, 60), st.floats(0.1, 60))
def test_the_load_limit_is_where_the_p95_passes_the_deadline(service, scv, slots, deadline):
    limit = crossings.sync_load_limit(service, scv, slots, deadline)
    assert 0 <= limit <= slots / service
    if limit > 0:
        assert late_probability(limit, service, scv, slots, deadline) <= 0.05
        assert late_probability(min(limit * 1.01, 2 * slots / service), service, scv, slots, deadline) > 0.05
    assert crossings.sync_load_limit(service, scv, slots, deadline * 2) >= limit


def test_a_stream_bears_more_load_than_a_call_with_the_same_deadline() -> None:
    assert crossings.sync_load_limit(2.0, 0.25, 16, 2.5, part_s=0.2) > crossings.sync_load_limit(2.0, 0.25, 16, 2.5)


@given(st.floats(0.01, 100), st.integers(1, 100), st.integers(1, 100), st.floats(0, 1e5), st.floats(0, 1))
def test_the_batch_wins_exactly_from_its_number_of_items_on(service, at_once, slots, setup, trip):
    found = crossings.batch_wins_from(service, at_once, slots, setup_s=setup, round_trip_s=trip)
    if found.items is None:
        assert found.batch_s_per_item >= found.call_s_per_item or setup > 1e8 * (
            found.call_s_per_item - found.batch_s_per_item
        )
        return
    gain = found.call_s_per_item - found.batch_s_per_item
    assert found.items * gain > setup * (1 - 1e-9)
    assert (found.items - 1) * gain <= setup * (1 + 1e-9)


def test_the_makespans_cross_near_the_formula() -> None:
    found = crossings.batch_wins_from(1.0, 8, 64, setup_s=60.0).items
    assert found is not None

    def gap(items: int) -> float:
        return crossings.call_makespan(items, 1.0, 8) - crossings.batch_makespan(items, 1.0, 64, setup_s=60.0)

    assert gap(found - 64) < 0 < gap(found + 64)


def test_connections_held_are_little_s_law_and_polls_come_late_by_half_an_interval() -> None:
    assert crossings.connections_held(10.0, 6.0) == 60.0
    asked = crossings.polling(60.0, 2.0, rate=5.0)
    assert (asked.polls, asked.wasted, asked.delay_s, asked.requests_per_s) == (31.0, 30.0, 1.0, 155.0)


@given(st.floats(0.01, 1e4), st.floats(0.1, 60), st.integers(0, 1000))
def test_mean_polls_are_those_of_ends_that_fall_anywhere(job, interval, seed):
    import numpy as np

    # The end of a job of about `job` seconds falls anywhere in an interval: polls = ceil(end / interval).
    ends = job + interval * np.random.default_rng(seed).random(4000)
    counted = np.ceil(ends / interval)
    said = crossings.polling(job + interval / 2, interval)
    assert counted.mean() + 0.5 == pytest.approx(said.polls, rel=0.02, abs=0.06)
    assert (counted * interval - ends).mean() == pytest.approx(said.delay_s, rel=0.06)


def test_backoff_asks_less_and_learns_later() -> None:
    steady = crossings.polling(600.0, 2.0)
    grown = crossings.polling_with_backoff(600.0, 2.0, 1.5, 60.0)
    assert grown.polls < steady.polls / 10
    assert 0 <= grown.delay_s <= 60.0
    assert crossings.polling_with_backoff(1.0, 2.0, 1.5, 60.0).polls == 1


def test_always_on_pays_from_the_utilisation_at_which_both_bills_are_equal() -> None:
    share = crossings.always_on_from(7.2, 10.0, 0.001)
    assert share == pytest.approx(0.2)
    assert share * 10.0 * 3600 * 0.001 == pytest.approx(7.2)


def test_a_client_that_dies_loses_its_calls() -> None:
    assert crossings.lost_work(1000, 1.0, 32, 0.5) == 532
    assert crossings.lost_work(0, 1.0, 32) == 0


def test_long_busy_spells_and_high_peaks_favour_the_fleet_that_follows() -> None:
    assert crossings.scaled_from(3, 3600, 180, 300) < crossings.scaled_from(3, 600, 180, 300)
    assert crossings.scaled_from(4, 3600, 180, 300) < crossings.scaled_from(2, 3600, 180, 300)
    assert crossings.scaled_from(1, 3600, 0, 0) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: crossings.sync_load_limit(0.0, 0, 1, 1),
        lambda: crossings.call_makespan(-1, 1.0, 1),
        lambda: crossings.batch_makespan(1, 1.0, 0, setup_s=0),
        lambda: crossings.batch_wins_from(1.0, 0, 1, setup_s=0),
        lambda: crossings.lost_work(1, 1.0, 1, 2.0),
        lambda: crossings.connections_held(-1, 1),
        lambda: crossings.polling(1.0, 0.0),
        lambda: crossings.always_on_from(1.0, 0.0, 1.0),
        lambda: crossings.scaled_from(0.5, 1, 0, 0),
    ],
)
def test_senseless_crossings_are_refused(call) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        call()


@pytest.mark.parametrize(("load", "burst"), [(2.0, 3.0), (2.0, 6.0), (4.0, 4.0), (5.0, 8.0)])
def test_the_smallest_fixed_fleet_keeps_the_deadline_and_one_fewer_does_not(load: float, burst: float) -> None:
    at, work = SETTING.arrivals(load, burst)
    found = economics.cheapest_fixed(SETTING, at, work)
    assert found is not None
    assert found.late_share(SETTING.deadline_s) <= SETTING.late
    fewer = dataclasses.replace(found.plan, scaling=economics.Scaling.fixed(found.plan.scaling.least - 1))
    assert SETTING.run(at, work, fewer).late_share(SETTING.deadline_s) > SETTING.late


def test_always_on_is_cheaper_under_even_load_and_dearer_under_bursts() -> None:
    rows = economics.sweep(SETTING, [2.0], [1.0, 2.0, 5.0, 8.0])
    ratios = [row["scaled_over_always_on"] for row in rows]
    assert ratios[0] > 1
    assert ratios[-1] < 0.5
    where = economics.crossing([row["burst"] for row in rows], ratios)
    assert where is not None
    assert 1 < where < 5
    assert all(row["in_time"] for row in rows)
    assert all(row["spot"] < row["scaled"] for row in rows)
    assert rows[0]["utilisation"] > rows[-1]["utilisation"]


def test_the_bursts_are_as_asked_and_the_mean_stays() -> None:
    setting = dataclasses.replace(SETTING, seconds=20 * 7200.0)
    at, _ = setting.arrivals(1.0, 4.0)
    rate = setting.slots / setting.service.mean
    assert at.size == pytest.approx(rate * setting.seconds, rel=0.05)
    cycle = setting.burst_s / setting.burst_share
    in_burst = ((at % cycle) > cycle - setting.burst_s).mean()
    assert in_burst == pytest.approx(4.0 * setting.burst_share, rel=0.05)
    with pytest.raises(ValueError, match="burst must lie"):
        setting.arrivals(1.0, 9.0)


def test_no_crossing_is_none_and_one_is_interpolated() -> None:
    assert economics.crossing([1, 2, 3], [0.5, 0.6, 0.7]) is None
    assert economics.crossing([1, 3], [1.5, 0.5]) == pytest.approx(2.0)


def test_a_run_without_jobs_is_refused() -> None:
    quiet = dataclasses.replace(SETTING, seconds=1.0, service=ServiceTime.constant(1e5))
    with pytest.raises(ValueError, match="no job comes"):
        economics.compare(quiet, 0.001, 1.0)


def test_more_fixed_workers_wait_less_and_interruptions_without_notice_waste_work() -> None:
    front = economics.frontier(SETTING, 1.0, 4.0, waits=(60, 300))
    waits = [row["wait_p99_s"] for row in front["always on"]]
    assert waits == sorted(waits, reverse=True)
    rows = economics.interruptions(SETTING, 2.0, 4.0, [0.0, 10.0], notices=(0.0, 120.0))
    by = {(row["notice_s"], row["per_hour"]): row for row in rows}
    assert by[0.0, 0.0]["wasted"] == 0.0
    assert by[0.0, 10.0]["wasted"] > by[120.0, 10.0]["wasted"]
    assert by[0.0, 10.0]["run_twice"] > 0
    assert math.isfinite(by[0.0, 10.0]["usd_per_1000"])
