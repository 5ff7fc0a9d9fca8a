"""What the children of the batch run in its tests: importable, as a real task is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def work(task):
    """(what to do, value)."""
    what, value = task
    if what == "raise":
        raise ValueError(f"a bug on {value}")
    if what == "exit":
        sys.exit(3)
    if what == "die":
        os._exit(7)
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        time.sleep(600)
    if what == "unsendable":
        return lambda: value
    if what == "huge":
        return "x" * 5_000_000
    if what == "meet":
        return met(*value)
    if what == "child":
        child = subprocess.Popen(["sleep", "600"])
        with open(value, "w") as file:
            file.write(str(child.pid))
        time.sleep(600)
    return value


def met(folder, others):
    """How many are here at once, once at least `others` are; each is a file while it is here."""
    mine = Path(folder, str(os.getpid()))
    mine.touch()
    end = time.monotonic() + 20
    while (here := len(os.listdir(folder))) < others and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)  # the others see it too
    most = max(here, len(os.listdir(folder)))
    mine.unlink()
    return most


class Exploding:
    """A result that cannot be read where it arrives."""

    def __reduce__(self):
        return (exploded, ())


def exploded():
    raise RuntimeError("read")


def returns_exploding(task):
    return Exploding()
