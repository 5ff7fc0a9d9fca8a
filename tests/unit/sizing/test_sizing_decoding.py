import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizing_strategies import deployments, tokens

from reference.sizing import (
    Deployment,
    accelerator,
    break_even_batch,
    expected_tokens,
    magnitude,
    prefill_stall,
    prefix_gain,
    shape,
    speculative_speedup,
    verify_cost,
)
from reference.sizing.decoding import draft_cost

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
TARGET = Deployment(shape("llama-2-70b"), accelerator("a100-80"), 2)
DRAFT = Deployment(shape("llama-2-7b"), accelerator("a100-80"), 2)


@given(acceptance=st.floats(0, 1), drafted=st.integers(0, 20))
def test_expected_tokens_lie_between_one_and_all(acceptance: float, drafted: int) -> None:
    assert 1 <= expected_tokens(acceptance, drafted) <= drafted + 1 + 1e-9


def test_expected_tokens_equal_a_simulation_of_accept_and_reject() -> None:
    chance, drafted, runs = 0.7, 4, 40_000
    rng = random.Random(1)
    total = 0
    for _ in range(runs):
        accepted = 0
        while accepted < drafted and rng.random() < chance:
            accepted += 1
        total += accepted + 1
    assert expected_tokens(chance, drafted) == pytest.approx(total / runs, rel=0.01)


@given(acceptance=st.floats(0, 1), drafted=st.integers(1, 10), cost=st.floats(0, 1), verify=st.floats(1, 10))
def test_dearer_verification_never_helps(acceptance: float, drafted: int, cost: float, verify: float) -> None:
    free = speculative_speedup(acceptance, drafted, cost)
    assert speculative_speedup(acceptance, drafted, cost, verify) <= free * (1 + 1e-12)


def test_nothing_drafted_changes_nothing() -> None:
    assert speculative_speedup(0.9, 0, 0.1) == 1


def test_verification_is_nearly_free_alone_and_dear_in_a_full_batch() -> None:
    alone, full = (verify_cost(TARGET, batch, tokens(1000), 4) for batch in (1, 256))
    assert alone < 1.05
    assert 3 < full <= 5


def test_speculation_helps_alone_and_hurts_in_a_full_batch() -> None:
    def speedup(batch: float) -> float:
        cost = draft_cost(TARGET, DRAFT, batch, tokens(1000))
        return speculative_speedup(0.7, 4, cost, verify_cost(TARGET, batch, tokens(1000), 4))

    threshold = break_even_batch(TARGET, DRAFT, tokens(1000), 0.7, 4)
    assert threshold is not None
    assert speedup(1) > 1.5
    assert speedup(threshold - 1) > 1 >= speedup(threshold)


def test_break_even_is_none_or_one_where_there_is_no_crossing() -> None:
    assert break_even_batch(TARGET, DRAFT, tokens(1000), 0.0, 4) == 1
    assert break_even_batch(TARGET, DRAFT, tokens(1000), 0.9, 4, most=2) is None


@given(replica=deployments(), n_in=st.integers(2, 8000), n_out=st.integers(1, 1000), hit=st.floats(0, 1))
def test_prefix_cache_never_slows_and_helps_ttft_more_than_the_request(
    replica: Deployment, n_in: int, n_out: int, hit: float
) -> None:
    gain = prefix_gain(replica, tokens(n_in), tokens(n_out), hit)
    assert 1 - 1e-9 <= gain.e2e_ratio <= gain.ttft_ratio * (1 + 1e-9)


def test_no_hit_means_no_gain_and_the_last_token_is_always_computed() -> None:
    none = prefix_gain(TARGET, tokens(1000), tokens(100), 0.0)
    assert none.ttft_ratio == 1
    assert prefix_gain(TARGET, tokens(10), tokens(10), 1.0).ttft_ratio == 1  # less than one block of 16
    all_of_it = prefix_gain(TARGET, tokens(1024), tokens(100), 1.0)
    assert magnitude(all_of_it.ttft_warm, "s") == pytest.approx(TARGET.prefill_seconds(16, 1008))


def test_chunking_bounds_the_stall() -> None:
    whole = prefill_stall(TARGET, tokens(8192))
    chunked = prefill_stall(TARGET, tokens(8192), tokens(512))
    assert chunked < whole / 10
    assert prefill_stall(TARGET, tokens(100), tokens(512)) == prefill_stall(TARGET, tokens(100))


@pytest.mark.parametrize(("acceptance", "drafted"), [(-0.1, 4), (1.1, 4), (0.5, -1), (0.5, 1.5)])
def test_senseless_speculation_is_refused(acceptance: float, drafted: int) -> None:
    with pytest.raises(ValueError):
        expected_tokens(acceptance, drafted)
