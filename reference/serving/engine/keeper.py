"""The process that owns the vLLM server: starts it, reports, stops it when idle. Run as a module by `client`.

    starting --(our server answers)--> ready --(idle, no one attached, SIGTERM)--> stopped
        \\--(server exits, or takes too long)--> failed

Why a process of its own: a notebook's kernel may be killed at any time, and must not take the engine of the other
notebooks with it, nor leave one behind that nobody stops. The server is asked by the kernel of the operating system to
end (PR_SET_PDEATHSIG) should the keeper itself be killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from reference.serving.engine import state as files
from reference.serving.engine.failures import explain_failure
from reference.serving.engine.spec import EngineSpec
from reference.serving.exposition import GENERATED, RUNNING, WAITING, samples
from reference.serving.waiting import wait_until

POLL_S = 0.2
WATCH_S = 2.0
_PR_SET_PDEATHSIG = 1


class Stop(Exception):
    """A signal asked the keeper to stop."""


def end_with_parent() -> None:
    """In the child, before exec: be sent SIGTERM when the keeper dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def activity(state: files.State) -> float | None:
    """A number that changes whenever the engine works: all counters of tokens and requests, from /metrics."""
    status, text = files.get(f"{state.root_url}/metrics")
    if status != 200:
        return None
    if sum(samples(text, RUNNING, WAITING).values()) > 0:
        return time.monotonic()  # busy now
    return sum(samples(text, "vllm:prompt_tokens_total", GENERATED, "vllm:request_success_total").values())


def stop_server(server: subprocess.Popen[bytes], patience_s: float) -> None:
    """SIGTERM, then SIGKILL to the whole process group (engine core and workers included)."""
    if server.poll() is None:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience_s)
    # Also after a clean exit: a worker may have outlived its parent.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def read_log() -> str:
    try:
        return (files.engine_dir() / "engine.log").read_text(errors="replace")[-200_000:]
    except OSError:
        return ""


def run(order: dict[str, Any]) -> int:
    """order: spec (dict), command, environment, port, key, nonce, start_s, stop_s; the outcome is in state.json."""
    spec = EngineSpec(**{**order["spec"], "extra": tuple(order["spec"]["extra"])})
    folder = files.engine_dir()
    log = folder / "engine.log"
    if log.exists():
        os.replace(log, folder / "engine.log.1")
    with log.open("wb") as output:
        server = subprocess.Popen(order["command"], env={**os.environ, **order["environment"]},
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                  start_new_session=True, preexec_fn=end_with_parent)  # fmt: skip
    now = time.time()
    state = files.State(
        phase="starting", keeper_pid=os.getpid(), keeper_began=files.start_time(os.getpid()) or now,
        server_pid=server.pid, server_began=files.start_time(server.pid) or now,
        port=order["port"], key=order["key"], nonce=order["nonce"], model=spec.name,
        spec=spec.to_dict(), digest=spec.digest, started=now,
    )  # fmt: skip
    files.write_state(state)
    try:
        if not await_ready(server, state, order["start_s"]):
            return 1
        watch(server, state, spec)
    except Stop:
        pass
    finally:
        # A second signal must not interrupt the clean-up.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        stop_server(server, order["stop_s"])
        if state.phase != "failed":
            files.clear_state()
    return 0


def await_ready(server: subprocess.Popen[bytes], state: files.State, start_s: float) -> bool:
    begin = time.monotonic()
    settled = wait_until(
        lambda: server.poll() is not None or files.answers_as_ours(state, timeout=2.0), start_s, every_s=POLL_S
    )
    if server.poll() is not None:
        return fail(state, explain_failure(read_log(), server.returncode))
    if not settled:
        return fail(
            state,
            f"vLLM was not ready after {start_s:.0f} s (WORKBOOK_ENGINE_START_S); see {files.engine_dir()}/engine.log",
        )
    state.phase, state.ready_after_s = "ready", round(time.monotonic() - begin, 1)
    files.write_state(state)
    return True


def fail(state: files.State, message: str) -> bool:
    state.phase, state.message = "failed", message
    files.write_state(state)
    return False


def watch(server: subprocess.Popen[bytes], state: files.State, spec: EngineSpec) -> None:
    """Return when the engine has been idle for long enough; a server that dies is recorded as failed."""
    seen, quiet_since = None, time.monotonic()
    interval = min(WATCH_S, spec.idle_s / 4, spec.grace_s / 4)
    while True:
        time.sleep(interval)
        if server.poll() is not None:
            fail(state, "vLLM died while serving: " + explain_failure(read_log(), server.returncode))
            return
        now = activity(state)
        if now is None or now != seen:  # a server too busy to answer is not idle
            seen, quiet_since = now, time.monotonic()
        limit = spec.idle_s if files.living_leases() else min(spec.grace_s, spec.idle_s)
        if time.monotonic() - quiet_since > limit:
            return


def main() -> int:
    def on_signal(number: int, frame: object) -> None:
        raise Stop

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return run(json.load(sys.stdin))


if __name__ == "__main__":
    sys.exit(main())
