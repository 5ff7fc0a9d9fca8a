"""Figures of question 4 draw what they are given: the numbers of the data stand in the picture."""

import functools
from typing import Any

import numpy as np
import pytest

from reference.sizing.claims.q4 import Design, Q4Assumptions, corrected_design_q4
from reference.sizing.claims.q4.design import funnel_q4, reviewers_by_share
from reference.sizing.error_rates import precision_at
from reference.sizing.moderation_simulation import Burst, Outage, Service, simulate_moderation
from reference.sizing.pipeline import ServiceTime, Stage
from workbook.figures import q4_sizing


@functools.cache
def designed() -> Design:
    return corrected_design_q4()


def texts(figure: Any) -> list[str]:
    import matplotlib.text

    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def test_funnel_shows_what_each_tier_sees_and_decides() -> None:
    funnel = funnel_q4(Q4Assumptions(), media_as_text=True)
    figure = q4_sizing.funnel(funnel, {"rules": 0.6})
    found = texts(figure)
    assert "sees 16,667/s, decides 60.0%" in found
    assert "sees 6,667/s, decides 35.0%" in found
    widths = [bar.get_width() for bar in figure.axes[0].patches[:8]]
    assert widths[::2] == pytest.approx(list(funnel.seen.values()))
    marks = [line.get_xydata().tolist() for line in figure.axes[0].lines if len(line.get_xdata())]
    assert marks == [[[pytest.approx(10_000), 0.0]]]


@pytest.mark.slow
def test_fleets_show_every_stage_of_every_plan_and_both_bills() -> None:
    design = designed()
    found = texts(q4_sizing.fleets(design))
    for name in ("stated", "with-room", "corrected"):
        plan = design.plan(name)
        for stage in ("rules", "text model", "image model", "video", "LLM"):
            assert f"   {plan.need(stage).servers:,} x {plan.need(stage).work.machine}" in found
        assert f"  ${plan.machines_usd:,.0f}" in found
        assert f"  ${plan.people_usd:,.0f}" in found


@pytest.mark.slow
def test_reviewers_draw_seats_shift_and_payroll() -> None:
    rows = reviewers_by_share(Q4Assumptions(), (0.001, 0.01, 0.1))
    figure = q4_sizing.reviewers(rows, 170, (0.01, 0.02))
    drawn = [list(line.get_ydata()) for line in figure.axes[0].lines[:3]]
    assert drawn == [[getattr(staff, name) for _, staff in rows] for name in ("seats", "on_shift", "payroll")]
    assert any("170 reviewers" in text for text in texts(figure))


def test_precision_curves_are_bayes_rule() -> None:
    figure = q4_sizing.precision_by_prevalence(0.001, 0.01, {"calm": 0.0001})
    x, y = figure.axes[0].lines[1].get_data()
    assert y[60] == pytest.approx(precision_at(float(x[60]), 0.001, 0.01))
    assert any("calm: 0.01 % violate, 9% of the removals right" in text for text in texts(figure))


@pytest.mark.slow
def test_bad_days_shade_the_event_and_say_what_it_came_to() -> None:
    stage = Stage("model", ServiceTime.exponential(0.02), 10)
    service = Service({"text": 1.0}, (stage,), {"text": ("model",)}, deadlines={"model": 0.5})
    events = {"waits": (Outage(("model",), 10, 5),), "escalates": (Outage(("model",), 10, 5),), "burst": (Burst(5, 5),)}
    runs = {
        name: simulate_moderation(
            service, 350, 40, events=event, policy="escalate" if name == "escalates" else "queue", validate=False
        )
        for name, event in events.items()
    }
    figure = q4_sizing.bad_days(runs, {"limit": 0.5})
    joined = "\n".join(texts(figure))
    assert f"{int(runs['escalates'].escalated.sum()):,} posts to people" in joined
    assert "recovered after" in joined
    assert joined.count("outage") == 2
    line = np.asarray(figure.axes[0].lines[0].get_ydata())
    assert line == pytest.approx(runs["waits"].timeline()["p99"])
    assert not figure.axes[3].get_visible()
