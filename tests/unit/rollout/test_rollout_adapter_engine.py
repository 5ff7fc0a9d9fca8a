"""The engine of the adapters computes them only where the versions that it will serve change something."""

import contextlib
import json
import threading

import httpx
import pytest

from reference.serving.rollout.types import ModelVersion, RolloutError
from reference.serving.rollout.versions import engine
from reference.serving.rollout.versions.engine import AdapterEngine, VllmAdapters, served_modules, target_modules
from reference.serving.rollout.versions.shipped import GOOD, WRONG, shipped

ATTENTION = ("k_proj", "o_proj", "q_proj", "v_proj")


def adapter(folder, name, **config):
    (folder / name).mkdir()
    (folder / name / "adapter_config.json").write_text(json.dumps(config))
    return ModelVersion("m", name, "0" * 64, str(folder / name), name)


def test_the_shipped_adapters_change_attention_only():
    assert {target_modules(shipped(name).path) for name in (*GOOD, *WRONG)} == {ATTENTION}
    assert served_modules([shipped(name) for name in GOOD]) == ATTENTION


def test_layers_of_all_versions_are_computed_and_an_unknown_one_lifts_the_limit(tmp_path):
    some = adapter(tmp_path, "some", target_modules=["q_proj", "down_proj"])
    assert served_modules([shipped("v1.1"), some]) == ("down_proj", *ATTENTION)
    assert served_modules([]) == ()
    lists = ("all-linear", [], ["q_proj", 1], ["q_proj", "--trust-remote-code"], ["q proj"], {"q_proj": 1})
    for number, config in enumerate(({}, *({"target_modules": one} for one in lists))):
        assert served_modules([some, adapter(tmp_path, f"unknown-{number}", **config)]) == ()
    assert served_modules([some, ModelVersion("m", "gone", "0" * 64, str(tmp_path / "gone"), "gone")]) == ()


@pytest.fixture
def calls(monkeypatch):
    """What a client of the engine sends; the engine takes everything and has nothing loaded."""
    seen = []

    def answer(request):
        seen.append((request.method, request.url.path))
        return httpx.Response(200, json={"data": []})

    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: client(**options, transport=httpx.MockTransport(answer)))
    return seen


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"target_modules": ["q_proj", "gate_proj"]}, "gate_proj, q_proj"),
        ({"target_modules": "all-linear"}, "not list"),
    ],
)
def test_an_adapter_that_would_be_left_out_in_part_is_refused_with_the_mend(tmp_path, calls, config, said):
    other = adapter(tmp_path, "other", **config)
    adapters = VllmAdapters(AdapterEngine("http://127.0.0.1:1/v1", "k", "m", None, False, None, ATTENTION))
    with pytest.raises(RolloutError, match=rf"adapter other: it changes .*{said}.*serves="):
        adapters.load(other.served_as, other.path)
    assert calls == [("GET", "/v1/models")]
    adapters.load("fits", shipped("v1.1").path)
    assert calls[-1] == ("POST", "/v1/load_lora_adapter")


def test_an_engine_without_a_limit_takes_every_adapter(tmp_path, calls):
    other = adapter(tmp_path, "other", target_modules=["gate_proj"])
    VllmAdapters(AdapterEngine("http://127.0.0.1:1/v1", "k", "m", None, False)).load(other.served_as, other.path)
    assert calls[-1] == ("POST", "/v1/load_lora_adapter")


class Start:
    """In place of `adapter_engine`: waits for `ready`, and keeps what happened."""

    def __init__(self, monkeypatch):
        self.ready, self.thread, self.serves, self.stopped, self.error = threading.Event(), None, None, False, None
        self.kept = []  # what is garbage is stopped too, some time or other: that would hide one that is left behind
        monkeypatch.setattr(engine, "adapter_engine", self.start)

    def start(self, say, serves):
        self.kept.append(self._engine(say, serves))
        return self.kept[-1]

    @contextlib.contextmanager
    def _engine(self, say, serves):
        self.thread, self.serves = threading.current_thread(), serves
        assert self.ready.wait(10)
        if self.error:
            raise self.error
        try:
            yield "the engine"
        finally:
            self.stopped = True


def test_an_engine_starts_meanwhile_and_is_waited_for_where_it_is_needed(monkeypatch):
    start = Start(monkeypatch)
    with engine.adapter_engine_meanwhile(print, ["v1.1"]) as when_ready:
        start.ready.set()
        assert when_ready() == when_ready() == "the engine"
        assert start.serves == ["v1.1"]
        assert start.thread is not threading.current_thread()
        assert start.thread.is_alive(), "Linux would end the server with the thread that started it"
        assert not start.stopped
    assert start.stopped


def test_a_start_that_fails_is_told_where_the_engine_is_needed(monkeypatch):
    start = Start(monkeypatch)
    start.error = RuntimeError("no memory")
    with engine.adapter_engine_meanwhile() as when_ready:
        start.ready.set()
        with pytest.raises(RuntimeError, match="no memory"):
            when_ready()


def test_whoever_leaves_before_the_engine_is_ready_leaves_none_behind(monkeypatch):
    start = Start(monkeypatch)
    threading.Timer(0.05, start.ready.set).start()
    with contextlib.suppress(KeyError), engine.adapter_engine_meanwhile():
        raise KeyError
    assert start.stopped
