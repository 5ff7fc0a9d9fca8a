"""`workbook calibrate`: what it refuses before measuring, and that a record is written whole or not at all."""

import datetime as dt
import json

import pytest

from reference.serving.calibration import CalibrationError
from reference.sizing.engine_model.record import CalibrationRecord, Limits, LoadPoint, PrefillPoint, Spread, StepPoint
from workbook.commands import calibrate as command

MS = Spread(median=20.0, p25=19.0, p75=22.0, n=9)


@pytest.fixture
def record() -> CalibrationRecord:
    return CalibrationRecord(
        key="made-up",
        machine="made up",
        engine="vllm 0",
        model="smollm2-135m",
        versions={"vllm": "0"},
        command="none",
        date=dt.date(2026, 1, 1),
        spread="one round",
        conditions={"saturation_request_s": 4.2, "load_average_before": 0.1},
        limits=Limits(max_num_seqs=8, max_num_batched_tokens=64, kv_tokens=2048, max_model_len=1024),
        steps=[StepPoint(batch=1, context=20, ms=MS)],
        prefills=[PrefillPoint(prompt=144, ms=MS), PrefillPoint(prompt=144, cached=128, ms=MS)],
        points=[
            LoadPoint(
                concurrency=1, n_in=8, n_out=8, requests=8, seconds=1.0, request_s=4.2, output_tok_s=33.6,
                ttft_p50_ms=5.0, ttft_p99_ms=6.0, tpot_p50_ms=2.0, tpot_p99_ms=3.0, void="the client was too slow",
            )
        ],
    )  # fmt: skip


@pytest.fixture
def measured(monkeypatch, record):
    """The command with a measurement in place of the engine; yields the calls."""
    calls = []

    def run(*given):
        calls.append(given)
        return record

    monkeypatch.setattr(command, "_calibrate_running", run)
    return calls


def test_a_record_is_written_and_shown_with_what_to_do_next(cli, measured, tmp_path):
    done = cli("calibrate", "--quick", "--out", str(tmp_path))
    assert done.exit_code == 0
    assert CalibrationRecord.load(tmp_path / "made-up.json").points[0].void == "the client was too slow"
    for part in ("saturation: 4.2", "128 of 144 tokens cached", "one round", "pull request", "made-up.json"):
        assert part in done.stdout
    assert measured[0][4] == "workbook calibrate --quick"


def test_json_holds_the_path_and_the_record(cli, measured, tmp_path):
    printed = json.loads(cli("calibrate", "--out", str(tmp_path), "--json").stdout)
    assert printed["path"] == str(tmp_path / "made-up.json")
    assert printed["record"]["key"] == "made-up"


def test_what_a_foreign_server_was_started_with_is_handed_on(cli, measured, tmp_path):
    cli("calibrate", "--url", "http://127.0.0.1:1", "--max-num-seqs", "4", "--out", str(tmp_path))
    assert measured[0][-1] == ["--max-num-seqs", "4"]


def test_a_folder_that_cannot_be_written_is_refused_before_measuring(cli, measured, tmp_path):
    (tmp_path / "file").write_text("")
    done = cli("calibrate", "--out", str(tmp_path / "file"))
    assert done.exit_code == 3
    assert "cannot be written" in done.stderr
    assert not measured


@pytest.mark.parametrize(("options", "part"), [
    (["--shape", "smollm2-135m", "--url", "http://127.0.0.1:1"], "--shape starts an engine of its own"),
    (["--dtype", "fp8"], "belong to --shape"),
    (["--speculation", "ngram"], "belong to --shape"),
    (["--model", "m"], "belong to --url"),
    (["--max-num-seqs", "4"], "belong to --url"),
    (["--shape", "gpt-9"], "no shape gpt-9"),
])  # fmt: skip
def test_options_that_do_not_go_together_are_refused(cli, measured, tmp_path, options, part):
    done = cli("calibrate", "--out", str(tmp_path), *options)
    assert done.exit_code == 2
    assert part in done.stderr
    assert not measured


def test_fp8_without_a_gpu_is_refused_before_anything_starts(cli, monkeypatch, tmp_path):
    monkeypatch.setattr("reference.serving.engine.spec.gpu_count", lambda: 0)
    done = cli("calibrate", "--out", str(tmp_path), "--shape", "llama-3.1-8b", "--dtype", "fp8")
    assert done.exit_code == 3
    assert "fp8 needs a GPU" in done.stderr


def test_an_engine_that_dies_leaves_no_file(cli, monkeypatch, tmp_path):
    def dies(*given):
        raise CalibrationError("the engine answered none of 8 requests; nothing was recorded")

    monkeypatch.setattr(command, "_calibrate_running", dies)
    done = cli("calibrate", "--out", str(tmp_path))
    assert done.exit_code == 3
    assert "answered none" in done.stderr
    assert list(tmp_path.iterdir()) == []
