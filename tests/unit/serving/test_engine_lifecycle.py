"""The shared engine's life: one start for all, no stranger taken for ours, nothing left behind. On a fake server."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from reference.serving.engine import EngineError, client, shared_engine, status, stop_shared
from reference.serving.engine import state as files
from reference.serving.engine.failures import explain_failure
from reference.serving.engine.spec import EngineSpec, preflight

FAKE = Path(__file__).parents[2] / "fakes" / "fake_vllm.py"
ROOT = Path(__file__).parents[3]

# Runs in a child process: an attached client with the fake server in vLLM's place.
CHILD = """
import sys, time
from reference.serving.engine import shared_engine
from reference.serving.engine.spec import EngineSpec
arguments = {arguments!r}
def command(self, port, nonce):
    return [sys.executable, {fake!r}, str(port), f"{{self.name}},{{nonce}}", *arguments]
EngineSpec.command = command
import reference.serving.engine.client as client
client.preflight = lambda spec: None
engine = shared_engine(progress=lambda line: print(line, flush=True))
print("URL", engine.base_url, flush=True)
time.sleep({stay})
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache of its own, a model folder that passes the checks, the fake server in vLLM's place."""
    model = tmp_path / "tiny-model"
    model.mkdir()
    (model / "config.json").write_text('{"max_position_embeddings": 2048}')
    (model / "model.safetensors").write_bytes(b"")
    (model / "tokenizer.json").write_text("{}")
    for name in list(os.environ):
        if name.startswith("WORKBOOK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WORKBOOK_MODEL", str(model))
    monkeypatch.setenv("WORKBOOK_ENGINE_STOP_S", "0.5")
    use_fake(monkeypatch)
    yield tmp_path
    stop_shared()


def use_fake(monkeypatch, *arguments: str) -> None:
    def command(self, port, nonce):
        return [sys.executable, str(FAKE), str(port), f"{self.name},{nonce}", *arguments]

    monkeypatch.setattr(EngineSpec, "command", command)


def looks_soon(monkeypatch, **times: float) -> None:
    """The keeper's times in seconds, below what can be set; it looks at a quarter of the shortest."""
    found = EngineSpec.from_environment
    monkeypatch.setattr(EngineSpec, "from_environment", lambda: dataclasses.replace(found(), **times))


def child(*arguments: str, stay: float = 60) -> subprocess.Popen:
    code = CHILD.format(arguments=arguments, fake=str(FAKE), stay=stay)
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def eventually(condition, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def alive(pid: int) -> bool:
    return files.start_time(pid) is not None


def test_second_caller_attaches_to_the_same_server(home):
    first, second = shared_engine(None), shared_engine(None)
    assert first == second
    assert status().phase == "ready"
    assert status().attached == (os.getpid(),)


@pytest.mark.slow
def test_two_processes_that_start_at_once_share_one_server(home):
    children = [child("--delay", "0.5", stay=0.5) for _ in range(2)]
    said = [c.communicate(timeout=60)[0].splitlines() for c in children]
    urls = {next(line for line in lines if line.startswith("URL")) for lines in said}
    assert len(urls) == 1


def test_progress_tells_the_start_and_its_end(home):
    lines: list[str] = []
    shared_engine(lines.append)
    assert lines[0].startswith("starting vLLM for tiny-model")
    assert lines[-1].startswith("engine ready after")


@pytest.mark.slow
def test_stop_ends_server_and_workers_even_if_it_ignores_sigterm(home, monkeypatch):
    use_fake(monkeypatch, "--stubborn", "--child")
    shared_engine(None)
    state = files.read_state()
    family = [state.server_pid, *(p.pid for p in psutil.Process(state.server_pid).children(recursive=True))]
    assert len(family) == 2
    assert stop_shared()
    assert eventually(lambda: not any(alive(pid) for pid in family))
    assert files.read_state() is None
    assert not stop_shared()


@pytest.mark.slow
def test_killed_keeper_takes_the_server_along_and_the_next_start_works(home):
    shared_engine(None)
    state = files.read_state()
    os.kill(state.keeper_pid, signal.SIGKILL)
    assert eventually(lambda: not alive(state.server_pid))
    assert status().phase == "stopped"
    assert shared_engine(None).base_url
    assert files.read_state().keeper_pid != state.keeper_pid


@pytest.mark.slow
def test_server_that_survived_its_keeper_is_killed_before_the_next_start(home, monkeypatch):
    use_fake(monkeypatch, "--stubborn")
    shared_engine(None)
    state = files.read_state()
    os.kill(state.keeper_pid, signal.SIGKILL)
    assert eventually(lambda: not state.keeper_alive())
    assert alive(state.server_pid)
    use_fake(monkeypatch)
    shared_engine(None)
    assert eventually(lambda: not state.server_alive())


@pytest.mark.slow
def test_interrupted_start_leaves_nothing_behind(home):
    starter = child("--delay", "30")
    assert eventually(lambda: (s := files.read_state()) is not None and s.phase == "starting")
    state = files.read_state()
    starter.send_signal(signal.SIGINT)
    starter.wait(30)
    assert eventually(lambda: not alive(state.server_pid) and not alive(state.keeper_pid))
    assert files.read_state() is None


@pytest.mark.slow
def test_engine_of_a_killed_process_stops_after_the_grace_time(home, monkeypatch):
    monkeypatch.setenv("WORKBOOK_ENGINE_GRACE_S", "1")
    user = child()
    assert eventually(lambda: status().phase == "ready")
    state = files.read_state()
    user.kill()
    user.wait()
    assert eventually(lambda: not alive(state.server_pid) and not alive(state.keeper_pid))


@pytest.mark.slow
def test_engine_is_kept_while_somebody_is_attached(home, monkeypatch):
    looks_soon(monkeypatch, grace_s=0.2)
    shared_engine(None)
    time.sleep(0.8)
    assert status().phase == "ready"


@pytest.mark.slow
def test_idle_engine_stops_though_somebody_is_attached(home, monkeypatch):
    looks_soon(monkeypatch, idle_s=0.2)
    use_fake(monkeypatch, "--busy-until", str(home / "idle"))  # else it may be gone before this process has seen it
    shared_engine(None)
    (home / "idle").touch()
    assert eventually(lambda: status().phase == "stopped")


@pytest.mark.slow
def test_busy_engine_is_not_idle(home, monkeypatch):
    looks_soon(monkeypatch, idle_s=0.2)
    use_fake(monkeypatch, "--busy")
    shared_engine(None)
    time.sleep(0.8)
    assert status().phase == "ready"


@pytest.mark.slow
def test_stranger_on_the_port_is_not_taken_for_ours(home, monkeypatch):
    """The stranger answers everything with 200, our server never comes up: the start must fail, not succeed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stranger = subprocess.Popen(
        [sys.executable, str(FAKE), str(port), "tiny-model"], env={**os.environ, "VLLM_API_KEY": ""}
    )
    try:
        assert eventually(lambda: files.get(f"http://127.0.0.1:{port}/health")[0] == 200)
        monkeypatch.setattr(client, "free_port", lambda: port)
        use_fake(monkeypatch, "--exit", "1", "--say", "OSError: [Errno 98] Address already in use", "--delay", "0.5")
        with pytest.raises(EngineError, match="port was taken"):
            shared_engine(None)
    finally:
        stranger.kill()


@pytest.mark.slow
def test_failed_start_tells_what_the_log_says_and_the_next_one_works(home, monkeypatch):
    use_fake(monkeypatch, "--exit", "3", "--say", "ValueError: To serve at least one request with ... "
             "the estimated maximum model length is 896.")  # fmt: skip
    with pytest.raises(EngineError, match="WORKBOOK_ENGINE_KV_GIB"):
        shared_engine(None)
    use_fake(monkeypatch)
    assert shared_engine(None).model == "tiny-model"


@pytest.mark.slow
def test_start_that_takes_too_long_is_ended(home, monkeypatch):
    monkeypatch.setenv("WORKBOOK_ENGINE_START_S", "1")
    use_fake(monkeypatch, "--delay", "60")
    with pytest.raises(EngineError, match="not ready after 1 s"):
        shared_engine(None)
    mine = [
        p
        for p in psutil.process_iter(["environ"])
        if (p.info["environ"] or {}).get("WORKBOOK_CACHE", "").startswith(str(home))
    ]
    assert eventually(lambda: not any(p.is_running() and p.pid != os.getpid() for p in mine))


@pytest.mark.slow
def test_server_that_dies_while_serving_is_reported_and_replaced(home, monkeypatch):
    looks_soon(monkeypatch, grace_s=0.4)
    shared_engine(None)
    state = files.read_state()
    os.kill(state.server_pid, signal.SIGKILL)
    assert eventually(lambda: status().phase == "failed")
    assert eventually(lambda: "died while serving" in status().message)
    assert shared_engine(None).base_url != state.root_url


def test_unreadable_state_file_is_replaced(home):
    (files.engine_dir() / "state.json").write_text("{broken")
    assert shared_engine(None).model == "tiny-model"


@pytest.mark.slow
def test_other_settings_are_refused_while_others_use_the_engine(home, monkeypatch):
    user = child()
    assert eventually(lambda: status().phase == "ready")
    monkeypatch.setenv("WORKBOOK_ENGINE_MAX_LEN", "512")
    with pytest.raises(EngineError, match=rf"processes .*{user.pid}.* use it"):
        shared_engine(None)
    user.kill()
    user.wait()
    assert shared_engine(None).max_model_len == 512


def test_state_file_with_the_key_is_readable_by_its_owner_only(home):
    engine = shared_engine(None)
    path = files.engine_dir() / "state.json"
    assert path.stat().st_mode & 0o077 == 0
    assert engine.api_key in path.read_text()
    assert engine.api_key not in repr(engine)
    assert engine.api_key not in " ".join(psutil.Process(files.read_state().server_pid).cmdline())


def test_waiting_for_another_start_is_said(home):
    lines: list[str] = []
    from filelock import FileLock

    lock = FileLock(files.engine_dir() / "start.lock")
    lock.acquire()
    waiter = threading.Thread(target=lambda: shared_engine(lines.append))
    waiter.start()
    assert eventually(lambda: any("another process" in line for line in lines))
    lock.release()
    waiter.join(30)
    assert status().phase == "ready"


@pytest.mark.parametrize(("name", "value", "message"), [
    ("WORKBOOK_ENGINE_KV_GIB", "lots", "not a number"),
    ("WORKBOOK_ENGINE_KV_GIB", "-1", "outside"),
    ("WORKBOOK_ENGINE_MAX_LEN", "4096", "exceeds the 2048 tokens"),
    ("WORKBOOK_ENGINE_PORT", "70000", "outside"),
    ("WORKBOOK_ENGINE_ARGS", "--x 'open", "cannot be split"),
    ("WORKBOOK_MODEL", "/no/such/folder", "no such folder"),
    ("WORKBOOK_MODEL", "just-a-word", "neither a folder nor a hub id"),
    ("WORKBOOK_ENGINE_URL", "localhost:8000", "must begin with http"),
    ("WORKBOOK_ENGINE_URL", "http://127.0.0.1:9", "does not answer"),
])  # fmt: skip
def test_bad_setting_is_named_before_anything_starts(home, monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(EngineError, match=message) as caught:
        shared_engine(None)
    assert name in str(caught.value)
    assert files.read_state() is None


def test_port_that_is_taken_is_named_with_its_owner(home, monkeypatch):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setenv("WORKBOOK_ENGINE_PORT", str(holder.getsockname()[1]))
        with pytest.raises(EngineError, match=f"taken by process {os.getpid()}"):
            shared_engine(None)


def test_too_little_memory_is_said_before_the_start(home, monkeypatch):
    monkeypatch.setenv("WORKBOOK_ENGINE_KV_GIB", "4000")
    with pytest.raises(EngineError, match=r"are free: .*WORKBOOK_ENGINE_KV_GIB"):
        preflight(EngineSpec.from_environment())


def test_external_engine_is_used_and_never_stopped(home, monkeypatch):
    ours = shared_engine(None)
    monkeypatch.setenv("WORKBOOK_ENGINE_URL", ours.root_url)
    monkeypatch.setenv("WORKBOOK_ENGINE_KEY", ours.api_key)
    monkeypatch.setenv("WORKBOOK_MODEL", "tiny-model")
    external = shared_engine(None)
    assert not external.ours
    external.stop()
    assert status().phase == "external"
    monkeypatch.setenv("WORKBOOK_ENGINE_KEY", "wrong")
    with pytest.raises(EngineError, match="WORKBOOK_ENGINE_KEY"):
        shared_engine(None)
    monkeypatch.setenv("WORKBOOK_ENGINE_KEY", ours.api_key)
    monkeypatch.setenv("WORKBOOK_MODEL", "other-model")
    with pytest.raises(EngineError, match="serves tiny-model"):
        shared_engine(None)
    monkeypatch.delenv("WORKBOOK_ENGINE_URL")


@pytest.mark.parametrize(("log", "code", "expected"), [
    ("x\nValueError: Available memory on node 0 (12.56/14.84 GiB) on startup is less", 1, "WORKBOOK_ENGINE_KV_GIB"),
    ("huggingface_hub.errors.HFValidationError: Repo id must be in the form", 1, "WORKBOOK_MODEL"),
    ("api_server.py: error: unrecognized arguments: --foo", 2, "WORKBOOK_ENGINE_ARGS"),
    ("RuntimeError: Failed to infer device type", 1, "workbook doctor --fix"),
    ("(EngineCore) ERROR 11-23 RuntimeError: something new", 1, "something new"),
    ("", -9, "signal 9: probably out of memory"),
])  # fmt: skip
def test_failure_is_explained_from_the_log(log, code, expected):
    assert expected in explain_failure(log, code)
