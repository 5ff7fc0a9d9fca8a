"""Traces and lists of lengths: what is refused, and what is asked of the client."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.load import LoadGenerator, check_arrivals, replay

WHERE = ("http://127.0.0.1:9/v1", "m", "k")


@pytest.mark.parametrize(("change", "name"), [
    ({"arrivals": [0.0, 2.0, 1.0]}, "arrivals must ascend, got 1 after 2 for request 2"),
    ({"arrivals": [-0.1, 1.0]}, "arrivals must be seconds of at least 0"),
    ({"arrivals": [0.0, math.nan]}, "arrivals must be seconds of at least 0, got nan for request 1"),
    ({"arrivals": [0.0, math.inf]}, "arrivals must be seconds"),
    ({"arrivals": []}, "arrivals: 0 requests"),
    ({}, "exactly one of arrivals"),
    ({"arrivals": [0.0], "concurrency": 1}, "exactly one of arrivals"),
    ({"concurrency": 2}, "requests: say how many"),
    ({"concurrency": 0, "requests": 2}, "concurrency must be a whole number of at least 1"),
    ({"concurrency": True, "requests": 2}, "concurrency"),
    ({"concurrency": 1, "requests": 0}, "requests: 0 requests"),
    ({"concurrency": 1, "prompt_tokens": [1, 2], "output_tokens": [1]}, "one entry per request"),
    ({"arrivals": [0.0, 1.0], "prompt_tokens": [8]}, "one entry per request"),
    ({"concurrency": 1, "prompt_tokens": [8, 0]}, "prompt_tokens must be a whole number"),
    ({"concurrency": 1, "output_tokens": [8, 1.5]}, "output_tokens must be a whole number"),
    ({"concurrency": 1, "requests": 2, "shared_tokens": 8}, "shared_tokens"),
    ({"concurrency": 1, "requests": 2, "shared_tokens": -1}, "shared_tokens"),
])  # fmt: skip
def test_bad_traces_are_refused_by_name_before_anything_starts(change, name):
    unused = LoadGenerator()
    with pytest.raises(ValueError, match=name):
        replay(*WHERE, generator=unused, **({"prompt_tokens": 8, "output_tokens": 4} | change))
    assert unused.pid is None


def test_a_trace_whose_requests_all_come_at_once_has_no_rate(formula_engine):
    run = replay(*WHERE, arrivals=[0.0, 0.0], prompt_tokens=8, output_tokens=4, generator=formula_engine)
    with pytest.raises(ValueError, match="no rate"):
        run.point()
    assert len(run.records) == 2


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted))
def test_ascending_seconds_pass_unchanged(seconds):
    assert check_arrivals(seconds) == seconds


def test_the_job_holds_each_request_at_its_second_with_its_lengths(formula_engine):
    arrivals, n_in, n_out = [0.0, 0.25, 0.25, 2.0], [20, 9, 17, 12], [3, 1, 2, 5]
    run = replay(
        *WHERE, arrivals=arrivals, prompt_tokens=n_in, output_tokens=n_out, shared_tokens=8, generator=formula_engine
    )
    job = formula_engine.jobs[0]
    assert job["arrivals"] == arrivals
    assert [len(p) for p in job["prompts"]] == n_in
    assert job["output_lengths"] == n_out
    assert len({tuple(p[:8]) for p in job["prompts"]}) == 1
    assert len({tuple(p[8:]) for p in job["prompts"]}) == 4
    assert run.sent_s == pytest.approx(arrivals)
    assert run.late_ms == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert run.concurrency is None


def test_a_late_client_voids_the_point(formula_engine):
    usual = formula_engine.answer
    formula_engine.answer = lambda start, prompt, n_out: usual(start + 0.05, prompt, n_out)
    arrivals = [0.1 * i for i in range(20)]
    run = replay(*WHERE, arrivals=arrivals, prompt_tokens=8, output_tokens=4, generator=formula_engine)
    assert "late" in run.point(2, 2).void_reason


def test_warm_up_must_leave_something(formula_engine):
    run = replay(*WHERE, concurrency=1, requests=4, prompt_tokens=8, output_tokens=4, generator=formula_engine)
    with pytest.raises(ValueError, match="warmup and cooldown"):
        run.point(2, 2)
    assert run.point(1, 1).n == 2
