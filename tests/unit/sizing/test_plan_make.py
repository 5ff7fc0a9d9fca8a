"""The plan as a whole: one end for all orders, no bill below zero, refusals that say their figure, honest ranges."""

import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_strategies import fixed, lines, plain

from reference.sizing.bill.lines import BillError, Line
from reference.sizing.bill.plan import NAMES, Assumed, PlanAssumptions, make_plan, source_bill
from reference.sizing.bill.plan.subsets import Figures, bill_of, bills, merged
from reference.sizing.bill.prices import cost_of
from reference.sizing.hardware import NoPrice

BILL = source_bill().lines()
OTHER = 20_000.0
PLAN = make_plan(BILL, other=OTHER, draws=400)
FREE = {"router_cost": 0.0, "route_monthly": 0.0, "cache_monthly": 0.0, "lookup_cost": 0.0, "false_hit_rate": 0.0}


def test_savings_of_all_orders_end_at_the_same_bill() -> None:
    ends = zip(*PLAN.over_orders().values(), strict=True)
    assert all(PLAN.before - sum(savings) == pytest.approx(PLAN.after) for savings in ends)
    for order in list(itertools.permutations(NAMES))[::37]:
        plan = make_plan(BILL, order=order, other=OTHER, draws=0)
        assert plan.after == pytest.approx(PLAN.after)
        assert plan.before - sum(step.saving for step in plan.steps) == pytest.approx(plan.after)
        assert {step.name: step.shapley for step in plan.steps} == {
            step.name: pytest.approx(step.shapley) for step in PLAN.steps
        }


@settings(max_examples=25, deadline=None)
@given(bill=lines, other=st.floats(0, 1e5), seed=st.integers(0, 9))
def test_no_plan_makes_a_bill_dearer_or_negative(bill: tuple[Line, ...], other: float, seed: int) -> None:
    plan = make_plan(bill, other=other, draws=20, seed=seed)
    assert plan.before == pytest.approx(cost_of(bill) + other)
    assert 0 <= plan.after <= plan.before * (1 + 1e-9) + 1e-9
    assert other <= plan.after * (1 + 1e-9) + 1e-9
    assert plan.saving <= plan.before * (1 + 1e-9)
    assert sum(step.shapley for step in plan.steps) == pytest.approx(plan.saving, abs=1e-6)
    assert sum(one.saving for one in plan.roadmap) == pytest.approx(plan.saving, abs=1e-6)
    for step in plan.steps:
        assert step.least <= step.shapley * (1 + 1e-9) + 1e-6
        assert step.shapley <= step.most * (1 + 1e-9) + 1e-6
        assert not step.refused or step.saving == step.shapley == step.alone == step.last == 0


@settings(max_examples=20, deadline=None)
@given(bill=lines)
def test_each_of_the_64_bills_is_the_strategies_applied_one_after_the_other(bill: tuple[Line, ...]) -> None:
    f, together = Figures.expected(PlanAssumptions()), merged(bill, set())
    assert cost_of(together) == pytest.approx(cost_of(bill))
    found = bills(bill, f, PlanAssumptions(), 5.0)
    assert found.shape == (64,)
    for mask in range(64):
        names = {name for i, name in enumerate(NAMES) if mask >> i & 1}
        assert found[mask] == pytest.approx(bill_of(names, together, f, 5.0), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("exact_hit_rate", 0.1, 0.3), ("route_share", 0.2, 0.6), ("batch_share", 0.1, 0.5), ("system_share", 0.1, 0.3)],
)
def test_more_of_a_free_strategy_never_costs_more(name: str, low: float, high: float) -> None:
    less, more = (make_plan(BILL, plain(**FREE, **{name: value}), draws=0) for value in (low, high))
    assert more.after < less.after


def test_false_answers_are_priced_in_until_the_cache_no_longer_pays() -> None:
    cheap = make_plan(BILL, plain(false_answer_cost=0.0), draws=0).step("caching")
    some = make_plan(BILL, plain(false_answer_cost=0.02), draws=0).step("caching")
    dear = make_plan(BILL, plain(false_answer_cost=5.0), draws=0).step("caching")
    false = 250e6 * PlanAssumptions().semantic_hit_rate.value * 0.01 * 0.02
    assert cheap.saving - some.saving == pytest.approx(false)
    assert dear.saving == 0
    assert dear.forgone < 0
    assert "more than it saves" in dear.refused


def test_a_loss_of_quality_above_the_bound_is_refused_with_both_figures_and_saves_nothing() -> None:
    base = PlanAssumptions()
    worse = dataclasses.replace(base, route_quality_loss=Assumed(0.04, 0.02, 0.08, "measured on 200 questions"))
    plan = make_plan(BILL, worse, other=OTHER, draws=50)
    step = plan.step("routing")
    assert "8.0% of the right answers" in step.refused
    assert "5.0% allowed" in step.refused
    assert step.saving == step.low == step.high == step.shapley == 0
    assert step.forgone > 200_000
    assert "routing" not in {one.name for one in plan.roadmap}
    assert plan.after > PLAN.after
    allowed = make_plan(BILL, dataclasses.replace(worse, max_quality_loss=0.08), other=OTHER, draws=0)
    assert allowed.step("routing").refused == ""
    assert allowed.after == pytest.approx(PLAN.after)


def test_losses_of_the_steps_that_are_done_add_up_to_one_of_the_plan() -> None:
    kept = 1.0
    for step in PLAN.steps:
        if not step.refused:
            kept *= 1 - step.quality_loss
    assert PLAN.quality_loss == pytest.approx(1 - kept)
    assert PLAN.quality_loss > max(step.quality_loss for step in PLAN.steps if not step.refused)


def test_the_volume_scales_the_bill() -> None:
    assert make_plan(BILL, plain(volume=2.0), draws=0, other=5.0).before == pytest.approx(2 * cost_of(BILL) + 5)


def test_false_hits_count_as_lost_answers() -> None:
    assert make_plan(BILL, plain(semantic_hit_rate=0.3, false_hit_rate=0.2), draws=0).step("caching").refused
    assert PLAN.step("caching").quality_loss == pytest.approx(0.15 * 0.03)


def test_gpus_for_a_small_bill_are_refused() -> None:
    plan = make_plan((Line("text-embedding-3-small", 1000, 1e6, kind="embedding"), Line("gpt-4o-mini", 100, 1e5, 1e4)))
    assert plan.step("embeddings").refused
    assert plan.step("small-model").refused
    assert plan.after <= plan.before < 1


def test_the_roadmap_takes_the_most_per_week_of_what_is_left() -> None:
    weeks = [one.per_week for one in PLAN.roadmap]
    assert PLAN.roadmap[0].name == "routing"
    assert weeks == sorted(weeks, reverse=True)  # this bill has no step that helps another
    assert PLAN.roadmap[-1].total_saving == pytest.approx(PLAN.saving)
    slow = make_plan(BILL, plain(route_weeks=50.0), other=OTHER, draws=0)
    assert slow.roadmap[0].name != "routing"


def test_stand_alone_savings_promise_more_than_all_together() -> None:
    assert PLAN.overlap > 100_000
    assert PLAN.overlap == pytest.approx(sum(step.alone for step in PLAN.steps) - PLAN.saving)
    only = make_plan((Line("text-embedding-ada-002", 5e8, 5e11, kind="embedding"),), plain(batch_embedding_share=0.0))
    assert only.overlap == pytest.approx(0)


def test_ranges_hold_the_middle_and_vanish_with_certain_figures() -> None:
    for step in PLAN.steps:
        assert step.low <= step.high
    assert PLAN.after_low < PLAN.after_high
    certain = PlanAssumptions(
        **{row["name"]: fixed(row["value"]) for row in PlanAssumptions().describe()}  # type: ignore[arg-type]
    )
    plan = make_plan(BILL, certain, other=OTHER, draws=30)
    assert plan.after_low == pytest.approx(plan.after_high) == pytest.approx(PLAN.after)
    for step in plan.steps:
        assert step.low == pytest.approx(step.high) == pytest.approx(step.saving)


def test_ranges_are_the_same_for_a_seed_and_agree_between_seeds() -> None:
    one, same, other = (make_plan(BILL, other=OTHER, draws=400, seed=seed) for seed in (1, 1, 2))
    assert one.to_dict() == same.to_dict() == PLAN.to_dict()
    assert other.after_high == pytest.approx(one.after_high, rel=0.1)


def test_draws_are_those_of_their_range() -> None:
    drawn = Figures.drawn(PlanAssumptions(), 4000, 3)
    a = PlanAssumptions()
    assert drawn["route_share"].min() >= a.route_share.low
    assert drawn["route_share"].max() <= a.route_share.high
    middle = (a.route_share.low + a.route_share.value + a.route_share.high) / 3  # mean of a triangle
    assert np.mean(drawn["route_share"]) == pytest.approx(middle, abs=0.01)


def test_an_empty_bill_has_a_plan_of_nothing() -> None:
    plan = make_plan(())
    assert plan.before == plan.after == plan.saving == plan.share == plan.overlap == plan.quality_loss == 0
    assert plan.roadmap == ()
    assert all(step.refused for step in plan.steps)
    zero = make_plan((Line("gpt-4o", 0, 0), Line("text-embedding-3-small", 0, 0, kind="embedding")))
    assert zero.before == zero.after == 0


def test_features_named_in_the_assumptions_have_their_own_share() -> None:
    bill = (Line("gpt-4o", 1e6, 1e9, 1e8, feature="legal"), Line("gpt-4o", 1e6, 1e9, 1e8, feature="chat"))
    a = dataclasses.replace(plain(**FREE), by_feature={"route_share": {"legal": fixed(0.0)}})
    both, one = make_plan(bill, plain(**FREE), draws=0), make_plan(bill, a, draws=0)
    assert one.step("routing").alone == pytest.approx(both.step("routing").alone / 2)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"order": ("routing",)}, "order: must name each of routing"),
        ({"order": (*NAMES[:5], "routing")}, "order"),
        ({"draws": 5}, "draws: must be 0 or at least 20"),
        ({"other": -1.0}, "other: must be 0 or more"),
    ],
)
def test_senseless_call_is_refused_by_its_field(kwargs: dict[str, Any], says: str) -> None:
    with pytest.raises(BillError, match=says):
        make_plan(BILL, **kwargs)


def test_a_model_without_a_price_is_named() -> None:
    with pytest.raises(NoPrice, match="no-such-model"):
        make_plan((Line("no-such-model", 1, 1),))


def test_json_form_holds_every_step_and_assumption() -> None:
    document = json.loads(json.dumps(PLAN.to_dict()))
    assert [step["name"] for step in document["steps"]] == list(NAMES)
    assert document["before"] - document["saving"] == pytest.approx(document["after"])
    assert {row["name"] for row in document["assumptions"]} >= {"route_share", "embed_rate"}
    assert all(row["why"] for row in document["assumptions"])


def test_many_lines_with_many_tenants_are_planned_as_a_few() -> None:
    bill = tuple(Line("gpt-4o", 10.0, 1000.0, 100.0, tenant=f"t{i}", feature=f"f{i % 7}") for i in range(500))
    assert len(merged(bill, set())) == 1
    assert len(merged(bill, {"f1", "f2"})) == 3
    lengths = (100.0, 1000.0, 2000.0, 2010.0, 4000.0)  # the two short ones are alike, and so are the two of 2,000
    assert len(merged([Line("gpt-4o", 1.0, tokens) for tokens in lengths], set())) == 3
    assert make_plan(bill, draws=20).before == pytest.approx(cost_of(bill))
