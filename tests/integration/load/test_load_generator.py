"""The real client (vLLM's benchmark code) against the stub: what arrives, what is counted, what is refused; a trace is
sent at its seconds, and a calibration finds the latencies of the stub.

No upper bound on a latency is asserted that a busy machine would break: lateness is compared with the stub's own. One
file, so that one worker starts the client once.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reference.serving.calibration import QUICK, CalibrationError, calibrate
from reference.serving.load import (
    LoadGenerator,
    calibrate_client,
    closed_loop,
    mark_void,
    open_loop,
    require_loopback,
)
from reference.serving.load import replay as send
from reference.serving.load.generator import LoadGeneratorError
from reference.serving.stub_engine import StubEngine
from reference.sizing import fit_load
from reference.sizing.engine_model.record import CalibrationRecord, Limits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared_stub() -> Iterator[StubEngine]:
    with StubEngine(ttft_ms=10, itl_ms=2, api_key="secret-key-of-the-stub") as engine:
        yield engine


@pytest.fixture
def stub(shared_stub: StubEngine) -> Iterator[StubEngine]:
    shared_stub.set_fault()
    yield shared_stub
    shared_stub.set_fault()


LIMITS = Limits(max_num_seqs=64, max_num_batched_tokens=512, kv_tokens=8192, max_model_len=2048)
PROFILE = replace(
    QUICK, batches=(1, 4), contexts=(), prompts=(16, 128), shared=(32,), concurrencies=(1, 4), open_s=2.0,
    client=(4, 8), n_in=16, n_out=8, step_tokens=41,
)  # fmt: skip
TTFT_MS = 150  # so slow that the client of a busy machine, which errs by 10 ms, can still measure it


@pytest.fixture(scope="module")
def steady() -> Iterator[StubEngine]:
    with StubEngine(ttft_ms=TTFT_MS, itl_ms=10) as engine:
        yield engine


def load(generator: LoadGenerator, stub: StubEngine, **changes: Any) -> Any:
    kind = open_loop if "rates" in changes else closed_loop
    arguments: dict[str, Any] = {"prompt_tokens": 16, "output_tokens": 8, "generator": generator} | changes
    return kind(stub.base_url, stub.model, stub.api_key, **arguments)


def test_every_request_arrives_once_with_a_prompt_of_its_own(generator, stub):
    before = stub.metrics()
    run = load(generator, stub, concurrencies=[1, 4], requests=10)
    after = stub.metrics()
    sent = (10 + 2 * 1) + (10 + 2 * 4)
    for name in ("stub:requests_total", "stub:distinct_prompts_total", "stub:requests_finished_total"):
        assert after[name] - before[name] == sent
    assert [p.n for p in run.points] == [10, 10]
    assert [p.excluded for p in run.points] == [2, 8]
    assert {(p.prompt_tokens, p.output_tokens, p.failed) for p in run.points} == {(16, 8, 0)}


def test_no_measured_latency_is_below_the_true_one(generator, stub):
    for p in load(generator, stub, concurrencies=[2]).points + load(generator, stub, rates=[50.0], requests=20).points:
        assert p.ttft_ms.p50 >= 10
        assert p.e2e_ms.p50 >= 10 + 7 * 2
        assert p.in_flight > 0


def test_an_open_loop_sends_the_number_asked_for(generator, stub):
    before = stub.metrics()["stub:requests_total"]
    run = load(generator, stub, rates=[40.0], seconds=1.0)
    assert stub.metrics()["stub:requests_total"] - before == 40
    assert run.points[0].n == 40 - 8 - 4
    assert run.at(40.0) is run.points[0]


def test_chat_prompts_count_what_was_asked(generator, stub):
    from reference.serving.models import default_model_dir

    run = load(generator, stub, concurrencies=[2], endpoint="chat", tokenizer_dir=default_model_dir())
    assert run.points[0].failed == 0
    assert run.points[0].prompt_tokens == 16  # one word each; the stub counts words


@pytest.mark.parametrize(("kind", "reason"), [
    ("http_500", "Internal Server Error"),
    ("disconnect", "payload is not completed"),
    ("error_event", "without a usage record"),
    ("stall", "no complete answer in 1.0"),
])  # fmt: skip
def test_broken_answers_are_failures_and_not_latencies(generator, stub, kind, reason):
    stub.set_fault(kind, after_tokens=3, rate=0.5)
    limit = 1.0 if kind == "stall" else 30.0
    point = load(generator, stub, concurrencies=[4], requests=32, request_timeout_s=limit).points[0]
    assert 5 <= point.failed <= 35
    assert point.n + point.failed <= 40
    assert point.void
    assert reason in point.void_reason
    assert point.output_tokens == 8


def test_answers_of_another_length_are_failures(generator, stub):
    assert load(generator, stub, concurrencies=[2], extra_body={"max_tokens": 5}).points[0].n == 0
    point = load(generator, stub, concurrencies=[2], extra_body={"max_tokens": 5}, ignore_eos=False).points[0]
    assert (point.failed, point.output_tokens) == (0, 5)


def test_a_point_stops_when_its_time_is_up(generator, stub):
    before = stub.metrics()["stub:requests_total"]
    point = load(generator, stub, concurrencies=[2], seconds=0.5).points[0]
    sent = stub.metrics()["stub:requests_total"] - before
    assert sent == point.n + point.failed + point.excluded
    assert sent < 0.5 / 0.024 * 2 + 2  # no faster than the stub's own latency allows


def test_a_dead_server_is_an_error_before_any_load(generator):
    with StubEngine() as gone:
        pass
    with pytest.raises(ValueError, match="base_url: nothing answers"):
        load(generator, gone, concurrencies=[1])


def test_the_record_can_repeat_the_measurement_and_holds_no_key(generator, stub):
    record = load(generator, stub, concurrencies=[1], seed=5).to_record()
    text = json.dumps(record, allow_nan=False)
    assert stub.api_key not in text
    assert {"machine", "versions", "command", "date", "generator", "points", "model"} <= set(record)
    assert "prompt_tokens=16" in record["command"]
    assert record["arguments"]["measured_requests"] == [8]
    assert record["machine"]["cores"] >= 1


def test_the_sizing_core_fits_the_points_that_are_not_void(generator, stub):
    run = load(generator, stub, concurrencies=[1, 2, 4])
    run = replace(run, points=(run.points[0], run.points[1].as_void("a reason"), run.points[2]))
    model = fit_load(run.fit_points())
    assert [(m.concurrency, m.n_in, m.n_out) for m in model.points] == [(1, 16, 8), (4, 16, 8)]
    assert model.points[0].ttft_ms == run.points[0].ttft_ms.p50


def test_calibration_reports_the_client_error_and_voids_what_it_cannot_measure(generator):
    calibration = calibrate_client(
        [1, 4], [30.0], ttft_ms=20, itl_ms=5, prompt_tokens=16, output_tokens=8, seconds=1, generator=generator
    )
    assert [p.concurrency for p in calibration.points] == [1, 4, None]
    # The stub never sends early, so the client can only measure too much.
    assert all(p.ttft_error_p50_ms > 0 and p.stub_ttft_late_ms >= 0 for p in calibration.points)
    with StubEngine(ttft_ms=20, itl_ms=5) as engine:
        run = load(generator, engine, concurrencies=[4, 40])  # 30 requests were sent by rate: more were never in flight
    judged = mark_void(run, calibration, tolerance=1e9)
    assert [p.void for p in judged.points] == [False, True]
    huge = tuple(replace(p, ttft_error_p50_ms=1e6) for p in calibration.points)
    assert mark_void(run, replace(calibration, points=huge)).points[0].void
    json.dumps(calibration.to_record(), allow_nan=False)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.7:8000/v1", "http://0.0.0.0:8000/v1", "https://127.0.0.1/v1", "127.0.0.1:80"]
)
def test_load_goes_to_loopback_only(url):
    with pytest.raises(ValueError, match="base_url"):
        closed_loop(url, "m", concurrencies=[1], prompt_tokens=8, output_tokens=8)


def test_loopback_addresses_are_accepted():
    for url in ("http://127.0.0.1:8000/v1", "http://localhost:8000/v1/"):
        assert require_loopback(url) == url.rstrip("/")


@pytest.mark.parametrize(("change", "name"), [
    ({"concurrencies": [0]}, "concurrencies"),
    ({"concurrencies": []}, "no load points"),
    ({"concurrencies": [1], "requests": 0}, "requests"),
    ({"concurrencies": [1], "endpoint": "embeddings"}, "endpoint"),
    ({"concurrencies": [1], "endpoint": "chat"}, "tokenizer_dir"),
    ({"rates": [0.0]}, "rates"),
    ({"rates": [1.0], "process": "bursty"}, "process"),
    ({"rates": [1.0], "requests": 5}, "requests"),
])  # fmt: skip
def test_bad_arguments_are_refused_by_name_before_anything_starts(stub, change, name):
    unused = LoadGenerator()
    with pytest.raises(ValueError, match=name):
        load(unused, stub, **change)
    assert unused.pid is None


def test_a_trace_is_sent_at_its_seconds_with_its_lengths(generator, steady):
    arrivals = np.cumsum(np.random.default_rng(0).exponential(0.1, 40)).tolist()
    n_in, n_out = [5 + i for i in range(40)], [2 + i % 5 for i in range(40)]
    run = send(
        steady.base_url, steady.model, steady.api_key, arrivals=arrivals, prompt_tokens=n_in, output_tokens=n_out,
        generator=generator,
    )  # fmt: skip
    assert [r.prompt_tokens for r in run.records] == n_in
    assert [r.output_tokens for r in run.records] == n_out
    assert not run.failed
    # Never early; and half of it late by no more than a fraction of the trace, also on a machine that pauses once.
    assert min(run.late_ms) >= 0
    assert np.median(run.late_ms) < 1000 * arrivals[-1] / 4
    assert sorted(run.sent_s) == list(run.sent_s)


def test_the_next_job_sends_by_rate_again(generator, steady):
    send(
        steady.base_url, steady.model, steady.api_key, arrivals=[0.0] * 5, prompt_tokens=4, output_tokens=2,
        generator=generator,
    )  # fmt: skip
    point = open_loop(
        steady.base_url, steady.model, steady.api_key, rates=[40.0], requests=20, prompt_tokens=8, output_tokens=2,
        process="constant", generator=generator,
    ).points[0]  # fmt: skip
    assert point.seconds > 0.1  # fourteen gaps of 25 ms; all at once would take no time


def calibrated(generator, steady):
    """A record. A machine that is busy with other tests voids points, and the calibration says so: then once more."""
    for attempt in range(4):
        steady.reset()
        try:
            return calibrate(steady, PROFILE, limits=LIMITS, roofs=False, generator=generator, say=lambda line: None)
        except CalibrationError as error:
            if "void" not in str(error) or attempt == 3:
                raise
    raise AssertionError


def test_a_calibration_finds_the_stub_within_its_own_lateness(generator, steady):
    record = calibrated(generator, steady)
    late = steady.timing()
    for step in record.steps:
        # Deadlines are absolute, so gaps are 10 ms on average; one is longer where the one before was late.
        assert step.ms.median == pytest.approx(10, abs=1 + 2 * late["rest_p99_ms"])
    client = max(error for error, _ in record.conditions["client_error_ms"].values())
    prompts = [prefill.ms.median for prefill in record.prefills]
    assert min(prompts) >= TTFT_MS
    # Not each of them: some are medians of one or three requests, and a machine pauses now and then.
    assert np.median(prompts) <= TTFT_MS + late["first_p99_ms"] + 5 * client
    assert {(p.concurrency, p.errors) for p in record.points if p.concurrency} == {(1, 0), (4, 0)}
    assert CalibrationRecord.model_validate_json(record.model_dump_json()) == record


def test_an_engine_that_dies_in_the_middle_is_an_error(generator):
    with StubEngine(ttft_ms=5, itl_ms=1, seed=1) as dying:
        dying.set_fault("exit", after_tokens=3)
        with pytest.raises(CalibrationError, match="answered none"):
            calibrate(dying, PROFILE, limits=LIMITS, roofs=False, generator=generator, say=lambda line: None)


def test_the_process_ends_in_the_middle_of_a_point_when_nobody_can_give_it_jobs(generator, stub):
    """A parent that dies closes the pipe of its jobs. Last in this file: the next one starts the process anew."""
    stub.set_fault("stall")
    where = {"concurrencies": [1], "prompt_tokens": 8, "output_tokens": 8, "request_timeout_s": 600.0}
    before = stub.metrics()["vllm:num_requests_running"]
    with ThreadPoolExecutor(1) as pool:
        point = pool.submit(load, generator, stub, **where)
        end = time.monotonic() + 200
        while stub.metrics()["vllm:num_requests_running"] == before:
            assert time.monotonic() < end, "the point never started"
            time.sleep(0.05)
        process = generator._process
        process.stdin.close()
        assert process.wait(timeout=60) == 0
        with pytest.raises(LoadGeneratorError, match="died"):
            point.result()
