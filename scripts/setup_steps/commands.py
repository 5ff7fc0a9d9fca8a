"""Run a command of a step: shown, logged, and put into words when it fails; one set-up at a time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import BinaryIO

from setup_steps import places
from setup_steps.failures import StepFailed, explain

KEPT = 50_000  # bytes of output that are searched for the cause

_log: BinaryIO | None = None


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Wait for another set-up of this folder. Its commands hold the lock too, so that a killed one is waited out."""
    global _log
    try:
        opened = open(places.LOG, "ab")  # noqa: SIM115  closed below
    except OSError as error:
        mend = f"it is somebody else's (sudo?): remove it and {places.VENV} as its owner, then run the command again"
        raise StepFailed(f"setup.log cannot be written ({places.LOG}): {error.strerror}", mend) from None
    with opened as log:
        try:
            import fcntl

            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another set-up is at work in this folder; waiting for it to end ...", flush=True)
            fcntl.flock(log, fcntl.LOCK_EX)
        except (OSError, ImportError):
            pass  # a file system or a system without locks: uv has locks of its own
        log.truncate(0)
        _log = log
        try:
            yield
        finally:
            _log = None


def call(args: list[str], mend: str, env: dict[str, str] | None = None, show: bool = False) -> str:
    """Run a command in the project folder; return what it printed. StepFailed with why and what to do if it fails.

    show: pass its output on as it comes, on a terminal with its progress bars.
    """
    reading, writing = _terminal() if show and sys.stderr.isatty() else os.pipe()
    held = (_log.fileno(),) if _log else ()
    try:
        process = subprocess.Popen(args, env=env, cwd=places.ROOT, stdin=subprocess.DEVNULL, stdout=writing,
                                   stderr=writing, pass_fds=held)  # fmt: skip
    finally:
        os.close(writing)
    output = b""
    try:
        while chunk := _read(reading):
            output = (output + chunk)[-KEPT:]
            if _log:
                _log.write(chunk)
            if show:
                sys.stderr.buffer.write(chunk)
                sys.stderr.buffer.flush()
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        os.close(reading)
    text = output.decode(errors="replace").replace("\r\n", "\n")
    if code:
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise explain(" ".join(args[:4]) + " ...", code, text, python, mend)
    return text


def _read(end: int) -> bytes:
    try:
        return os.read(end, 65536)
    except OSError:  # how a terminal without writers ends
        return b""


def _terminal() -> tuple[int, int]:
    """A terminal of its own for the command, as wide as ours: uv draws progress bars on nothing else."""
    import fcntl
    import pty
    import termios

    ours, its = pty.openpty()
    with contextlib.suppress(OSError):
        fcntl.ioctl(its, termios.TIOCSWINSZ, fcntl.ioctl(sys.stderr, termios.TIOCGWINSZ, b"\0" * 8))
    return ours, its
