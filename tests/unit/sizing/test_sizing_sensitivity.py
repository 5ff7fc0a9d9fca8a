import math

import numpy as np
import pytest

from reference.sizing import Q, magnitude, monte_carlo, tornado


def cost(gpus: float, price: object, hours: float = 730) -> object:
    return Q(gpus, "gpu") * price * Q(hours, "h")


def test_tornado_sorts_by_swing_and_keeps_the_rest_at_base() -> None:
    base = {"gpus": 10.0, "price": Q(4, "USD/gpu/h")}
    result = tornado(cost, base, {"gpus": (9.0, 11.0), "price": (Q(2, "USD/gpu/h"), Q(8, "USD/gpu/h"))})
    assert [swing.name for swing in result.swings] == ["price", "gpus"]
    assert magnitude(result.base, "USD") == 29_200
    assert magnitude(result.swings[0].at_low, "USD") == 14_600
    assert result.swings[1].width == pytest.approx(2 * 2920)
    assert result.rows()[0]["unit"]
    assert len(result.as_dataframe()) == 2


def test_range_without_base_is_refused() -> None:
    with pytest.raises(KeyError, match="price"):
        tornado(cost, {"gpus": 1}, {"price": (1, 2)})
    with pytest.raises(KeyError, match="price"):
        monte_carlo(cost, {"gpus": 1}, {"price": (1, 2)})


def test_single_lognormal_comes_back_as_its_own_percentiles() -> None:
    spread = monte_carlo(lambda x: x, {"x": 2.0}, {"x": (1.0, 4.0)}, samples=20_000, seed=3)
    assert spread.p5 == pytest.approx(1, rel=0.05)
    assert spread.p50 == pytest.approx(2, rel=0.05)
    assert spread.p95 == pytest.approx(4, rel=0.05)


@pytest.mark.slow
def test_product_of_lognormals_has_the_closed_form_spread() -> None:
    spread = monte_carlo(
        lambda a, b: a * b, {"a": 1.0, "b": Q(1, "USD")}, {"a": (0.5, 2.0), "b": (Q(0.5, "USD"), Q(2, "USD"))},
        samples=20_000,
    )  # fmt: skip
    assert magnitude(spread.p95, "USD") == pytest.approx(2 ** math.sqrt(2), rel=0.05)


def test_same_seed_gives_the_same_answer_and_another_does_not() -> None:
    def run(seed: int) -> float:
        return monte_carlo(lambda x: x, {"x": 1.0}, {"x": (0.5, 2)}, samples=50, seed=seed).p50

    assert run(1) == run(1) != run(2)


def test_infeasible_samples_are_counted_not_hidden() -> None:
    def maybe(x: float) -> float:
        if x > 1:
            raise ArithmeticError("too large")
        return x

    spread = monte_carlo(maybe, {"x": 1.0}, {"x": (0.5, 2)}, samples=200, infeasible=[ArithmeticError])
    assert spread.failed + spread.samples == 200
    assert 60 < spread.failed < 140
    assert "infeasible" in str(spread)
    with pytest.raises(ArithmeticError):
        monte_carlo(maybe, {"x": 1.0}, {"x": (0.5, 2)}, samples=200)
    with pytest.raises(ValueError, match="feasible"):
        monte_carlo(maybe, {"x": 9.0}, {"x": (8, 9)}, samples=50, infeasible=[ArithmeticError])


@pytest.mark.parametrize("bad", [(0.0, 1.0), (2.0, 1.0), (-1.0, 1.0)])
def test_ranges_are_positive_and_ordered(bad: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="x:"):
        monte_carlo(lambda x: x, {"x": 1.0}, {"x": bad})


def test_equal_ends_fix_the_assumption() -> None:
    spread = monte_carlo(lambda x: x, {"x": 1.0}, {"x": (3.0, 3.0)}, samples=50)
    assert np.allclose([spread.p5, spread.p50, spread.p95], 3)


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="samples"):
        monte_carlo(lambda x: x, {"x": 1.0}, {"x": (1, 2)}, samples=5)
