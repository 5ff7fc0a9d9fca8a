"""What the children of the batch run in its tests: importable, as a real task is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time


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
    if what == "sleep":
        time.sleep(value)
    if what == "child":
        child = subprocess.Popen(["sleep", "600"])
        with open(value, "w") as file:
            file.write(str(child.pid))
        time.sleep(600)
    return value


class Exploding:
    """A result that cannot be read where it arrives."""

    def __reduce__(self):
        return (exploded, ())


def exploded():
    raise RuntimeError("read")


def returns_exploding(task):
    return Exploding()
