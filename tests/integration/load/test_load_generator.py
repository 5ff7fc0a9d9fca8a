"""The real client (vLLM's benchmark code) against the stub: what arrives, what is counted, what is refused.

No upper bound on a latency is asserted: only what holds on a machine of any speed.
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from reference.serving.load import (
    LoadGenerator,
    calibrate_client,
    closed_loop,
    mark_void,
    open_loop,
    require_loopback,
)
from reference.serving.stub_engine import StubEngine
from reference.sizing import fit_load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generator() -> Iterator[LoadGenerator]:
    if importlib.util.find_spec("vllm") is None:  # looked for, not imported: that costs 10 s
        pytest.skip("the load generator is vLLM's benchmark client, and vLLM is not installed")
    with LoadGenerator() as one:
        yield one


@pytest.fixture(scope="module")
def shared_stub() -> Iterator[StubEngine]:
    with StubEngine(ttft_ms=10, itl_ms=2, api_key="secret-key-of-the-stub") as engine:
        yield engine


@pytest.fixture
def stub(shared_stub: StubEngine) -> Iterator[StubEngine]:
    shared_stub.set_fault()
    yield shared_stub
    shared_stub.set_fault()


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
    for p in load(generator, stub, concurrencies=[2]).points + load(generator, stub, rates=[20.0], requests=20).points:
        assert p.ttft_ms.p50 >= 10
        assert p.e2e_ms.p50 >= 10 + 7 * 2
        assert p.in_flight > 0


def test_an_open_loop_sends_the_number_asked_for(generator, stub):
    before = stub.metrics()["stub:requests_total"]
    run = load(generator, stub, rates=[20.0], seconds=2.0)
    assert stub.metrics()["stub:requests_total"] - before == 40
    assert run.points[0].n == 40 - 8 - 4
    assert run.at(20.0) is run.points[0]


def test_chat_prompts_count_what_was_asked(generator, stub):
    from reference.serving.models import default_model_dir

    run = load(generator, stub, concurrencies=[2], endpoint="chat", tokenizer_dir=default_model_dir())
    assert run.points[0].failed == 0
    assert run.points[0].prompt_tokens == 16  # one word each; the stub counts words


@pytest.mark.parametrize(("kind", "reason"), [
    ("http_500", "Internal Server Error"),
    ("disconnect", "payload is not completed"),
    ("error_event", "without a usage record"),
    ("stall", "no complete answer in 1"),
])  # fmt: skip
def test_broken_answers_are_failures_and_not_latencies(generator, stub, kind, reason):
    stub.set_fault(kind, after_tokens=3, rate=0.5)
    point = load(generator, stub, concurrencies=[4], requests=32, request_timeout_s=1.0).points[0]
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
    point = load(generator, stub, concurrencies=[2], seconds=1.0).points[0]
    sent = stub.metrics()["stub:requests_total"] - before
    assert sent == point.n + point.failed + point.excluded
    assert sent < 1.0 / 0.024 * 2 + 2  # no faster than the stub's own latency allows


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
        [1, 4], [10.0], ttft_ms=20, itl_ms=5, prompt_tokens=16, output_tokens=8, seconds=2, generator=generator
    )
    assert [p.concurrency for p in calibration.points] == [1, 4, None]
    # The stub never sends early, so the client can only measure too much.
    assert all(p.ttft_error_p50_ms > 0 and p.stub_ttft_late_ms >= 0 for p in calibration.points)
    with StubEngine(ttft_ms=20, itl_ms=5) as engine:
        run = load(generator, engine, concurrencies=[4, 12])
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


def test_the_process_ends_with_its_parent_in_the_middle_of_a_point(stub):
    """Last in this file: it starts a process of its own, 20 s of CPU time."""
    stub.set_fault("stall")
    code = (
        "import sys; from reference.serving.load import closed_loop, shared_generator\n"
        "shared_generator().prestart(); print(shared_generator().pid, flush=True)\n"
        f"closed_loop({stub.base_url!r}, {stub.model!r}, {stub.api_key!r}, concurrencies=[1], prompt_tokens=8,"
        " output_tokens=8, request_timeout_s=600.0)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.stdout.close()
    end = time.monotonic() + 200
    while stub.metrics()["vllm:num_requests_running"] == 0:
        assert time.monotonic() < end, "the point never started"
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
