"""Self-hosting against an API: the break-even separates dear from cheap, and rates are those that were measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reference.sizing.hardware import accelerator
from reference.sizing.memory import Infeasible
from reference.sizing.self_hosting import (
    LARGE_EMBEDDER,
    Hosting,
    breakeven,
    breakeven_gpu_price,
    breakeven_tokens_per_month,
    curve,
    for_model,
    gpus_needed,
    measured_rate,
    rate_names,
    scaled_to,
)
from reference.sizing.self_hosting import _table as rates

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"

hostings = st.builds(
    Hosting,
    tokens_per_s=st.floats(100, 1e6),
    price_per_hour=st.floats(0.1, 20),
    utilisation=st.floats(0.05, 1),
    replicas=st.integers(1, 4),
    ops=st.floats(0, 50_000),
)
prices = st.floats(0.001, 50)


@given(hosting=hostings, api=prices, below=st.floats(0.001, 0.999), above=st.floats(1.0001, 50))
@example(hosting=Hosting(4445.0, 1.0, replicas=1), api=0.125, below=0.5, above=1.5)  # a crossing at the very step
def test_below_the_first_crossing_hosting_is_dearer_and_above_the_last_cheaper(
    hosting: Hosting, api: float, below: float, above: float
) -> None:
    try:
        found = breakeven(hosting, api)
    except Infeasible:
        full = hosting.tokens_per_gpu * 1000
        assert hosting.cost(full) >= full * api / 1e6 * (1 - 1e-9)
        return
    assert 0 < found.first <= found.always
    tokens = found.first * below
    assert hosting.cost(tokens) > tokens * api / 1e6
    tokens = found.always * above
    assert hosting.cost(tokens) <= tokens * api / 1e6 * (1 + 1e-9)
    assert hosting.cost(found.always) == pytest.approx(found.always * api / 1e6, rel=1e-6)
    assert hosting.gpus(found.always) == found.gpus


def test_between_the_crossings_every_further_gpu_is_a_step_up() -> None:
    hosting = Hosting(1e9 / 3600, 895.0, utilisation=1.0, replicas=1, hours=1.0)  # 1G tokens for $895, API $1,000
    found = breakeven(hosting, 1.0)
    assert found.first == pytest.approx(0.895e9)
    assert found.always == pytest.approx(8.055e9)
    assert hosting.cost(0.95e9) < 950
    assert hosting.cost(1.01e9) > 1010
    assert hosting.cost(8.05e9) > 8050
    assert all(hosting.cost(k * 1e7) <= k * 10 * (1 + 1e-9) for k in range(806, 3000))


@given(hosting=hostings, api=prices, factor=st.floats(1.001, 3))
def test_breakeven_rises_with_the_price_of_a_gpu_and_falls_with_that_of_the_api(
    hosting: Hosting, api: float, factor: float
) -> None:
    try:
        dearer = breakeven_tokens_per_month(replace(hosting, price_per_hour=hosting.price_per_hour * factor), api)
    except Infeasible:
        return
    base = breakeven_tokens_per_month(hosting, api)
    assert base <= dearer * (1 + 1e-9)
    assert breakeven_tokens_per_month(hosting, api * factor) <= base * (1 + 1e-9)


@given(hosting=hostings, tokens=st.floats(1, 1e13), more=st.floats(1, 10))
def test_fleet_carries_its_volume_within_its_utilisation_and_grows_with_it(
    hosting: Hosting, tokens: float, more: float
) -> None:
    gpus = hosting.gpus(tokens)
    assert gpus >= hosting.replicas
    assert hosting.utilised(tokens) <= hosting.utilisation * (1 + 1e-9)
    assert gpus == hosting.replicas or (gpus - 1) * hosting.tokens_per_gpu < tokens
    assert hosting.gpus(tokens * more) >= gpus
    assert hosting.cost(tokens * more) >= hosting.cost(tokens)


@given(hosting=hostings, api=prices, tokens=st.floats(1e6, 1e13))
def test_at_the_breakeven_price_of_a_gpu_both_ways_cost_the_same(hosting: Hosting, api: float, tokens: float) -> None:
    price = breakeven_gpu_price(hosting, api, tokens)
    if price >= 0:
        assert replace(hosting, price_per_hour=price).cost(tokens) == pytest.approx(tokens * api / 1e6, rel=1e-6)


@pytest.mark.parametrize("nothing", [{"tokens_per_s": 0.0}, {"utilisation": 0.0}, {"hours": 0.0}])
def test_a_fleet_without_capacity_is_infeasible_not_infinite(nothing: dict[str, Any]) -> None:
    hosting = replace(Hosting(1000.0, 1.0), **nothing)
    for ask in (lambda: hosting.gpus(1e9), lambda: breakeven(hosting, 1.0), lambda: hosting.cost(1.0)):
        with pytest.raises(Infeasible, match="makes no tokens"):
            ask()


def test_dear_gpus_never_pay_and_the_error_says_both_prices() -> None:
    hosting = Hosting(1000.0, 6.88)
    with pytest.raises(Infeasible, match=r"a full GPU costs \$\d+\.\d+ per million tokens, the API \$0\.02") as never:
        breakeven(hosting, 0.02)
    full = 6.88 / (1000.0 * hosting.utilisation * 3600 / 1e6)
    assert never.value.shortfall.to("USD/Mtoken").magnitude == pytest.approx(full - 0.02)
    with pytest.raises(Infeasible, match="nothing is cheaper"):
        breakeven(Hosting(1000.0, 6.88), 0.0)


def test_no_volume_costs_nothing_and_asks_for_no_gpu() -> None:
    hosting = Hosting(1000.0, 1.0, ops=500.0)
    assert hosting.cost(0) == hosting.gpus(0) == hosting.utilised(0) == 0
    with pytest.raises(Infeasible):
        breakeven_gpu_price(hosting, 1.0, 0)
    with pytest.raises(ValueError, match="negative"):
        gpus_needed(-1.0, 10.0, 1)


@pytest.mark.parametrize(
    ("field", "value"), [("tokens_per_s", -1.0), ("utilisation", 1.1), ("replicas", 0), ("ops", -1.0)]
)
def test_senseless_fleet_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        replace(Hosting(1.0, 1.0), **{field: value})


def test_curve_is_the_two_costs() -> None:
    hosting = Hosting(1000.0, 1.0, ops=500.0)
    rows = curve(hosting, 2.0, [1e9, 4e9])
    assert [row["hosted"] for row in rows] == [hosting.cost(1e9), hosting.cost(4e9)]
    assert [row["api"] for row in rows] == [2000.0, 8000.0]
    assert rows[1]["gpus"] == 4


@pytest.mark.parametrize("name", rate_names())
def test_rate_is_that_of_the_committed_benchmark(name: str) -> None:
    row = rates()[name]
    result = json.loads((RESULTS / f"{row['benchmark']}.json").read_text("utf-8"))
    assert result["date"].startswith(row["date"].isoformat())
    machine = result["machine"]
    gpu = machine["gpus"][0].split(",")[0] if machine["gpus"] else f"{machine['processor']}, {machine['cores']} cores"
    assert gpu == row["machine"]
    metric = row.get("metric", "throughput")
    (found,) = (r for r in result["rows"] if r["target"] == row["target"] and r.get("metric", metric) == metric)
    assert found[row["field"]] == row["value"]
    assert found.get("rounds", found.get("requests")) == row["n"]
    assert measured_rate(name).evidence.badge == "MEASURED"


def test_scaled_rate_lies_between_the_two_roofs_and_is_not_called_measured() -> None:
    rate = measured_rate("minilm on h100")
    low, high = scaled_to(rate, "a10g")
    ratio = float((accelerator("a10g").bf16_flops / accelerator("h100").bf16_flops).to("").magnitude)
    assert low.tokens_per_s == pytest.approx(rate.tokens_per_s * ratio)
    assert low.tokens_per_s < high.tokens_per_s < rate.tokens_per_s
    assert low.evidence.badge == high.evidence.badge == "DERIVED"
    large = for_model(low, LARGE_EMBEDDER, "e5-large")
    assert large.tokens_per_s * LARGE_EMBEDDER == pytest.approx(low.tokens_per_s * low.token_flops)
    assert large.evidence.badge == "DERIVED"
    same = scaled_to(rate, "h100")
    assert same[0].tokens_per_s == same[1].tokens_per_s == rate.tokens_per_s
    with pytest.raises(ValueError, match="cannot be scaled"):
        scaled_to(measured_rate("minilm on two cores"), "a10g")
    with pytest.raises(KeyError, match="minilm on h100"):
        measured_rate("nothing")
