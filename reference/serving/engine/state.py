"""The files that processes find the shared engine by, and proof that what they name is ours.

$cache/engine/ (readable by the user only: it holds the key)
    start.lock    held while somebody starts or stops the engine
    state.json    what runs: process ids with their start times, port, key, model; replaced atomically
    leases/       one empty file for every attached process, PID-STARTTIME
    engine.log    vLLM's output; engine.log.1 is the run before
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.serving.models import cache_dir

if TYPE_CHECKING:
    import psutil


def engine_dir() -> Path:
    path = cache_dir() / "engine"
    path.mkdir(mode=0o700, exist_ok=True)
    (path / "leases").mkdir(exist_ok=True)
    return path


def start_time(pid: int) -> float | None:
    """When a process began, None if it does not live. Together with the pid it names one process for good.

    Seconds on a clock of this boot of the machine, not of the calendar: a corrected clock would make a living engine
    look like another process, and a second one would be started beside it.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.Error:
        return None
    try:
        # Field 22 of proc(5), counted after the name, which may hold blanks and brackets.
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        boot = int(Path("/proc/sys/kernel/random/boot_id").read_text()[:4], 16)
    except (OSError, ValueError, IndexError):
        return calendar_start(process)
    return boot * 1e7 + ticks / os.sysconf("SC_CLK_TCK")


def calendar_start(process: psutil.Process) -> float | None:
    """Where the system has no /proc: seconds since the epoch."""
    import psutil

    try:
        return process.create_time()
    except psutil.Error:
        return None


def is_alive(pid: int, began: float) -> bool:
    now = start_time(pid)
    return now is not None and abs(now - began) < 1.0


@dataclass
class State:
    """What the keeper writes about itself and its server."""

    phase: str  # starting | ready | failed
    keeper_pid: int
    keeper_began: float
    server_pid: int
    server_began: float
    port: int
    key: str
    nonce: str
    model: str
    spec: dict[str, Any]
    digest: str
    started: float  # seconds since the epoch
    ready_after_s: float | None = None
    message: str = ""

    @property
    def root_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def keeper_alive(self) -> bool:
        return is_alive(self.keeper_pid, self.keeper_began)

    def server_alive(self) -> bool:
        return is_alive(self.server_pid, self.server_began)


def write_state(state: State) -> None:
    path = engine_dir() / "state.json"
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(state), file, indent=1)
    os.replace(temporary, path)


def read_state() -> State | None:
    """The recorded state, true or stale; None if there is none or it cannot be read."""
    try:
        return State(**json.loads((engine_dir() / "state.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def clear_state() -> None:
    (engine_dir() / "state.json").unlink(missing_ok=True)


def add_lease() -> None:
    """Tell the keeper that this process uses the engine; a dead process's lease counts for nothing."""
    pid = os.getpid()
    (engine_dir() / "leases" / f"{pid}-{start_time(pid) or 0:.3f}").touch()


def living_leases() -> list[int]:
    """Process ids attached to the engine; files of dead ones are removed."""
    pids = []
    for path in (engine_dir() / "leases").iterdir():
        pid, _, began = path.name.partition("-")
        try:
            alive = is_alive(int(pid), float(began))
        except ValueError:
            alive = False
        if alive:
            pids.append(int(pid))
        else:
            path.unlink(missing_ok=True)
    return pids


def get(url: str, key: str | None = None, timeout: float = 5.0) -> tuple[int, str]:
    """GET a loopback address past any proxy; (status, body), status 0 if nobody answers, or not to the end."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, ValueError, http.client.HTTPException):
        return 0, ""


def answers_as_ours(state: State, timeout: float = 5.0) -> bool:
    """True if the server on the port lists the name drawn for this start.

    /health is not enough: when another server holds the port, it answers while ours is still importing.
    """
    status, body = get(f"{state.root_url}/v1/models", state.key, timeout)
    if status != 200:
        return False
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return state.nonce in [model["id"] for model in json.loads(body)["data"]]
    return False
