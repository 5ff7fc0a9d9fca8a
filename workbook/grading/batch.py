"""Many students at a time, one process each: whatever happens to one of them happens to nobody else."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Task = TypeVar("Task")

# What the children of the server have imported before they exist: a child then starts in hundredths of a second.
_PRELOADED = ["workbook.cli", "workbook.grading.grade", "exercises.catalogue"]


@dataclass(frozen=True)
class Outcome:
    """value: what the function returned, or None with `failure`, which says what became of the process."""

    value: Any
    failure: str
    seconds: float


@dataclass
class _Running:
    index: int
    process: Any
    pipe: Connection
    begun: float


def run_all(
    function: Callable[[Task], Any], tasks: Sequence[Task], *, jobs: int, deadline_s: Callable[[Task], float]
) -> Generator[tuple[int, Outcome], None, None]:
    """Yield (index of the task, outcome) as they end, at most `jobs` at a time, each in a process of its own.

    function: importable, as are what it takes and returns. An exception, a killed process, a result that cannot be
    sent and a task that outlasts `deadline_s(task)` are outcomes with a failure. Closing the iterator ends what runs.
    """
    context = _context()
    waiting = list(enumerate(tasks))[::-1]
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                index, task = waiting.pop()
                running.append(_start(context, function, index, task))
            wait([one.pipe for one in running], timeout=_soonest(running, tasks, deadline_s))
            for one in list(running):
                outcome = _ended(one, deadline_s(tasks[one.index]))
                if outcome is not None:
                    running.remove(one)
                    yield one.index, outcome
    finally:
        for one in running:
            _end(one)


def _context() -> Any:
    """A server that forks children without threads; where there is none, fresh interpreters."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _start(context: Any, function: Callable[[Task], Any], index: int, task: Task) -> _Running:
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, function, task), daemon=False)
    process.start()
    theirs.close()
    return _Running(index, process, mine, time.monotonic())


def _child(pipe: Connection, function: Callable[[Task], Any], task: Task) -> None:
    """Runs in the child: its own session, so that what it starts can be ended with it and Ctrl-C reaches only the
    parent, which decides."""
    with contextlib.suppress(AttributeError, OSError):
        os.setsid()
        threading.Thread(target=_end_with_the_parent, args=(pipe.fileno(),), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer: tuple[Any, str] = (function(task), "")
    except BaseException as error:
        answer = (None, f"{type(error).__name__}: {error}"[:500])
    try:
        pipe.send(answer)
    except BaseException as error:
        pipe.send((None, f"the result cannot be sent: {type(error).__name__}: {error}"[:500]))
    pipe.close()


def _end_with_the_parent(descriptor: int) -> None:
    """A parent that is killed reads no result: without this, its children would go on, and the server for them."""
    reader = select.poll()
    reader.register(descriptor, 0)  # an end without a reader is always reported
    reader.poll()
    os.killpg(0, signal.SIGKILL)


def _soonest(running: Sequence[_Running], tasks: Sequence[Task], deadline_s: Callable[[Task], float]) -> float:
    now = time.monotonic()
    return max(0.05, min(one.begun + deadline_s(tasks[one.index]) - now for one in running))


def _ended(one: _Running, deadline_s: float) -> Outcome | None:
    seconds = time.monotonic() - one.begun
    if one.pipe.poll():
        try:
            value, failure = one.pipe.recv()
        except EOFError:
            one.process.join(5)
            value, failure = None, _how(one.process.exitcode)
        except Exception as error:
            value, failure = None, f"the result cannot be read: {type(error).__name__}: {error}"[:500]
    elif seconds > deadline_s:
        value, failure = None, f"it took longer than {deadline_s:.0f} s"
    else:
        return None
    _end(one)
    return Outcome(value, failure, seconds)


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with contextlib.suppress(ValueError):
            return f"the grading process was ended by {signal.Signals(-exitcode).name}"
    return f"the grading process ended without a result (exit code {exitcode})"


def _end(one: _Running) -> None:
    """The process and everything in its session; a process that has ended is only waited for."""
    one.pipe.close()
    one.process.join(0.5)
    if one.process.is_alive():
        # Only a child that leads a group of its own may be ended with its group: before setsid it is in the server's.
        with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
            if os.getpgid(one.process.pid) == one.process.pid:
                os.killpg(one.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            one.process.kill()
        one.process.join(5)
    with contextlib.suppress(ValueError):
        one.process.close()


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
