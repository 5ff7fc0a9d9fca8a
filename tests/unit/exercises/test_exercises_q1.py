"""Question 1's exercises and interview beyond what holds for all: other right answers count, and the parts agree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.builds import draw_cases, observe
from exercises.catalogue import exercise, solution
from exercises.checking import judge
from exercises.drawing import variant
from exercises.interviews.model import values
from exercises.interviews.q1 import INTERVIEW
from exercises.model import Verdict
from exercises.q1 import conversation_window, replica_review

PEOPLE = [f"person {number}" for number in range(30)]


class Bucket:
    """A token bucket that counts in cells per second, as most people write it."""

    def __init__(self, clock):
        self.clock, self.state = clock, {}

    def charge(self, key, limit, cost):
        now, rate = self.clock(), limit / 60
        cells, since = self.state.get(key, (limit, now))
        cells = min(limit, cells + (now - since) * rate)
        if cost > limit:
            return {"allowed": False, "remaining": int(cells), "retry_s": -1}
        if cost > 0 and cells < cost:
            return {"allowed": False, "remaining": int(cells), "retry_s": (cost - cells) / rate}
        self.state[key] = (min(limit, cells - cost), now)
        return {"allowed": True, "remaining": int(self.state[key][0]), "retry_s": 0}


class Theoretical:
    """The same by the moment at which the quota is full again, without any allowance for float noise."""

    def __init__(self, clock):
        self.clock, self.full_at = clock, {}

    def charge(self, key, limit, cost):
        now, cell = self.clock(), 60 / limit
        before = max(now, self.full_at.get(key, 0.0))
        after = max(now, before + cost * cell)
        if cost > limit or (cost > 0 and after > now + 60):
            return {
                "allowed": False,
                "remaining": int((60 + now - before) // cell),
                "retry_s": -1 if cost > limit else after - 60 - now,
            }
        self.full_at[key] = after
        return {"allowed": True, "remaining": int((60 + now - after) // cell), "retry_s": 0}


@pytest.mark.parametrize("limiter", [Bucket, Theoretical])
def test_a_limiter_may_count_cells_or_moments(limiter):
    one = exercise("q1-rate-limit")
    for person in PEOPLE:
        params = variant(one, person)
        for hidden in ("", "a secret"):
            seen = [observe(one.build, limiter, case) for case in draw_cases(one, params, hidden)]
            mark = judge(one, params, {}, seen=seen, hidden=hidden)
            assert mark.share == 1, (params, [part for part in mark.parts if part.verdict is not Verdict.RIGHT])


@pytest.mark.slow
@given(
    turns=st.lists(st.integers(1, 900), max_size=14),
    system=st.integers(0, 300),
    message=st.integers(1, 2500),
    answer=st.integers(1, 1000),
    window=st.integers(2, 9),
    fold_to=st.sampled_from([0.3, 0.5, 0.75, 1.0]),
    summary=st.integers(1, 200),
)
@settings(max_examples=300, deadline=None)
def test_the_window_that_the_docstring_describes_is_the_gateways(
    turns, system, message, answer, window, fold_to, summary
):
    total = 3000
    if total - answer - summary < system + message <= total - answer:
        return  # the docstring promises room for the summary
    arguments = {"turns": turns, "system": system, "message": message, "total": total, "answer": answer,
                 "window": window, "fold_to": fold_to, "summary": summary}  # fmt: skip
    space: dict[str, object] = {}
    exec(solution("q1-conversation-window").code, space)

    def outcome(fit):
        try:
            return fit(**arguments)
        except ValueError:
            return "refused"

    assert outcome(space["fit"]) == outcome(conversation_window.reference)


def test_each_step_of_the_fleet_is_wrong_in_some_variant_and_only_one_at_a_time():
    one = exercise("q1-replica-review")
    found = {one.answers(variant(one, person))["wrong_step"] for person in PEOPLE}
    assert found == set(replica_review.STEPS)


def test_the_lines_of_the_fleet_say_the_numbers_that_they_end_with():
    one = exercise("q1-replica-review")
    for person in PEOPLE:
        params = variant(one, person)
        for line, said in zip(params["lines"], params["said"], strict=True):
            assert f"{said:,.1f}" in line or f"{said:,.2f}" in line or f"{said:,}" in line


@pytest.mark.slow
def test_the_interview_starts_from_the_corrected_design():
    from reference.sizing.claims.q1 import corrected_design_q1
    from reference.sizing.units import magnitude

    found = {figure.name: figure.value for figure in INTERVIEW.design(values(INTERVIEW))}
    right = corrected_design_q1()
    assert found["replicas"] == magnitude(right.best_large.fleet.total, "replica")
    assert found["GPUs"] == magnitude(right.best_large.gpus, "gpu")
    assert found["month, always on"] == pytest.approx(magnitude(right.best_large.always_on, "USD"))
    assert found["month, following the day"] == pytest.approx(magnitude(right.best_large.autoscaled, "USD"))
    assert found["share for the 70B model"] == pytest.approx(100 * right.large_share)


@pytest.mark.slow
def test_when_a_zone_of_three_goes_the_other_two_carry_the_peak():
    now = values(INTERVIEW)
    whole = {figure.name: figure.value for figure in INTERVIEW.design(now)}
    third = {figure.name: figure.value for figure in INTERVIEW.design({**now, "lost": 1 / 3})}
    left = third["replicas"] * 2 / 3 * third["one replica serves"] / 60
    assert left * 0.8 >= third["busiest minute"] - 1e-6
    assert third["replicas"] > whole["replicas"]
    with pytest.raises(ValueError, match="lost"):
        INTERVIEW.design({**now, "lost": 1.0})


def test_a_promise_that_no_replica_keeps_is_said_and_not_sized():
    long = {**values(INTERVIEW), "prompt": 5000.0, "shared": 0.0}
    assert INTERVIEW.design({**long, "ttft_ms": 700.0})
    with pytest.raises(ValueError, match="TTFT"):
        INTERVIEW.design({**long, "ttft_ms": 300.0})
