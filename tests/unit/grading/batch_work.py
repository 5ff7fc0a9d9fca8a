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
    mine = Path(folder, f"{os.getpid()}.here")
    mine.touch()
    end = time.monotonic() + 20
    here = await_files(folder, ".here", others, end)
    time.sleep(0.3)  # one too many would come meanwhile
    most = max(here, files(folder, ".here"))
    mine.with_suffix(".seen").touch()
    await_files(folder, ".seen", others, end)  # whoever left before would not be seen by one that was held up
    mine.unlink()
    return most


def files(folder, ending):
    return sum(name.endswith(ending) for name in os.listdir(folder))


def await_files(folder, ending, wanted, end):
    """How many there are once there are as many as wanted, or at the end."""
    while (found := files(folder, ending)) < wanted and time.monotonic() < end:
        time.sleep(0.01)
    return found


class Exploding:
    """A result that cannot be read where it arrives."""

    def __reduce__(self):
        return (exploded, ())


def exploded():
    raise RuntimeError("read")


def returns_exploding(task):
    return Exploding()
