"""Figures of question 7's sizing draw what they are given: the numbers of the data stand in the picture."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from reference.sizing.inference_modes import economics
from reference.sizing.inference_modes.decision import decision_table
from reference.sizing.inference_modes.scenarios import scenarios
from reference.sizing.pipeline import ServiceTime
from workbook.figures import q7_sizing

SETTING = economics.Setting(ServiceTime.lognormal(60.0, 0.5), seconds=2 * 3600.0)
RECORD = Path(__file__).resolve().parents[3] / "benchmarks" / "results" / "job_fleet.json"


def texts(figure: Any) -> list[str]:
    import matplotlib.text

    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def test_the_table_frames_the_mode_that_is_taken_and_prints_its_cost() -> None:
    decisions = decision_table(scenarios()[2:5])
    figure = q7_sizing.decision_table(decisions)
    found = texts(figure)
    frames = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
    places = [(round(frame.get_x() - 0.012), round(frame.get_y() - 0.04)) for frame in frames]
    modes = list(decisions[0].assessments)
    assert places == [(modes.index(one.recommended), row) for row, one in enumerate(decisions)]
    for one in decisions:
        assert one.recommended is not None
        cost = one.assessments[one.recommended].usd_per_1000
        assert any(f"${q7_sizing._dollars(cost or 0.0)} per 1,000" in text for text in found)


def test_the_crossing_is_noted_where_it_is_given() -> None:
    rows = economics.sweep(SETTING, [1.0], [1.0, 4.0])
    figure = q7_sizing.fleet_costs(rows, {1.0: 2.5})
    assert any("cheaper from 2.5 times the mean on" in text for text in texts(figure))
    drawn = figure.axes[0].lines[0].get_ydata().tolist()
    assert drawn == pytest.approx([row["scaled_over_always_on"] for row in rows])


@pytest.mark.slow
def test_waits_costs_and_interruptions_are_those_of_the_runs() -> None:
    found = economics.frontier(SETTING, 1.0, 4.0, waits=(60, 300))
    figure = q7_sizing.frontier(found, SETTING.deadline_s)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [row["usd_per_1000"] for row in found["always on"]]
    rows = economics.interruptions(SETTING, 1.0, 4.0, [0.0, 4.0], notices=(0.0, 30.0))
    figure = q7_sizing.interruptions(rows)
    assert {"no notice", "30 s notice", "on demand"} <= set(texts(figure))
    assert figure.axes[1].lines[-1].get_ydata()[0] == rows[0]["on_demand"]
    assert rows[0]["usd_per_1000"] == pytest.approx(SETTING.spot.price_factor * rows[0]["on_demand"])


def test_workers_over_time_name_what_each_fleet_costs() -> None:
    runs = economics.compare(dataclasses.replace(SETTING, seconds=3600.0), 1.0, 2.0)
    found = texts(q7_sizing.workers_over_time(runs, 1.0))
    for run in runs:
        assert f"{run.plan.name}: ${run.usd_per_1000:.2f} per 1,000" in found


def test_real_and_simulated_fleets_are_drawn_from_the_committed_record() -> None:
    record = json.loads(RECORD.read_text("utf-8"))
    figure = q7_sizing.against_real(record, ["mean wait"])
    measured = [row["median"] for row in record["rows"] if row["metric"] == "mean wait, measured"]
    simulated = [row["median"] for row in record["rows"] if row["metric"] == "mean wait, simulated"]
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines[1:]]
    assert points == list(zip(measured, simulated, strict=True))
    assert all(row["median"] == 0 for row in record["rows"] if row["metric"] == "lost")
