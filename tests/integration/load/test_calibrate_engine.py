"""Quick calibrations of the real engine, and of a shape with random weights: valid, and good for a prediction."""

import os
from dataclasses import replace
from statistics import median

import pytest

from reference.serving.calibration import QUICK, calibrate, calibrate_shape
from reference.sizing.engine_model.fit import fit_engine
from reference.sizing.engine_model.predict import predict
from reference.sizing.engine_model.record import CalibrationRecord
from reference.sizing.shapes import ModelShape

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SMALL = replace(
    QUICK, batches=(1, 4, 12), concurrencies=(1, 4, 12), prompts=(16, 128, 512), trials=2, open_shares=(0.6,),
    open_s=2.0, client=(8, 24),
)  # fmt: skip


def test_a_quick_calibration_predicts_its_own_throughput(engine, generator, tmp_path):
    before = engine.metrics()
    record = calibrate(engine, SMALL, generator=generator, say=lambda line: None)
    after = engine.metrics()
    assert CalibrationRecord.load(record.save(tmp_path)) == record
    assert record.limits.max_model_len == engine.max_model_len
    assert record.limits.kv_tokens >= record.limits.max_model_len
    assert {p.cached for p in record.prefills} == {0, 512}
    # The engine's own counter: nothing but the shared prefixes was found in its cache.
    hits = after["vllm:prefix_cache_hits_total"] - before["vllm:prefix_cache_hits_total"]
    assert hits == 512 * SMALL.trials * SMALL.rounds
    fitted = fit_engine(record)
    valid = [point for point in record.points if point.concurrency and not point.void]
    errors = [abs(predict(fitted, point).output_tok_s / point.output_tok_s - 1) for point in valid]
    assert median(errors) < 0.4  # not each: a second in which the machine paused is a third of a point's


@pytest.mark.skipif(bool(os.environ.get("WORKBOOK_ENGINE_URL")), reason="starts an engine of its own")
def test_a_shape_with_random_weights_is_calibrated_on_an_engine_of_its_own(generator, tmp_path, monkeypatch):
    """In a cache of its own, so that the shared engine of other tests keeps running."""
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setenv("WORKBOOK_ENGINE_KV_GIB", "0.25")
    # Large enough that the client can time it: with 4 layers of 512 a first token takes 20 ms and the client errs by 2.
    shape = ModelShape("small", "made up", 12, 1024, 8, 4, 64, 2048, 32_000, 2048)
    profile = replace(
        SMALL, batches=(1, 2), step_tokens=100, contexts=(), prompts=(16, 64), concurrencies=(1, 2), client=(4,)
    )
    record = calibrate_shape(shape, profile, generator=generator, roofs=False, say=lambda line: None)
    assert (record.model, record.weights, record.limits.max_model_len) == ("small", "random", 2048)
    assert [s.batch for s in record.steps] == [1, 2]
    assert not any(p.errors for p in record.points)
