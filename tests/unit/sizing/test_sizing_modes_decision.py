"""The decision between the modes: computed, monotone, and turned by one requirement at a time."""

import dataclasses
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reference.sizing.inference_modes.deadlines import (
    late_probability,
    service_beyond,
    slots_in_time,
    waiting_probability,
)
from reference.sizing.inference_modes.decision import MODES, Platform, Requirements, assess, decide, decision_table
from reference.sizing.inference_modes.scenarios import scenarios
from reference.sizing.units import Q

SCENARIOS = {one.name: one for one in scenarios()}

# One changed requirement under which another mode (or none) must be taken.
FLIPS = {
    "fraud check at payment": {"service_s": 0.6, "first_part_s": 0.6},
    "completion in an editor": {"first_sign_s": 0.3},
    "answer in a search box": {"first_sign_s": 0.5},
    "chatbot": {"first_sign_s": math.inf},
    "long report in a chat": {"first_sign_s": math.inf},
    "reply to a CRM's webhook": {"can_come_back": False},
    "summary of a document, watched": {"can_come_back": False},
    "moderation of uploads": {"whole_s": 10.0},
    "agent run of 30 minutes": {"can_come_back": False},
    "digest by mail in the morning": {"whole_s": 200_000.0},
    "100,000 classifications a night": {"whole_s": 200_000.0},
    "evaluation of a new prompt": {"can_come_back": False},
    "backfill of a million documents": {"whole_s": 80_000.0},
    "weekly report that nobody waits for": {"whole_s": 80_000.0},
}


def requirements() -> st.SearchStrategy[Requirements]:
    def build(rate, service, part, whole, sign, burst, burst_s, scv, items, back, silent):  # type: ignore[no-untyped-def]
        return Requirements(
            "any", rate=rate, service_s=service, first_part_s=part * service, whole_s=whole, first_sign_s=sign,
            burst=burst, burst_s=burst_s, service_scv=scv, items=items, can_come_back=back, silent_s=silent,
        )  # fmt: skip

    seconds = st.one_of(st.floats(0.1, 2e5), st.just(math.inf))
    return st.builds(
        build, st.floats(0.001, 10), st.floats(0.05, 1000), st.floats(0, 1), seconds, seconds, st.floats(1, 20),
        st.floats(10, 7200), st.floats(0, 2), st.sampled_from([1, 1, 7, 5000]), st.booleans(), st.floats(5, 600),
    )  # fmt: skip


def test_every_scenario_has_a_change_that_turns_it() -> None:
    assert set(FLIPS) == set(SCENARIOS)
    assert len(SCENARIOS) >= 12


@pytest.mark.parametrize("name", sorted(FLIPS))
def test_one_changed_requirement_turns_the_recommendation(name: str) -> None:
    before = decide(SCENARIOS[name])
    after = decide(dataclasses.replace(SCENARIOS[name], **FLIPS[name]))
    assert after.recommended != before.recommended
    assert before.recommended is not None


def test_all_four_modes_are_taken_by_somebody() -> None:
    assert {one.recommended for one in decision_table(scenarios())} == set(MODES)


def test_a_row_names_the_reason_and_the_number_of_what_does_not_fit() -> None:
    chat = decide(SCENARIOS["chatbot"])
    row = chat.row()
    assert row["take"] == "stream"
    assert "1.5 s" in row["sync"]
    assert "%" in row["sync"]
    assert "86,400" in row["batch"]
    assert "only one that fits" in row["why"]


def test_a_path_that_cuts_silence_ends_calls_and_not_streams() -> None:
    asked = dataclasses.replace(SCENARIOS["reply to a CRM's webhook"], silent_s=600.0)
    assert assess(asked, "sync").feasible
    cut = dataclasses.replace(asked, silent_s=5.0)
    assert not assess(cut, "sync").feasible
    assert "where the path cuts" in assess(cut, "sync").reason
    assert assess(cut, "stream").feasible
    # A limit on the whole life of a connection ends both.
    assert not assess(dataclasses.replace(asked, connection_s=5.0), "stream").feasible


def test_nothing_fits_is_said_with_all_four_reasons() -> None:
    asked = dataclasses.replace(SCENARIOS["chatbot"], service_s=400.0, first_part_s=300.0)
    decision = decide(asked)
    assert decision.recommended is None
    assert all(f"{mode}: " in decision.why for mode in MODES)


def test_a_tie_goes_to_the_mode_that_leaves_the_caller_least_to_keep() -> None:
    decision = decide(SCENARIOS["answer in a search box"])
    sync, stream = decision.assessments["sync"], decision.assessments["stream"]
    assert sync.feasible
    assert stream.feasible
    assert sync.usd_per_1000 == pytest.approx(stream.usd_per_1000, rel=0.1)
    assert decision.recommended == "sync"
    assert "about as cheap" in decision.why


def test_without_a_discount_for_anything_the_premium_of_simplicity_decides() -> None:
    asked = dataclasses.replace(SCENARIOS["moderation of uploads"], silent_s=900.0)
    plain = Platform(spot_factor=1.0, batch_factor=1.0)
    assert decide(asked, plain).recommended == "sync"
    assert decide(asked).recommended == "async"


@pytest.mark.slow
@settings(deadline=None, max_examples=80)
@given(requirements(), st.floats(0.05, 1.0), st.sampled_from(["whole_s", "first_sign_s", "silent_s"]))
def test_a_tighter_limit_never_makes_a_mode_fit_nor_cheaper(asked: Requirements, by: float, limit: str) -> None:
    tighter = dataclasses.replace(asked, **{limit: min(1e6, getattr(asked, limit)) * by})
    for mode in MODES:
        before, after = assess(asked, mode), assess(tighter, mode)
        assert before.feasible or not after.feasible
        if after.feasible:
            assert after.usd_per_1000 is not None
            assert before.usd_per_1000 is not None
            assert after.usd_per_1000 >= before.usd_per_1000 * (1 - 1e-9)


@settings(deadline=None, max_examples=60)
@given(requirements())
def test_what_fits_keeps_its_deadline_and_what_does_not_says_why(asked: Requirements) -> None:
    decision = decide(asked)
    for one in decision.assessments.values():
        if one.feasible:
            assert one.late <= asked.late + 1e-9
            assert one.usd_per_1000 is not None
            assert one.usd_per_1000 > 0
        else:
            assert any(character.isdigit() for character in one.reason)
    fits = [one for one in decision.assessments.values() if one.feasible]
    assert (decision.recommended is None) == (not fits)
    if decision.recommended is not None:
        taken = decision.assessments[decision.recommended]
        cheapest = min(one.usd_per_1000 or 0.0 for one in fits)
        assert taken.feasible
        assert (taken.usd_per_1000 or 0.0) <= cheapest * (1 + Platform().bookkeeping) * (1 + 1e-12)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(requirements(), st.floats(1.0, 10.0))
def test_a_dearer_machine_makes_every_mode_dearer(asked: Requirements, factor: float) -> None:
    for mode in MODES:
        before, after = assess(asked, mode), assess(asked, mode, Platform(usd_per_hour=6.88 * factor))
        assert before.feasible == after.feasible
        if before.usd_per_1000 is not None and after.usd_per_1000 is not None:
            assert after.usd_per_1000 == pytest.approx(before.usd_per_1000 * factor)


@given(st.floats(0, 300), st.integers(1, 100))
def test_waiting_probability_is_erlang_c(offered: float, spare: int) -> None:
    from reference.sizing.queueing import erlang_c

    servers = math.floor(offered) + spare
    assert waiting_probability(offered, servers) == pytest.approx(erlang_c(offered, servers))


def test_late_share_agrees_with_the_wait_percentile_of_the_queue() -> None:
    from reference.sizing.queueing import mgc

    # Constant service: P(wait + service > d) = P(wait > d - service), which `queueing` has as a percentile.
    state = mgc(Q(8, "request/s"), Q(1, "s"), 10, service_scv=0.0)
    wait = float(state.wait_percentile(95).to("s").magnitude)
    assert late_probability(8, 1.0, 0.0, 10, 1.0 + wait) == pytest.approx(0.05, abs=1e-9)


def test_late_share_agrees_with_a_simulation_of_the_same_queue() -> None:
    import numpy as np

    from reference.sizing.inference_modes.fleet_simulation import FleetPlan, Scaling, simulate_fleet
    from reference.sizing.pipeline import ServiceTime

    random = np.random.default_rng(3)
    jobs, servers, rate = 60_000, 8, 6.4
    at = np.cumsum(random.exponential(1 / rate, jobs))
    work = ServiceTime.lognormal(1.0, 0.6).sample(random, jobs)
    run = simulate_fleet(at, work, FleetPlan("eight", 8, 1.0, Scaling.fixed(1, every_s=1e6)), warm_up=0.1)
    scv = math.expm1(0.6**2)
    for deadline in (2.0, 3.0, 4.0):
        said = late_probability(rate, 1.0, scv, servers, deadline)
        assert said == pytest.approx(run.late_share(deadline), rel=0.15, abs=0.003)


@settings(deadline=None, max_examples=80)
@given(st.floats(0.01, 20), st.floats(0.05, 30), st.floats(0, 2), st.floats(0.2, 100))
def test_slots_in_time_are_enough_and_one_fewer_are_not(
    rate: float, service: float, scv: float, deadline: float
) -> None:
    slots = slots_in_time(rate, service, scv, deadline, 0.05)
    if slots is None:
        assert service_beyond(service, scv, deadline) > 0.05 - 1e-6
        return
    assert late_probability(rate, service, scv, slots, deadline) <= 0.05 + 1e-9
    assume(slots > math.floor(rate * service) + 1)
    assert late_probability(rate, service, scv, slots - 1, deadline) > 0.05


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate", 0.0), ("service_s", -1.0), ("burst", 0.5), ("items", 0), ("whole_s", 0.0), ("first_part_s", 99.0),
     ("late", 1.0), ("silent_s", -1.0), ("service_scv", -0.1)],
)  # fmt: skip
def test_senseless_requirements_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"chatbot: {field}"):
        dataclasses.replace(SCENARIOS["chatbot"], **{field: value})


@pytest.mark.parametrize("field", ["slots", "usd_per_hour", "spot_factor", "cold_start_s", "batch_window_s"])
def test_senseless_platforms_are_refused_by_name(field: str) -> None:
    with pytest.raises(ValueError, match=f"platform.{field}"):
        Platform(**{field: -1})
