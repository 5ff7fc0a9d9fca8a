"""Conversations: turns and gaps as asked, and prompts that repeat exactly what was said before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.fleet.sessions import Sessions, first_turns, history_tokens, turn_times


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


conversations = st.lists(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 900)), min_size=1, max_size=12), min_size=1, max_size=8
)


@pytest.mark.slow
@given(conversations, st.one_of(st.none(), st.integers(0, 9000)))
def test_the_history_is_the_last_prompt_and_answer_without_the_shared_part_as_far_as_the_window_goes(
    talks: list[list[tuple[int, int]]], window: int | None
) -> None:
    shared = 77
    text = np.array([t for talk in talks for t, _ in talk], dtype=np.int32)
    answer = np.array([a for talk in talks for _, a in talk], dtype=np.int32)
    turns = np.array([len(talk) for talk in talks])
    history = history_tokens(text.copy(), answer.copy(), turns, window)
    prompt = shared + history + text
    row = 0
    for talk in talks:
        assert history[row] == 0
        for k in range(row + 1, row + len(talk)):
            before = prompt[k - 1] + answer[k - 1] - shared
            assert history[k] == (before if window is None else min(window, before))
        row += len(talk)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(0, 2**32))
def test_turns_of_a_conversation_follow_each_other_by_the_drawn_gaps(counts: list[int], seed: int) -> None:
    turns = np.array(counts)
    sessions = Sessions()
    starts = np.sort(_rng(seed + 1).random(turns.size) * 1e5)
    times = turn_times(starts, turns, sessions, _rng(seed))
    gaps = sessions.gaps(_rng(seed), int(turns.sum()))
    first = first_turns(turns)
    assert times[first] == pytest.approx(starts)
    inside = np.setdiff1d(np.arange(1, turns.sum()), first)
    # Running sums of all conversations are subtracted from one another: a microsecond is lost on the way.
    assert (times[inside] - times[inside - 1]) == pytest.approx(gaps[inside - 1], abs=1e-6)


@given(st.sampled_from([1.0, 1.5, 2.0, 4.18, 12.0]), st.integers(0, 2**32))
@settings(max_examples=20)
def test_turns_are_geometric_with_the_mean_that_was_asked_for(mean: float, seed: int) -> None:
    turns = Sessions(turns_mean=mean).turns(_rng(seed), 100_000)
    deviation = (mean * (mean - 1)) ** 0.5
    assert turns.min() >= 1
    assert turns.mean() == pytest.approx(mean, abs=6 * deviation / 316 + 1e-9)
    assert turns.std() == pytest.approx(deviation, rel=0.05, abs=1e-9)


@given(st.floats(1, 500), st.floats(0, 2.5), st.floats(1, 50), st.integers(0, 2**32))
@settings(max_examples=30)
def test_gaps_have_the_promised_mean_and_end_at_the_longest(
    median: float, sigma: float, reach: float, seed: int
) -> None:
    sessions = Sessions(think_median_s=median, think_sigma=sigma, think_longest_s=median * reach)
    gaps = sessions.gaps(_rng(seed), 100_000)
    assert gaps.min() > 0
    assert gaps.max() <= median * reach * (1 + 1e-9)
    assert gaps.mean() == pytest.approx(sessions.think_mean_s, abs=6 * gaps.std() / 316 + 1e-6 * median)


def test_without_an_early_end_the_median_gap_is_the_one_asked_for() -> None:
    gaps = Sessions(think_longest_s=1e9).gaps(_rng(), 200_000)
    assert np.median(gaps) == pytest.approx(131, rel=0.02)


def test_nearly_all_of_a_conversation_lies_within_its_reach() -> None:
    sessions = Sessions()
    turns = sessions.turns(_rng(1), 20_000)
    starts = np.zeros(20_000)
    times = turn_times(starts, turns, sessions, _rng(2))
    assert (times > sessions.reach_s).mean() < 0.01


def test_no_conversation_has_no_turns() -> None:
    none = np.empty(0, np.int32)
    assert turn_times(np.empty(0), np.empty(0, np.int64), Sessions(), _rng()).size == 0
    assert history_tokens(none, none, np.empty(0, np.int64)).size == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"turns_mean": 0.5}, "turns_mean must be at least 1"),
        ({"turns_mean": float("nan")}, "turns_mean"),
        ({"think_median_s": 0}, "think_median_s must be positive"),
        ({"think_sigma": -1}, "think_sigma must not be negative"),
        ({"think_longest_s": 10}, r"think_longest_s must be at least think_median_s \(131\)"),
        ({"window": -1}, "window must be None or a number of tokens"),
    ],
)
def test_bad_sessions_are_refused_by_name(arguments: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Sessions(**arguments)
