"""Step times out of token streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.calibration.errors import CalibrationError
from reference.serving.calibration.probes import spread_of, step_gaps
from reference.serving.load.records import RequestRecord


def stream(start: float, ttft: float, gaps: list[float]) -> RequestRecord:
    whole = ttft + sum(gaps)
    return RequestRecord(start, ttft, tuple(gaps), whole, whole, 16, len(gaps) + 1)


def test_gaps_count_only_while_all_sequences_decode():
    # The first decodes quickly until the second joins, and quickly again when that one has left.
    first = stream(0.0, 0.1, [0.01] * 10 + [0.03] * 5 + [0.01] * 10)
    second = stream(0.0, 0.2, [0.03] * 5)
    gaps, made = step_gaps([first, second])
    assert gaps == pytest.approx([0.03] * 2)
    assert made == pytest.approx((sum(range(10, 16)) + sum(range(6))) / 12)


@given(
    step=st.floats(0.001, 1.0),
    batch=st.integers(1, 8),
    tokens=st.integers(4, 30),
    offsets=st.lists(st.integers(0, 2), min_size=8, max_size=8),
)
def test_a_steady_batch_gives_its_step_time_however_its_members_start(step, batch, tokens, offsets):
    gaps, _ = step_gaps([stream(0.0, 0.5 + offsets[i] * step, [step] * tokens) for i in range(batch)])
    assert gaps
    assert gaps == pytest.approx([step] * len(gaps), rel=1e-6)


def test_two_tokens_that_arrive_at_once_are_two_steps_and_not_none():
    gaps, _ = step_gaps([stream(0.0, 0.1, [0.06, 0.0] * 16)])
    assert gaps == pytest.approx([0.03] * 4)


def test_sequences_that_never_decode_together_give_nothing():
    assert step_gaps([stream(0.0, 0.1, [0.01] * 3), stream(0.0, 9.0, [0.01] * 3)])[0] == []


def test_no_sample_is_an_error():
    with pytest.raises(CalibrationError, match="no sample"):
        spread_of([])


@pytest.mark.slow
@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=50))
def test_quartiles_enclose_the_median(values):
    spread = spread_of(values)
    assert spread.p25 <= spread.median <= spread.p75
    assert spread.n == len(values)
