"""Figures of question 5 draw what they are given: the numbers of the plan stand in the picture."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from reference.sizing.bill.plan import Assumed, PlanAssumptions, make_plan, source_bill
from reference.sizing.self_hosting import Hosting, breakeven
from workbook.figures import q5_sizing

BILL = source_bill()
# Dear operators, so that one strategy is refused.
DEAR = dataclasses.replace(PlanAssumptions(), small_ops=Assumed(9000.0, 8000.0, 9999.0, "three people on call"))
PLAN = make_plan(BILL.lines(), DEAR, other=BILL.infrastructure, draws=100)
STATED = {"routing": 250e3, "caching": 30e3, "embeddings": 45e3}


def texts(figure: Any) -> list[str]:
    import matplotlib.text

    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.mark.slow
def test_waterfall_falls_by_each_saving_to_the_bill_after() -> None:
    figure = q5_sizing.waterfall(PLAN, STATED)
    bars = figure.axes[0].patches
    drawn = [step for step in PLAN.steps if not step.refused]
    assert bars[0].get_height() == pytest.approx(PLAN.before)
    assert [bar.get_height() for bar in bars[1:-1]] == pytest.approx([step.saving for step in drawn])
    assert bars[-1].get_height() == pytest.approx(PLAN.after)
    found = texts(figure)
    assert found.count("refused") == len(PLAN.steps) - len(drawn) == 1
    assert "-$243K" in found
    assert any(text.startswith(f"{PLAN.share:.0%} saved") for text in found)


def test_shares_show_alone_shapley_and_last() -> None:
    figure = q5_sizing.shares(PLAN)
    widths = [bar.get_width() for bar in figure.axes[0].patches[:3]]
    assert widths == pytest.approx([PLAN.steps[0].alone, PLAN.steps[0].shapley, PLAN.steps[0].last])
    assert any(f"${PLAN.overlap / 1000:,.0f}K twice" in text for text in texts(figure))


@pytest.mark.slow
def test_orders_hold_720_points_of_each_strategy() -> None:
    figure = q5_sizing.orders(PLAN, STATED)
    clouds = figure.axes[0].collections
    assert len(clouds) == 6
    points = np.asarray(clouds[0].get_offsets())[:, 0]
    assert len(points) == 720
    assert np.mean(points) == pytest.approx(PLAN.steps[0].shapley)
    assert any("as the last" in text for text in texts(figure))


def test_breakeven_marks_the_crossing_and_says_where_there_is_none() -> None:
    a = PlanAssumptions()
    hosting = Hosting(a.embed_rate.value, a.embed_gpu_price.value, 0.5, 2, a.embed_ops.value)
    apis = {"ada": 0.10, "small": 0.02}
    figure = q5_sizing.breakeven(hosting, apis, (0.6, 1.006), "Embeddings", ("500M texts", 128e9))
    joined = "\n".join(texts(figure))
    assert f"pays from {breakeven(hosting, 0.10).always / 1e9:,.1f}G tokens a month on\nagainst ada" in joined
    assert "never pays against small" in joined
    assert "500M texts" in joined
    tokens, cost = figure.axes[0].lines[1].get_data()
    assert cost[400] == pytest.approx(hosting.cost(float(tokens[400])))


def test_roadmap_climbs_to_the_saving_by_either_order() -> None:
    order = ("routing", "embeddings", "caching", "prompts", "batching", "small-model")
    figure = q5_sizing.roadmap(PLAN, order)
    ours, theirs = (np.asarray(line.get_ydata()) for line in figure.axes[0].lines[:2])
    weeks, usual = (np.asarray(line.get_xdata()) for line in figure.axes[0].lines[:2])
    assert ours[-1] == pytest.approx(PLAN.saving) == pytest.approx(theirs[-1])
    assert [one.total_saving for one in PLAN.roadmap] == pytest.approx(list(ours[1:]))
    assert np.all(ours[1:] >= np.interp(weeks[1:], usual, theirs) - 1)  # after any week at least as much


def test_stated_bill_names_the_tokens_at_which_a_row_is_true() -> None:
    found = "\n".join(texts(q5_sizing.stated_bill(BILL)))
    assert "$350K: true at 117 in, 58 out" in found
    assert "$2.40M for 800 in, 400 out" in found
    assert "(assumed)" in found


@pytest.mark.slow
def test_figures_of_an_empty_plan_still_draw() -> None:
    empty = make_plan(())
    for draw in (q5_sizing.waterfall, q5_sizing.shares, q5_sizing.orders, q5_sizing.roadmap):
        assert texts(draw(empty))
