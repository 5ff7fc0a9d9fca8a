"""What a review costs and how long parallel agents take: exact where there is an exact answer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.review_cost import (
    CallPrice,
    SizeDistribution,
    comments_per_developer,
    implied_input_price,
    lines_within,
    slowest_over_mean,
    tokens_within,
    wall_over_slowest,
)

some = st.floats(0.01, 1e4)


@given(tokens_in=some, tokens_out=some, price=some, ratio=some)
def test_the_implied_price_gives_back_the_cost(tokens_in, tokens_out, price, ratio):
    dollars = CallPrice(price, price * ratio).call(tokens_in, tokens_out)
    assert implied_input_price(dollars, tokens_in, tokens_out, ratio) == pytest.approx(price)


@given(share=st.floats(0, 1), tokens=some)
def test_a_cache_never_makes_a_call_dearer(share, tokens):
    price = CallPrice(3.0, 15.0, 0.3)
    assert price.call(tokens, 0, share) <= price.call(tokens, 0) + 1e-12
    assert price.call(tokens, 0, 1.0) == pytest.approx(tokens * 0.3 / 1e6)


@given(p50=st.floats(10, 1e4), factor=st.floats(1.1, 50), share=st.floats(0.01, 0.99))
def test_sizes_go_through_their_quantiles_and_shares_invert_them(p50, factor, share):
    sizes = SizeDistribution.of_quantiles(p50, p50 * factor)
    assert sizes.quantile(0.5) == pytest.approx(p50)
    assert sizes.quantile(0.9) == pytest.approx(p50 * factor)
    assert sizes.share_above(sizes.quantile(share)) == pytest.approx(1 - share, abs=1e-9)
    assert sizes.mean >= sizes.median


def test_the_mean_of_sizes_is_that_of_a_large_sample():
    sizes = SizeDistribution.of_quantiles(100, 400)
    drawn = 100 * np.exp(sizes.sigma * np.random.default_rng(0).standard_normal(400_000))
    assert sizes.mean == pytest.approx(drawn.mean(), rel=0.02)


@given(cap=st.floats(0.01, 10), calls=st.integers(1, 9))
def test_a_review_of_the_largest_diff_within_the_cap_costs_the_cap(cap, calls):
    price = CallPrice(3.0, 15.0)
    tokens = tokens_within(cap, calls, price, 700, 500)
    if tokens:
        assert calls * price.call(700 + tokens, 500) == pytest.approx(cap)
    else:
        assert calls * price.call(700, 500) >= cap


@given(share=st.floats(0, 1), agents=st.integers(1, 12), cores=st.integers(1, 16))
def test_the_wall_is_never_below_the_slowest_nor_above_the_sum(share, agents, cores):
    ratio = wall_over_slowest(2.0, share, agents, cores)
    assert 1.0 <= ratio <= agents
    if cores >= agents or share == 0:
        assert ratio == 1.0


@pytest.mark.parametrize(("agents", "variation"), [(1, 0.5), (5, 0.5), (5, 2.0), (20, 1.0)])
def test_the_slowest_of_several_agrees_with_drawing_them(agents, variation):
    sigma = math.sqrt(math.log1p(variation**2))
    drawn = np.exp(sigma * np.random.default_rng(1).standard_normal((300_000, agents)) - sigma**2 / 2)
    assert slowest_over_mean(agents, variation) == pytest.approx(drawn.max(axis=1).mean(), rel=0.02)


def test_what_a_window_holds_and_people_read():
    assert lines_within(2000, 800, 12) == 100
    assert lines_within(500, 800, 12) == 0
    assert comments_per_developer(2, 1000, 200) == 10


@pytest.mark.parametrize(
    "call",
    [
        lambda: CallPrice(-1, 1),
        lambda: CallPrice(1, 1).call(1, 1, 1.5),
        lambda: SizeDistribution.of_quantiles(100, 100),
        lambda: wall_over_slowest(1, 1.2, 5, 2),
        lambda: comments_per_developer(1, 1, 0),
        lambda: lines_within(100, 10, 0),
    ],
)
def test_impossible_inputs_are_refused(call):
    with pytest.raises(ValueError, match=r".+"):
        call()
