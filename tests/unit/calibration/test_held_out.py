"""Predictions come first and belong to their traces; the measurement refuses anything else."""

import copy
import datetime as dt
import json

import pytest

from benchmarks import held_out
from benchmarks.held_out_traces import bursty, draw, load_of
from reference.serving.calibration.probes import Target
from reference.sizing.engine_model.replay import output_lengths


@pytest.fixture(scope="module")
def made(record):
    return held_out.make_predictions(record, seed=3, small=True)


@pytest.fixture
def predictions(made):
    return copy.deepcopy(made)


@pytest.mark.slow
def test_the_same_seed_draws_the_same_traces_and_another_seed_others(record, predictions):
    assert held_out.make_predictions(record, seed=3, small=True)["traces_sha256"] == predictions["traces_sha256"]
    assert held_out.make_predictions(record, seed=4, small=True)["traces_sha256"] != predictions["traces_sha256"]


def test_a_prediction_simulates_the_lengths_that_are_sent(predictions):
    for one in predictions["traces"]:
        load = load_of(one)
        assert load.count == len(one["prompt_tokens"]) == len(one["output_tokens"])
        if one["group"] != "mix":
            assert one["output_tokens"] == output_lengths(load.n_out, 0.25, load.count, load.seed).tolist()
            assert set(one["prompt_tokens"]) == {load.n_in}


@pytest.mark.slow
def test_no_held_out_size_is_calibrated(record):
    from reference.serving.calibration import FULL
    from reference.sizing.engine_model.fit import fit_engine

    calibrated = {(FULL.n_in, FULL.n_out), *((n_in, n_out) for _, n_in, n_out in FULL.others)}
    sent = {(one["mean_in"], one["mean_out"]) for one in draw(fit_engine(record), 3, small=True)}
    assert not sent & calibrated


@pytest.mark.slow
def test_a_full_draw_has_two_hundred_requests_below_saturation_and_a_ladder(record):
    from reference.sizing.engine_model.fit import fit_engine

    traces = draw(fit_engine(record), 8, small=False)
    opened = [one for one in traces if one["group"] == "open"]
    assert len(opened) == 7
    assert all(load_of(one).requests >= 200 for one in opened if "110%" not in one["name"])
    assert len([one for one in traces if one["group"] == "ladder"]) >= 6
    assert any(len(set(one["prompt_tokens"])) > 1 for one in traces)


def test_bursts_are_burstier_than_poisson_and_end_on_time():
    import numpy as np

    gaps = np.diff(bursty(5.0, 4000, 1))
    assert gaps.std() / gaps.mean() == pytest.approx(2.0, rel=0.15)
    assert bursty(5.0, 4000, 1)[-1] == pytest.approx(800.0)


def spoil_trace(made):
    made["traces"][0]["output_tokens"][0] += 1


def spoil_record(made):
    made["record_sha256"] = "0"


def spoil_count(made):
    made["predictions"].pop()


def spoil_time(made):
    made["made"] = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat(timespec="seconds")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (spoil_trace, "hash differs"),
        (spoil_record, "has changed"),
        (spoil_count, "one prediction"),
        (spoil_time, "yet"),
    ],
)
def test_the_measurement_refuses_what_was_not_predicted(record, predictions, formula_engine, spoil, why):
    spoil(predictions)
    with pytest.raises(held_out.Refused, match=why):
        held_out.make_measurement(predictions, record, Target("http://127.0.0.1:9/v1", "m", "k", formula_engine))
    assert not formula_engine.jobs


def test_the_measurement_sends_exactly_the_traces_and_compares(record, predictions, formula_engine):
    read_back = json.loads(json.dumps(predictions, allow_nan=False))
    result = held_out.make_measurement(read_back, record, Target("http://127.0.0.1:9/v1", "m", "k", formula_engine))
    assert [j["arrivals"] for j in formula_engine.jobs] == [one["arrivals"] for one in predictions["traces"]]
    assert [j["output_lengths"] for j in formula_engine.jobs] == [one["output_tokens"] for one in predictions["traces"]]
    assert len(result["points"]) == len(predictions["traces"])
    assert result["predicted_at"] <= result["begun"]
    row = next(r for r in result["rows"] if r["metric"] == "tpot_p50_ms")
    assert row["measured"] == pytest.approx(10.0, rel=1e-3)
    assert row["error"] == pytest.approx(row["predicted"] / 10.0 - 1, rel=1e-3)
    assert set(result["summary"]["request_s"]) == {"all", "below", "above", "coverage"}
    json.dumps(result, allow_nan=False)


def test_without_predictions_nothing_is_measured(record, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(held_out, "RESULTS", tmp_path)
    path = record.save(tmp_path / "records")
    assert held_out.main(["--measure", "--record", str(path)]) == 2
    assert "run --predict first" in capsys.readouterr().err
