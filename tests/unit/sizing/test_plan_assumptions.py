"""Assumptions of a plan: documented, read from TOML, and refused by the name of the field."""

from pathlib import Path

import pytest

from reference.sizing.bill.lines import BillError
from reference.sizing.bill.plan import Assumed, PlanAssumptions
from reference.sizing.bill.prices import model_price

ROOT = Path(__file__).resolve().parents[3]


def read(tmp_path: Path, text: str) -> PlanAssumptions:
    file = tmp_path / "plan.toml"
    file.write_text(text)
    return PlanAssumptions.from_toml(file)


def test_every_figure_has_a_range_and_says_why() -> None:
    rows = PlanAssumptions().describe()
    assert len(rows) > 30
    for row in rows:
        assert row["low"] <= row["value"] <= row["high"]
        assert len(row["why"]) > 10


def test_rates_of_gpus_rest_on_measurements_that_are_named() -> None:
    why = {row["name"]: row["why"] for row in PlanAssumptions().describe()}
    assert "benchmarks/results/gpu_embeddings.json" in why["embed_rate"]
    assert "DERIVED" in why["embed_rate"]
    assert "benchmarks/results/gpu_vllm_closed.json" in why["small_rate"]
    assert all((ROOT / f"benchmarks/results/{name}.json").exists() for name in ("gpu_embeddings", "gpu_vllm_closed"))


def test_default_routes_lead_to_models_that_cost_less() -> None:
    a = PlanAssumptions()
    for strong, cheap in a.routes.items():
        assert model_price(cheap).output < model_price(strong).output
    for model in a.small_models:
        assert model_price(model).model == model


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    a = read(
        tmp_path,
        """
        route_share = 0.5
        max_quality_loss = 0.02
        small_models = ["gpt-4o-mini"]
        exact_hit_rate = { value = 0.1, low = 0.05, high = 0.2, why = "our logs of October" }
        [routes]
        gpt-4o = "gpt-4.1-nano"
        [by_feature.batch_share]
        reports = 0.9
        search = { value = 0.1, high = 0.3 }
        """,
    )
    default = PlanAssumptions()
    assert a.route_share == Assumed(0.5, 0.5, 0.5, "given, without a range")
    assert a.exact_hit_rate == Assumed(0.1, 0.05, 0.2, "our logs of October")
    assert a.max_quality_loss == 0.02
    assert a.small_models == ("gpt-4o-mini",)
    assert a.routes == {"gpt-4o": "gpt-4.1-nano"}
    assert a.by_feature["batch_share"]["reports"].value == 0.9
    assert a.by_feature["batch_share"]["search"].high == 0.3
    assert a.semantic_hit_rate == default.semantic_hit_rate


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("route_sahre = 0.5", "route_sahre: no such assumption; did you mean route_share?"),
        ('route_share = "a lot"', "route_share: must be a number, got 'a lot'"),
        ("route_share = true", "route_share: must be a number"),
        ("route_share = 70", "route_share: is a share from 0 to 1, got 70; write 0.2 for 20 %"),
        ("route_share = -0.1", "route_share: must be 0 or more"),
        ("route_share = nan", "route_share: value: must be a finite number"),
        ("route_share = { value = 0.5, low = 0.6 }", "route_share: low, value, high: must rise"),
        ("route_share = { low = 0.5 }", "route_share: needs value"),
        ("route_share = { value = 0.5, lo = 0.4 }", "route_share: .*not lo"),
        ("route_weeks = 0", "route_weeks: must be above 0"),
        ("embed_rate = 0", "embed_rate: must be above 0"),
        ("max_quality_loss = 2", r"max_quality_loss: must lie in \[0, 1\]"),
        ("exact_hit_rate = 0.9", "exact_hit_rate, semantic_hit_rate: .* pass 1"),
        ("system_share = 0.9", "system_share, example_share: .* pass 1"),
        ('small_models = "gpt-4o"', "small_models: must be a list"),
        ("routes = 3", r"routes: must be a table, write \[routes\]"),
        ('[routes]\ngpt-4o = "gpt-4o"', "routes.gpt-4o: leads to itself"),
        ("[routes]\ngpt-4o = 4", "routes.gpt-4o: must be a text"),
        ("[by_feature.cache_weeks]\na = 1", "by_feature.cache_weeks: only route_share"),
        ("[by_feature.route_share]\na = 2", "by_feature.route_share.a: is a share"),
        ("by_feature = 1", "by_feature: must be a table"),
        ("route_share = ", "is not TOML"),
    ],
)
def test_bad_file_is_refused_by_file_field_and_mend(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BillError, match=says) as caught:
        read(tmp_path, text)
    assert "plan.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BillError, match=r"nothing\.toml: cannot be read"):
        PlanAssumptions.from_toml(tmp_path / "nothing.toml")
