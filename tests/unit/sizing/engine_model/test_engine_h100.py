"""The records of the H100: every figure is in its source, and points that the fit did not see are predicted."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.gpu import to_calibration
from reference.sizing.engine_model.errors import compare
from reference.sizing.engine_model.fit import fit_engine
from reference.sizing.engine_model.predict import predict, predict_closed
from reference.sizing.engine_model.record import FOLDER, records

RESULTS = Path(__file__).parents[4] / "benchmarks" / "results"


def source(key):
    return json.loads((RESULTS / f"{to_calibration.KEYS[key]}.json").read_text("utf-8"))


@pytest.mark.parametrize("key", to_calibration.KEYS)
def test_every_figure_of_a_point_stands_in_the_benchmark(key):
    found, rows = records()[key], source(key)["rows"]
    by_load = {}
    for row in rows:
        words = row["target"].split()
        if words[0] in ("closed", "open"):
            by_load[float(words[-1]) if words[0] == "closed" else float(words[3])] = row
    assert len(found.points) == len(by_load)
    for point in found.points:
        row = by_load[point.concurrency or point.rate]
        assert (point.requests, point.seconds, point.output_tok_s) == (
            row["requests"],
            row["seconds"],
            row["output_tokens_per_s"],
        )
        for name in ("ttft", "tpot"):
            for q in (50, 90, 99):
                assert getattr(point, f"{name}_p{q}_ms") == row[f"{name}_p{q}_ms"]
        assert point.request_s == pytest.approx(row["requests"] / row["seconds"], abs=1e-4)
        # The benchmark's own token rate agrees with its requests: 128 tokens each.
        assert point.output_tok_s == pytest.approx(128 * point.request_s, rel=1e-3)
    lone = {int(r["target"].split()[1][:-1]): r["ttft_p50_ms"] for r in rows if r["target"].startswith("prompt")}
    assert {p.prompt: p.ms.median for p in found.prefills} == lone


@pytest.mark.parametrize("key", to_calibration.KEYS)
def test_limits_and_conditions_are_those_of_the_benchmark(key):
    found, made = records()[key], source(key)
    blocks, block = made["conditions"]["kv blocks, block size"]
    assert found.limits.kv_tokens == blocks * block
    assert found.date.isoformat() == made["date"][:10]
    assert (found.command, found.versions) == (made["command"], made["versions"])
    assert found.start_up_s == made["conditions"]["engine start, s"]
    assert (found.weights, found.gpus, found.hardware) == ("random", 1, "h100")
    assert found.limits.max_num_seqs == (512 if key.endswith("wide") else 128)
    if "max_num_seqs, max_num_batched_tokens" not in made["conditions"]:
        assert "not recorded" in found.conditions["limits"]


@pytest.mark.slow
@pytest.mark.parametrize("key", to_calibration.KEYS)
def test_the_script_makes_the_files_that_are_there(key, tmp_path):
    path = to_calibration.convert(key).save(tmp_path)
    assert path.read_text("utf-8") == (FOLDER / path.name).read_text("utf-8")


def test_replayed_arrivals_fill_the_fifteen_seconds_that_the_benchmark_sent_for():
    opened = [p for p in records()["h100-llama-3.1-8b-bf16"].points if p.rate]
    assert len(opened) == 8
    rows = [row for row in source("h100-llama-3.1-8b-bf16")["rows"] if row["target"].startswith("open")]
    for point, row in zip(opened, rows, strict=True):
        assert len(point.arrivals) == row["requests"]
        assert point.arrivals == sorted(point.arrivals)
        assert point.arrivals[0] == 0
        assert 14.5 < point.arrivals[-1] < 15.0
        # The lag that is left over is small and the same for all rows, or the replay would be of another sequence.
        mean_gap = point.arrivals[-1] / (len(point.arrivals) - 1)
        assert 0.9 / point.rate < mean_gap < 1.15 / point.rate


def used(point):
    return point.concurrency in (1, 8, 32, 128)


@pytest.fixture(scope="module")
def bf16():
    return fit_engine(records()["h100-llama-3.1-8b-bf16"], use=used)


@pytest.mark.slow
def test_held_out_points_of_the_h100_are_predicted(bf16):
    held = [point for point in bf16.record.points if not used(point)]
    assert len(held) == 14
    table = compare([predict(bf16, point) for point in held], held)
    assert table.median_error("output_tok_s", saturated=False) < 0.03
    assert table.median_error("tpot_p50_ms", saturated=False) < 0.05
    assert table.median_error("output_tok_s", saturated=True) < 0.05
    assert table.median_error("tpot_p50_ms", saturated=True) < 0.06
    assert table.median_error("ttft_p50_ms", saturated=False) < 0.35
    assert table.coverage() > 0.7
    assert table.knee[0] == pytest.approx(table.knee[1], rel=0.5)


@pytest.mark.slow
def test_held_out_points_of_the_h100_in_fp8_are_predicted():
    fitted = fit_engine(records()["h100-llama-3.1-8b-fp8"], use=used)
    held = [point for point in fitted.record.points if not used(point)]
    table = compare([predict(fitted, point) for point in held], held)
    assert table.median_error("output_tok_s") < 0.04
    assert table.median_error("tpot_p50_ms") < 0.05
    assert table.median_error("ttft_p50_ms") < 0.2


def test_a_wider_engine_is_outside_of_what_the_narrow_one_measured(bf16):
    from dataclasses import replace

    from reference.sizing.engine_model.fit import limits_of

    wide = records()["h100-llama-3.1-8b-bf16-wide"]
    widened = replace(bf16, model=replace(bf16.model, limits=limits_of(wide)))
    found = predict_closed(widened, 512, 512, 128, requests=1024, warmup=0, cooldown=0)
    assert found.outside
    assert found.outside[0].startswith("batch ")
    point = next(p for p in wide.points if p.concurrency == 512)
    assert math.isclose(found.output_tok_s, point.output_tok_s, rel_tol=0.1)  # and yet close
