"""Start-or-attach: what notebooks, tests and the console script call."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reference.serving.engine import state as files
from reference.serving.engine.handle import Engine, external_engine
from reference.serving.engine.spec import EngineError, EngineSpec, free_port, number_from_environment, preflight
from reference.serving.engine.stopping import remove_stale, stop_keeper, stop_shared
from reference.serving.waiting import wait_until

Progress = Callable[[str], None]


@dataclass(frozen=True)
class EngineStatus:
    """What `workbook doctor` and `workbook stop` report."""

    phase: str  # stopped | starting | ready | failed | external
    base_url: str | None = None
    model: str | None = None
    pid: int | None = None
    ready_after_s: float | None = None
    attached: tuple[int, ...] = ()
    message: str = ""


def print_progress(line: str) -> None:
    print(line, flush=True)


def attach(state: files.State) -> Engine:
    files.add_lease()
    return Engine(
        f"{state.root_url}/v1", state.key, state.model, state.spec["max_model_len"], True, state.ready_after_s
    )


def shared_engine(progress: Progress | None = print_progress) -> Engine:
    """Return the shared engine, started if need be (30-60 s on 2 cores). Raises EngineError with reason and mend.

    progress: called with a line at every stage of a start; None for silence.
    """
    say = progress or (lambda line: None)
    if url := os.environ.get("WORKBOOK_ENGINE_URL", "").strip():
        return external_engine(url)
    spec = EngineSpec.from_environment()
    with locked(say):
        remove_stale()
        state = files.read_state()
        if state and (state.phase == "failed" or (state.phase == "ready" and not state.server_alive())):
            last = state  # its keeper is about to end
            if not wait_until(lambda: not last.keeper_alive(), 20):
                raise EngineError(
                    f"the last engine failed ({last.message}) and its keeper {last.keeper_pid} does not end; kill it"
                )
            files.clear_state()
            state = None
        if state and state.digest != spec.digest:
            others = [pid for pid in files.living_leases() if pid != os.getpid()]
            if others:
                raise EngineError(
                    f"an engine with other settings runs ({state.model}) and processes {others} use it; close them or "
                    "`workbook stop`, or unset what differs (WORKBOOK_MODEL, WORKBOOK_ENGINE_*)"
                )
            say(f"stopping the engine of {state.model}: other settings are asked for")
            stop_keeper(state)
            state = None
        if state is None:
            preflight(spec)
            return start(spec, say)
        return await_ready(state.keeper_pid, say)


def locked(say: Progress) -> Any:
    from filelock import FileLock, Timeout

    lock = FileLock(files.engine_dir() / "start.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        say("another process is starting or stopping the engine; waiting for it ...")
        return lock.acquire(timeout=600)


def start(spec: EngineSpec, say: Progress) -> Engine:
    start_s = number_from_environment("WORKBOOK_ENGINE_START_S", 300, 1, 3600)
    port, key, nonce = spec.port or free_port(), secrets.token_urlsafe(24), f"workbook-{secrets.token_hex(8)}"
    order = {
        "spec": spec.to_dict(),
        "command": spec.command(port, nonce),
        "environment": spec.environment(key),
        "port": port,
        "key": key,
        "nonce": nonce,
        "start_s": start_s,
        "stop_s": number_from_environment("WORKBOOK_ENGINE_STOP_S", 15, 0.1, 600),
    }
    say(f"starting vLLM for {spec.name} on {spec.device} (about 40 s; the log is {files.engine_dir()}/engine.log)")
    files.add_lease()
    # A session of its own: Ctrl-C in a terminal or a notebook reaches us, not the engine that others use.
    keeper = subprocess.Popen([sys.executable, "-m", "reference.serving.engine.keeper"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    try:
        assert keeper.stdin is not None
        keeper.stdin.write(json.dumps(order).encode())
        keeper.stdin.close()
        return await_ready(keeper.pid, say, keeper)
    except BaseException:  # an interrupted or failed start leaves nothing behind
        keeper.terminate()
        try:
            keeper.wait(30)
        except subprocess.TimeoutExpired:
            keeper.kill()
        remove_stale()
        raise


_STAGES = [
    (r"Starting to load model|Loading weights|Loading safetensors", "loading weights"),
    (r"init engine|KV cache size|GPU KV cache|Available KV cache", "preparing the KV cache"),
    (r"Starting vLLM (API )?server", "opening the API"),
]


def stage_of(log: str) -> str:
    found = "importing"
    for pattern, name in _STAGES:
        if re.search(pattern, log):
            found = name
    return found


def await_ready(keeper_pid: int, say: Progress, keeper: subprocess.Popen[bytes] | None = None) -> Engine:
    """Wait for a keeper to report ready; EngineError with its reason if it reports a failure or ends."""
    begin, told, stage = time.monotonic(), 0.0, ""
    while True:
        state = files.read_state()
        if state and state.keeper_pid == keeper_pid:
            if state.phase == "ready":
                if not files.answers_as_ours(state, timeout=30):
                    raise EngineError(
                        f"{state.root_url} does not answer as our engine; `workbook stop`, then try again"
                    )
                if stage:
                    say(f"engine ready after {state.ready_after_s:.0f} s")
                return attach(state)
            if state.phase == "failed":
                raise EngineError(state.message)
        gone = keeper.poll() is not None if keeper else files.start_time(keeper_pid) is None
        if gone and not (
            (again := files.read_state()) and again.keeper_pid == keeper_pid and again.phase != "starting"
        ):
            raise EngineError("the engine was stopped while it started (`workbook stop`?); try again")
        from reference.serving.engine.keeper import read_log

        # Before the keeper has reported, the log is that of the run before.
        now = stage_of(read_log()) if state and state.keeper_pid == keeper_pid else "importing"
        passed = time.monotonic() - begin
        if now != stage or passed - told > 10:
            stage, told = now, passed
            say(f"  {passed:4.0f} s  {stage} ...")
        time.sleep(0.1)


def status() -> EngineStatus:
    """What runs now; starts and changes nothing."""
    if url := os.environ.get("WORKBOOK_ENGINE_URL", "").strip():
        try:
            engine = external_engine(url)
        except EngineError as error:
            return EngineStatus("failed", url, message=str(error))
        return EngineStatus("external", engine.base_url, engine.model)
    state = files.read_state()
    if state is None or (state.phase != "failed" and not state.keeper_alive()):
        return EngineStatus("stopped")
    phase = state.phase
    message = state.message
    if phase == "ready" and not files.answers_as_ours(state):
        phase, message = "failed", "the server does not answer"
    return EngineStatus(phase, f"{state.root_url}/v1", state.model, state.server_pid, state.ready_after_s,
                        tuple(files.living_leases()), message)  # fmt: skip


def serve_foreground(say: Progress = print_progress) -> int:
    """`workbook serve`: engine up until Ctrl-C; then stopped, unless somebody else had started it."""
    had_one = status().phase in ("starting", "ready")
    engine = shared_engine(say)
    if not engine.ours:
        raise EngineError("WORKBOOK_ENGINE_URL is set: that server is not ours to run")
    say(f"serving {engine.model} at {engine.base_url}\nkey: {engine.api_key}")
    if had_one:
        say("it was running already and is left running; `workbook stop` ends it")
        return 0
    say("Ctrl-C stops it")
    try:
        while status().phase == "ready":
            time.sleep(1)
        final = status()
        if final.phase == "failed":
            raise EngineError(final.message)
        say("the engine was stopped")
    except KeyboardInterrupt:
        say("stopping ...")
        stop_shared()
    return 0
