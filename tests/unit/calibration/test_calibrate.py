"""A whole calibration of an engine by formula: it finds the formula, and leaves nothing behind when the engine dies."""

import dataclasses
from dataclasses import replace
from types import SimpleNamespace

import pytest

from reference.serving.calibration import FULL, GPU, QUICK, CalibrationError, calibrate
from reference.serving.load.calibration import CalibrationPoint, ClientCalibration
from reference.sizing.engine_model.record import CalibrationRecord

PROFILE = replace(
    QUICK, rounds=2, batches=(1, 4), contexts=((2, 64),), prompts=(16, 256), shared=(128,), concurrencies=(1, 4),
    open_shares=(0.5,), open_s=20.0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def exact_client(monkeypatch):
    """A client without error, and a server that answers /version."""
    point = CalibrationPoint(64, None, 64.0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    monkeypatch.setattr(
        "reference.serving.calibration.session.calibrate_client",
        lambda *a, **k: ClientCalibration(100, 20, (replace(point, in_flight=1.0), point), {}),
    )
    monkeypatch.setattr("reference.serving.load.runs.server_version", lambda url: "0.32.0")


def run(engine, limits, **changes) -> CalibrationRecord:
    where = SimpleNamespace(base_url="http://127.0.0.1:9/v1", model="stub", api_key="k")
    return calibrate(where, PROFILE, limits=limits, roofs=False, generator=engine, say=lambda line: None, **changes)


def test_steps_and_prompts_are_found_as_they_are(formula_engine, limits):
    record = run(formula_engine, limits)
    assert {(s.batch, round(s.ms.median, 3)) for s in record.steps} == {(1, 10.0), (2, 10.0), (4, 10.0)}
    found = {(p.prompt, p.cached): p.ms.median for p in record.prefills}
    for (prompt, cached), ms in found.items():
        assert ms == pytest.approx(20 + 0.5 * (prompt - cached), rel=1e-4)
    assert set(found) == {(16, 0), (256, 0), (144, 0), (144, 128)}


def test_the_record_is_valid_complete_and_can_be_read_back(formula_engine, limits, tmp_path):
    record = run(formula_engine, limits, key="made-up")
    assert CalibrationRecord.load(record.save(tmp_path)) == record
    loads = [(p.concurrency, p.rate is not None) for p in record.points]
    assert loads == [(1, False), (4, False), (None, True), (4, False), (1, False), (None, True)]
    opened = [p for p in record.points if p.rate]
    assert all(p.arrivals and len(p.arrivals) == p.warmup + p.requests + p.cooldown for p in opened)
    # Half of what four users reach: each of them is in the system for the time of its request.
    assert opened[0].rate == pytest.approx(0.5 * 4 / (0.02 + 64 * 0.0005 + 23 * 0.01), rel=0.15)
    assert not any(p.void for p in record.points)
    assert "between rounds" in record.spread
    assert record.engine == "vllm 0.32.0"


def test_a_fit_of_the_record_gives_its_own_answer_lengths_again(formula_engine, limits):
    from reference.sizing.engine_model.replay import Load, output_lengths

    record = run(formula_engine, limits)
    asked = [job["output_lengths"] for job in formula_engine.jobs]
    for point in record.points:
        load = Load.of(point)
        assert output_lengths(point.n_out, point.output_spread, load.count, point.seed).tolist() in asked


def test_prompts_of_two_calibrations_differ_so_that_no_cache_hits(formula_engine, limits):
    run(formula_engine, limits)
    first = {tuple(p) for job in formula_engine.jobs for p in job["prompts"]}
    before = len(formula_engine.jobs)
    run(formula_engine, limits)
    assert not first & {tuple(p) for job in formula_engine.jobs[before:] for p in job["prompts"]}


def clients_with_errors(monkeypatch, *errors_ms):
    """Calibrations of the client, one after the other, with these errors of the first token."""
    left = list(errors_ms)

    def calibrated(*args, **kwargs):
        point = CalibrationPoint(64, None, 1.0, 50, left.pop(0), 0, 0, 0, 0, 0, 0, 0, 0)
        return ClientCalibration(100, 20, (point,), {})

    monkeypatch.setattr("reference.serving.calibration.session.calibrate_client", calibrated)
    return left


def test_a_client_held_up_while_it_was_calibrated_is_calibrated_again(formula_engine, limits, monkeypatch):
    left = clients_with_errors(monkeypatch, 30.0, 0.5)
    record = run(formula_engine, limits)
    assert not left
    # Both loops of the first try stay in the record, void; what is gone by was measured anew.
    loads = [(p.concurrency, bool(p.void)) for p in record.points]
    assert loads[:5] == [(1, True), (4, True), (1, False), (4, False), (None, False)]
    assert not any(void for _, void in loads[2:])
    assert record.conditions["client_calibrations"] == 2
    assert set(record.conditions["client_error_ms"]["1"]) == {0.5, 0.0}


def test_an_engine_too_fast_for_the_client_is_refused_with_the_reason(formula_engine, limits, monkeypatch):
    left = clients_with_errors(monkeypatch, 30.0, 30.0, 0.5)
    with pytest.raises(CalibrationError, match=r"every point is void: the client's own error of TTFT is 30\.0 ms"):
        run(formula_engine, limits)
    assert left == [0.5]


@pytest.mark.parametrize("answered", [0, 5, 8, 30, 80])
def test_an_engine_that_dies_leaves_no_record(formula_engine, limits, answered):
    formula_engine.dies_after = answered
    with pytest.raises(CalibrationError, match="answered none of 6" if not answered else "failed|answered none"):
        run(formula_engine, limits)


@pytest.mark.parametrize("profile", [FULL, GPU, QUICK])
def test_a_profile_asks_for_nothing_that_the_engine_cannot_hold(profile, limits):
    small = limits.model_copy(update={"max_model_len": 256, "max_num_seqs": 8, "kv_tokens": 1024})
    fitted = profile.within(small)
    assert max(fitted.batches) <= 8
    assert all(c + fitted.step_tokens <= 256 and b * c <= 1024 for b, c in fitted.contexts)
    assert all(p < 256 for p in fitted.prompts)
    assert all(s + 16 < 256 for s in fitted.shared)
    assert fitted.n_in + fitted.n_out * (1 + fitted.output_spread) <= 256
    assert fitted.n_in >= 1
    assert not profile.within(limits.model_copy(update={"prefix_caching": False})).shared


def test_full_profiles_repeat_and_go_past_saturation():
    for profile in (FULL, GPU):
        assert profile.rounds >= 2
        assert max(profile.open_shares) > 1
        assert dataclasses.asdict(profile)
