"""The real client: a trace is sent at its seconds, and a calibration finds the latencies of a stub.

No upper bound on a latency is asserted that a busy machine would break: lateness is compared with the stub's own.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from reference.serving.calibration import QUICK, CalibrationError, calibrate
from reference.serving.load import LoadGenerator
from reference.serving.load import replay as send
from reference.serving.stub_engine import StubEngine
from reference.sizing.engine_model.record import CalibrationRecord, Limits

pytestmark = pytest.mark.slow

LIMITS = Limits(max_num_seqs=64, max_num_batched_tokens=512, kv_tokens=8192, max_model_len=2048)
PROFILE = replace(
    QUICK, batches=(1, 4), contexts=(), prompts=(16, 128), shared=(32,), concurrencies=(1, 4), open_s=2.0,
    client=(1, 8), n_in=16, n_out=8, step_tokens=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def generator() -> Iterator[LoadGenerator]:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("the load generator is vLLM's benchmark client, and vLLM is not installed")
    with LoadGenerator() as one:
        yield one


@pytest.fixture(scope="module")
def stub() -> Iterator[StubEngine]:
    with StubEngine(ttft_ms=40, itl_ms=10) as engine:
        yield engine


def test_a_trace_is_sent_at_its_seconds_with_its_lengths(generator, stub):
    arrivals = np.cumsum(np.random.default_rng(0).exponential(0.05, 60)).tolist()
    n_in, n_out = [5 + i for i in range(60)], [2 + i % 5 for i in range(60)]
    run = send(
        stub.base_url, stub.model, stub.api_key, arrivals=arrivals, prompt_tokens=n_in, output_tokens=n_out,
        generator=generator,
    )  # fmt: skip
    assert [r.prompt_tokens for r in run.records] == n_in
    assert [r.output_tokens for r in run.records] == n_out
    assert not run.failed
    # Never early; and late by no more than a fraction of the gaps, or the trace would not be the trace.
    assert min(run.late_ms) >= 0
    assert np.median(run.late_ms) < 25
    assert sorted(run.sent_s) == list(run.sent_s)


def test_the_next_job_sends_by_rate_again(generator, stub):
    from reference.serving.load import open_loop

    send(
        stub.base_url, stub.model, stub.api_key, arrivals=[0.0] * 5, prompt_tokens=4, output_tokens=2,
        generator=generator,
    )  # fmt: skip
    point = open_loop(
        stub.base_url, stub.model, stub.api_key, rates=[20.0], requests=20, prompt_tokens=8, output_tokens=2,
        generator=generator,
    ).points[0]  # fmt: skip
    assert point.seconds > 0.4  # fourteen requests at 20/s; all at once would take no time


def calibrated(generator, stub):
    """A record. A machine that is busy with other tests voids points, and the calibration says so: then once more."""
    for attempt in range(4):
        stub.reset()
        try:
            return calibrate(stub, PROFILE, limits=LIMITS, roofs=False, generator=generator, say=lambda line: None)
        except CalibrationError as error:
            if "void" not in str(error) or attempt == 3:
                raise
    raise AssertionError


def test_a_calibration_finds_the_stub_within_its_own_lateness(generator, stub):
    record = calibrated(generator, stub)
    late = stub.timing()
    for step in record.steps:
        # Deadlines are absolute, so gaps are 10 ms on average; one is longer where the one before was late.
        assert step.ms.median == pytest.approx(10, abs=1 + 2 * late["rest_p99_ms"])
    client = max(error for error, _ in record.conditions["client_error_ms"].values())
    for prefill in record.prefills:
        assert 40 <= prefill.ms.median <= 40 + late["first_p99_ms"] + 5 * client
    assert {(p.concurrency, p.errors) for p in record.points if p.concurrency} == {(1, 0), (4, 0)}
    assert CalibrationRecord.model_validate_json(record.model_dump_json()) == record


def test_an_engine_that_dies_in_the_middle_is_an_error(generator):
    with StubEngine(ttft_ms=5, itl_ms=1, seed=1) as dying:
        dying.set_fault("exit", after_tokens=3)
        with pytest.raises(CalibrationError, match="answered none"):
            calibrate(dying, PROFILE, limits=LIMITS, roofs=False, generator=generator, say=lambda line: None)
