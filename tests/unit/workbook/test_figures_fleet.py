"""Figures of fleets and of held-out errors: titles say what the data say, tables show every point."""

import json
import math

import numpy as np
import pytest

from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.engine_model.record import records
from reference.sizing.evidence import Cited
from reference.sizing.fleet.design import Admission, Autoscaling, FleetDesign, Outage, Region
from reference.sizing.fleet.experiments import compare_routing, retry_storm
from reference.sizing.fleet.simulate import simulate
from reference.sizing.fleet.workload import Workload
from workbook.figures import fleet, held_out
from workbook.figures.machines import machine_rows, machine_table
from workbook.paths import project_root

RESULTS = project_root() / "benchmarks" / "results"
ENGINE = EngineModel(
    "test", StepTime((1, 64), (0.02, 0.04)), EngineLimits(16, 256, 40_000, 4096, 16), Cited("made for a test")
)


@pytest.fixture(scope="module")
def traffic() -> Workload:
    random = np.random.default_rng(1)
    return Workload.of(np.sort(random.uniform(0, 120, 1200)), 100, 20, horizon_s=120.0)


def texts(figure) -> str:
    """Everything that a reader can read on a figure; titles stand on the left."""
    said = []
    for ax in figure.axes:
        said += [ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)]
        said += [text.get_text() for text in ax.get_legend().texts] if ax.get_legend() else []
    return "\n".join(said)


@pytest.mark.slow
def test_a_day_says_how_much_was_answered_and_shades_the_outage(traffic):
    design = FleetDesign(
        ENGINE, (Region("one", Autoscaling(2, 3, cold_start_s=5.0)),), outages=(Outage(40, 20, "zone", 0),),
        usd_per_replica_hour=2.0,
    )  # fmt: skip
    run = simulate(traffic, design)
    figure = fleet.day_panels({"a lost zone": run}, 0.05, window_s=10.0)
    said = texts(figure)
    assert f"{run.answered:.2%} answered" in said
    assert "shaded: outage" in said
    assert f"{run.usd:,.0f} dollars" in said
    assert "p99 over the target in" in said
    assert len(figure.axes) == 4


def test_routing_and_retries_name_their_winner(traffic):
    rows = compare_routing(traffic, FleetDesign.one(ENGINE, 2))
    best = min(rows, key=lambda row: row["ttft_p99_ms"])["name"]
    assert f"shortest tail: {best}" in texts(fleet.routing_bars(rows))
    storms = retry_storm(traffic, FleetDesign.one(ENGINE, 1, admission=Admission()), 2.0)
    said = texts(fleet.retry_storm(storms, window_s=10.0))
    assert all(f"{name}: {run.answered:.1%} answered" in said for name, run in storms.items())


@pytest.mark.slow
def test_a_burst_shows_the_share_in_time_of_every_design(traffic):
    runs = {"one": simulate(traffic, FleetDesign.one(ENGINE, 1)), "two": simulate(traffic, FleetDesign.one(ENGINE, 2))}
    said = texts(fleet.burst_panels(runs, 1.0, window_s=10.0))
    for name, run in runs.items():
        assert f"{name}: {(run.e2e_s <= 1.0).mean():.0%} of all" in said


def test_the_cost_of_a_simulation_is_read_from_its_record():
    record = {
        "rows": [
            {"target": f"{n:,} messages over 50 replicas", "metric": metric, "median": value}
            for n in (1_000_000, 100_000)
            for metric, value in (("wall clock", n * 2e-6), ("events", n * 4), ("CPU", 1.0))
        ]
        + [{"target": "first call of a process", "metric": "compiling", "median": 30.0}]
    }
    rows = fleet.speed_rows(record)
    assert [row["requests"] for row in rows] == [100_000, 1_000_000]
    assert fleet.day_seconds(record, 1_000_000) == pytest.approx(2.0)
    assert "power 1.00 of the requests" in texts(fleet.simulation_cost(rows))


def _table() -> dict:
    def row(load, metric, predicted, measured, saturated=False, void=None):
        return {
            "load": load, "metric": metric, "predicted": predicted, "measured": measured, "low": predicted * 0.9,
            "high": predicted * 1.1, "relative_error": predicted / measured - 1, "saturated": saturated, "void": void,
            "outside": ["batch 99 outside 1..64"] if load == "far" else [],
        }  # fmt: skip

    rows = [row("near", m, 110, 100) for m, _, _ in held_out.METRICS]
    rows += [row("far", m, 200, 100, saturated=True) for m, _, _ in held_out.METRICS]
    rows += [row("bad <b>", m, 500, 100, void="client late") for m, _, _ in held_out.METRICS]
    return {"caption": "made for a test", "rows": rows, "knee": [8, 16]}


def test_void_and_saturated_points_are_shown_and_kept_out_of_the_median():
    table = _table()
    assert held_out.median_error(table, "ttft_p50_ms") == pytest.approx(0.1)
    assert held_out.median_error(table, "ttft_p50_ms", saturated=True) == pytest.approx(1.0)
    assert math.isnan(held_out.median_error({"rows": []}, "ttft_p50_ms"))
    stored = {"machine": "a machine", "versions": {"x": "1"}, "command": "made", "date": "2026-11-29", "table": table}
    page = held_out.held_out_table(stored).data
    assert "MEASURED" in page
    assert "bad &lt;b&gt;" in page
    assert "client late" in page
    assert "batch 99 outside" in page
    assert "measured at 16 users" in page
    assert "median error\nmade 10%" in texts(held_out.ratio_plot({"made": table}))


def test_a_way_without_an_answer_is_said_to_have_none():
    page = held_out.chain_table(
        [{"load": "x", "metric": "m", "unit": "ms", "formula": None, "queueing": 2.0, "simulation": 1.1, "engine": 1.0}]
    ).data
    assert "no answer" in page
    assert "(+100%)" in page
    assert "(+10%)" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", held_out.RECORDED)
def test_recorded_tables_can_be_drawn(name):
    stored = json.loads((RESULTS / held_out.RECORDED[name]).read_text("utf-8"))
    assert stored["table"]["rows"]
    assert held_out.held_out_table(stored).data.count("<tr>") >= 5
    assert len(held_out.chain_table(stored["chain"]).data) > 500
    assert len(held_out.ratio_plot({name: stored["table"]}).axes) == 4


def test_a_machine_without_a_record_stays_not_measured():
    known = records()
    rows = machine_rows(known)
    assert {row["machine"] for row in rows} <= {record.machine for record in known.values()}
    assert any("H100" in row["machine"] for row in rows)
    page = machine_table(known, ("here", "small", 100.0, 8)).to_html()
    assert "not measured" in page
    assert "MEASURED, this run" in page
