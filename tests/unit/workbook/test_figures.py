"""Figures draw what they are given: the numbers of the data stand in the picture, void points are marked."""

from __future__ import annotations

import dataclasses
import io

import pytest

from reference.serving.experiments.gateway_traffic import Answer, running_hit_rate
from reference.serving.experiments.knee import knee
from reference.serving.experiments.prefix_cache import PrefixCacheResult, Timed
from reference.serving.load import LoadPoint, Summary
from reference.sizing import magnitude
from reference.sizing.claims import claims
from reference.sizing.claims.q1 import Q1Assumptions
from reference.sizing.claims.q1.drivers import cost_drivers
from workbook.figures import q1_explorer, q1_running, q1_sizing


def summary(value: float) -> Summary:
    fields = {f.name: value for f in dataclasses.fields(Summary)}
    return Summary(**{**fields, "p95": value * 2} if "p95" in fields else fields)


def point(concurrency: int, tok_s: float, **changes) -> LoadPoint:
    values = {}
    for f in dataclasses.fields(LoadPoint):
        if f.type in ("Summary", Summary):
            values[f.name] = summary(10.0 * concurrency)
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            values[f.name] = {"mode": "closed", "started": "2026-01-01"}.get(f.name, 1)
    return LoadPoint(**{**values, "concurrency": concurrency, "output_tok_s": tok_s, "rate": None, **changes})


@dataclasses.dataclass
class Run:
    points: tuple

    def valid(self):
        return tuple(p for p in self.points if not p.void)


def texts(figure) -> str:
    import matplotlib.text

    return "\n".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))


def drawn(figure) -> None:
    figure.savefig(io.BytesIO(), format="png")


def test_knee_is_the_last_point_before_doubling_stops_paying():
    curve = [point(c, t) for c, t in ((1, 30), (2, 55), (4, 100), (8, 180), (16, 190), (32, 191))]
    assert knee(curve).concurrency == 8
    assert knee(curve[:3]).concurrency == 4
    with pytest.raises(ValueError, match="no points"):
        knee([])


def test_step_that_is_no_doubling_is_scaled_to_one():
    assert knee([point(16, 100), point(24, 116), point(48, 117)]).concurrency == 24


@pytest.mark.slow
def test_void_points_are_marked_and_left_out_of_the_curve():
    run = Run((point(1, 30), point(4, 100), dataclasses.replace(point(8, 900), void=True, void_reason="client")))
    figure = q1_running.load_curve(run, run.points[1], 500, 100)
    drawn(figure)
    assert texts(figure).count("void") == 3
    lines = [line for ax in figure.axes for line in ax.lines if line.get_label() == "median"]
    assert all(list(line.get_xdata()) == [1, 4] for line in lines)


def test_claims_table_shows_every_claim_with_its_verdict():
    ledger = claims(1)
    page = q1_sizing.claims_table(ledger)
    assert [f"<tr id='claim-{c.id}'>" in page for c in ledger] == [True] * len(ledger)
    counts = q1_sizing.verdict_counts(ledger)
    for verdict in ("holds", "does-not-hold", "depends"):
        expected = sum(str(c.verdict) == verdict for c in ledger)
        assert f"{expected} {verdict.replace('-', ' ')}" in counts
        assert page.count(f"<b>{verdict}</b>") == expected


@pytest.mark.slow
def test_tornado_shows_the_widest_swing_on_top():
    drivers = cost_drivers()
    widths = [swing.width for swing in drivers.swings]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0
    figure = q1_sizing.tornado_plot(drivers)
    drawn(figure)
    assert figure.axes[0].get_yticklabels()[0].get_text() == drivers.swings[0].name.replace("_", " ")


@pytest.mark.slow
def test_cost_rises_with_users_and_falls_with_a_shared_prefix():
    swings = {swing.name: swing for swing in cost_drivers().swings}
    assert swings["daily_users"].at_high > swings["daily_users"].at_low
    assert swings["shared_prefix"].at_high < swings["shared_prefix"].at_low


def test_moving_a_slider_redraws_the_table_for_the_new_assumption(monkeypatch):
    seen = []
    monkeypatch.setattr(q1_explorer, "design_table", lambda a: seen.append(a) or "table")
    box = q1_explorer.explorer(Q1Assumptions())
    assert len(box.children) == len(q1_explorer.SLIDERS) + 1
    assert magnitude(seen[-1].daily_users, "user") == pytest.approx(1e6)
    box.children[0].value = 3000  # thousand users
    assert magnitude(seen[-1].daily_users, "user") == pytest.approx(3e6)
    assert seen[-1].prompt == Q1Assumptions().prompt


@pytest.mark.slow
def test_table_follows_the_assumptions():
    a = Q1Assumptions()
    more = dataclasses.replace(a, daily_users=a.daily_users * 4)
    assert q1_explorer.design_table(a) != q1_explorer.design_table(more)


def test_impossible_assumptions_give_a_message_instead_of_a_table():
    a = dataclasses.replace(Q1Assumptions(), gpus_per_instance=1)
    assert "short" in q1_explorer.design_table(a)


def test_hit_rate_counts_hits_and_shared_flights():
    answers = [Answer(200, kind, 0.1, {}, {}) for kind in ("miss", "hit", "coalesced", "miss")]
    assert running_hit_rate(answers) == [0, 0.5, 2 / 3, 0.5]


def test_prefix_ratios_are_of_medians():
    result = PrefixCacheResult(
        8,
        tuple(Timed(t, t + 1, 100, 0) for t in (0.9, 1.0, 5.0)),
        tuple(Timed(0.1, 1.1, 100, 64) for _ in range(3)),
        1,
        2,
    )
    assert result.ttft_ratio == pytest.approx(10)
    assert result.e2e_ratio == pytest.approx(2 / 1.1)
    assert result.cached_tokens == 64
    figure = q1_running.prefix_bars(result, 2.0, claimed=3)
    drawn(figure)
    assert "first token: 10.0x faster" in texts(figure)


def test_demand_plot_states_fleet_and_peak():
    figure = q1_sizing.demand_against_fleet(100, 200, 300, 50, 120, 10)
    drawn(figure)
    assert "carries 120 a minute" in texts(figure)
    assert "brings 300" in texts(figure)
