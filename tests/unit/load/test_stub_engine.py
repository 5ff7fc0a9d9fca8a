"""The stub engine: deadlines, slots, faults, wire format, life cycle."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import openai
import psutil
import pytest

from reference.serving.stub_engine import Fault, StubEngine, StubSettings
from reference.serving.stub_engine import app as stub_app


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    """Poll until true; the limit only bounds a failing test."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@pytest.fixture(scope="module")
def stub() -> Iterator[StubEngine]:
    with StubEngine(ttft_ms=5, itl_ms=1) as engine:
        yield engine


@pytest.fixture
def fast(stub: StubEngine) -> Iterator[StubEngine]:
    stub.set_fault()
    yield stub
    stub.set_fault()


def ask(engine: StubEngine, text: str = "hello there", tokens: int = 5) -> str:
    answer = engine.client().chat.completions.create(
        model=engine.model, messages=[{"role": "user", "content": text}], max_tokens=tokens
    )
    return str(answer.choices[0].message.content)


class VirtualClock:
    """time.perf_counter and asyncio.sleep of a machine that oversleeps by 3 ms every time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + 0.003


def test_a_late_token_does_not_delay_the_next(monkeypatch):
    clock, sent = VirtualClock(), []
    monkeypatch.setattr(stub_app.time, "perf_counter", clock.perf_counter)
    real_sleep = asyncio.sleep
    monkeypatch.setattr(stub_app.asyncio, "sleep", clock.sleep)
    body = {"model": "stub", "prompt": "a b", "max_tokens": 50, "stream": True}

    async def run() -> None:
        messages = [{"type": "http.request", "body": json.dumps(body).encode()}]

        async def receive() -> dict:
            while not messages:
                await real_sleep(3600)
            return messages.pop(0)

        async def send(message: dict) -> None:
            if b"tok" in message.get("body", b"") or b"answer" in message.get("body", b""):
                sent.append(clock.now - 1000.0)

        app = stub_app.StubApp(StubSettings(ttft_ms=100, itl_ms=20))
        await app({"type": "http", "method": "POST", "path": "/v1/completions", "headers": []}, receive, send)
        assert app.timing()["rest_p99_ms"] == pytest.approx(3, abs=1e-6)

    asyncio.run(run())
    assert len(sent) == 50
    for k, moment in enumerate(sent):
        assert moment == pytest.approx(0.100 + 0.020 * k + 0.003)


@pytest.mark.slow
def test_no_token_leaves_before_its_deadline():
    with StubEngine(ttft_ms=60, itl_ms=10) as engine:
        begun, moments = time.perf_counter(), []
        for _ in engine.client().completions.create(model="stub", prompt="x", max_tokens=8, stream=True):
            moments.append(time.perf_counter() - begun)
    assert len(moments) == 8
    for k, moment in enumerate(moments):
        assert moment >= 0.060 + 0.010 * k


def test_drawn_latencies_have_the_mean_and_variation_asked_for():
    app = stub_app.StubApp(StubSettings(seed=3))
    drawn = [app._draw(0.1, 0.5) for _ in range(20_000)]
    mean = sum(drawn) / len(drawn)
    deviation = (sum((x - mean) ** 2 for x in drawn) / len(drawn)) ** 0.5
    assert mean == pytest.approx(0.1, rel=0.02)
    assert deviation / mean == pytest.approx(0.5, rel=0.05)
    assert app._draw(0.1, 0) == 0.1


def test_stream_has_one_event_per_token_then_usage(fast):
    stream = fast.client().chat.completions.create(
        model="stub",
        messages=[{"role": "user", "content": "one two three"}],
        max_tokens=6,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    texts = [c.choices[0].delta.content for c in chunks if c.choices]
    assert len(texts) == 6
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None] * 5 + ["length"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage.completion_tokens == 6
    assert chunks[-1].usage.prompt_tokens == 3
    assert "".join(texts) == ask(fast, "one two three", 6)


def test_the_answer_tells_whose_prompt_it_answers(fast):
    assert ask(fast, "one") == ask(fast, "one")
    assert ask(fast, "one") != ask(fast, "two")


@pytest.mark.parametrize(("change", "status", "param"), [
    ({"max_tokens": -1}, 400, "max_tokens"),
    ({"max_tokens": "many"}, 400, "max_tokens"),
    ({"model": "other"}, 404, "model"),
    ({"messages": []}, 400, "messages"),
    ({"messages": "hello"}, 400, "messages"),
])  # fmt: skip
def test_bad_requests_are_refused_in_openai_format_naming_the_field(fast, change, status, param):
    body = {"model": "stub", "messages": [{"role": "user", "content": "x"}], "max_tokens": 2} | change
    answer = httpx.post(
        fast.base_url + "/chat/completions", json=body, headers={"authorization": f"Bearer {fast.api_key}"}
    )
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == param


def test_invalid_json_unknown_routes_and_wrong_keys_are_refused(fast):
    key = {"authorization": f"Bearer {fast.api_key}"}
    assert httpx.post(fast.base_url + "/completions", content=b"{", headers=key).status_code == 400
    assert httpx.post(fast.base_url + "/completions", json=[1], headers=key).status_code == 400
    assert httpx.get(fast.base_url + "/nothing", headers=key).status_code == 404
    assert httpx.get(fast.base_url + "/models").status_code == 401


def stream_in_background(engine: StubEngine) -> threading.Thread:
    def read() -> None:
        try:
            for _ in engine.client().completions.create(
                model="stub", prompt="x", max_tokens=3, stream=True, timeout=60
            ):
                pass
        except (openai.APIError, httpx.HTTPError):
            pass

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
def test_slots_bound_what_runs_and_the_rest_waits():
    with StubEngine(ttft_ms=1, itl_ms=1, slots=2, fault=Fault("stall")) as engine:
        for _ in range(5):
            stream_in_background(engine)
        assert eventually(lambda: engine.metrics()["vllm:num_requests_waiting"] == 3)
        assert engine.metrics()["vllm:num_requests_running"] == 2


def test_a_client_that_leaves_frees_its_slot():
    with StubEngine(ttft_ms=1, itl_ms=1, slots=1, fault=Fault("stall", after_tokens=1)) as engine:
        stream = engine.client().completions.create(model="stub", prompt="x", max_tokens=3, stream=True)
        next(iter(stream))
        assert engine.metrics()["vllm:num_requests_running"] == 1
        stream.close()
        assert eventually(lambda: engine.metrics()["vllm:num_requests_running"] == 0)
        assert engine.metrics()["stub:requests_aborted_total"] == 1
        engine.set_fault()
        assert ask(engine)


def test_faults_do_what_they_say_and_can_be_mended(fast):
    fast.set_fault("http_500")
    with pytest.raises(openai.InternalServerError, match="injected"):
        ask(fast)
    fast.set_fault("disconnect", after_tokens=2)
    got = []
    with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
        for chunk in fast.client().completions.create(model="stub", prompt="x", max_tokens=5, stream=True):
            got.append(chunk)
    assert len(got) == 2
    fast.set_fault("error_event", after_tokens=1)
    with pytest.raises(openai.APIError, match="injected"):
        list(fast.client().completions.create(model="stub", prompt="x", max_tokens=5, stream=True))
    fast.set_fault()
    assert ask(fast)


@pytest.mark.slow
def test_a_fault_hits_the_share_of_requests_asked_for(fast):
    fast.set_fault("http_500", rate=0.3)
    statuses = []
    with httpx.Client(headers={"authorization": f"Bearer {fast.api_key}"}) as client:
        for _ in range(60):
            body = {"model": "stub", "prompt": "x", "max_tokens": 1}
            statuses.append(client.post(fast.base_url + "/completions", json=body).status_code)
    assert 5 <= statuses.count(500) <= 34  # 18 +- 4 deviations


def test_an_exit_fault_kills_the_process():
    with StubEngine(ttft_ms=1, itl_ms=1, fault=Fault("exit", after_tokens=1)) as engine:
        with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
            list(engine.client().completions.create(model="stub", prompt="x", max_tokens=5, stream=True))
        assert eventually(lambda: not engine.alive())


def test_only_loopback_is_served(fast):
    listening = [c.laddr.ip for c in psutil.Process(fast.pid).net_connections("inet") if c.status == "LISTEN"]
    assert listening == ["127.0.0.1"]


def test_a_killed_parent_leaves_no_orphan():
    code = (
        "from reference.serving.stub_engine import StubEngine; import time\n"
        "print(StubEngine().pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    def gone() -> bool:
        try:
            return psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    assert eventually(gone)


def test_a_taken_port_is_named_in_the_error(fast):
    with pytest.raises(
        RuntimeError, match=rf"port {fast.port} on 127\.0\.0\.1: Address already in use; give another --port"
    ):
        StubEngine(port=fast.port)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity on this system")
def test_the_process_stays_on_the_cores_it_was_given():
    core = min(os.sched_getaffinity(0))
    with StubEngine(cpus=[core]) as engine:
        assert os.sched_getaffinity(engine.pid) == {core}


@pytest.mark.parametrize("bad", [{"itl_ms": -1}, {"ttft_ms": float("inf")}, {"slots": -2}])
def test_settings_are_checked_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        StubSettings(**bad)
    with pytest.raises(ValueError, match="rate"):
        Fault("stall", rate=1.5)
