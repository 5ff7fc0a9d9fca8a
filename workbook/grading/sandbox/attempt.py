"""One process that runs cells until all are done, one ends it, or a limit is reached."""

from __future__ import annotations

import json
import os
import re
import secrets
import selectors
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from exercises.model import Value
from workbook.grading.sandbox import processes
from workbook.grading.sandbox.kinds import INODES, Sandbox, environment, packages, source, spare_uid
from workbook.grading.sandbox.lines import Line, read_line
from workbook.grading.sandbox.output import Output
from workbook.grading.sandbox.view import WORK, view
from workbook.grading.types import Collect, Ended, Limits, NoSandbox

_TICK = 0.05
_START_S = 30.0  # of an interpreter, on a busy machine
_MOST_OUTPUT = 64 << 20  # more than this is no answer's output
_CHUNK = 1 << 16
_LEAST_MB = 160  # of addresses, with which an interpreter still starts


@dataclass
class Outcome:
    """How a cell of this attempt ended. line: what it reported, None if it did not come to that."""

    ended: Ended
    why: str = ""
    line: Line | None = None
    output: str = ""
    seconds: float = 0.0


class Attempt:
    """cells: as the runner wants them, with `skip` where one is not to run. run() gives an Outcome for each cell that
    ran or began to; the last one may be what ended the process."""

    def __init__(
        self,
        cells: Sequence[dict[str, Value]],
        collects: list[Collect | None],
        limits: Limits,
        sandbox: Sandbox,
        until: float,
    ) -> None:
        self.cells, self.collects, self.limits, self.sandbox, self.until = cells, collects, limits, sandbox, until
        self.word = secrets.token_hex(16)
        self.waiting = [number for number, cell in enumerate(cells) if not cell["skip"]]
        self.order = list(self.waiting)
        self.outcomes: dict[int, Outcome] = {}
        self.output = Output(b"\x1e" + self.word.encode() + b"\n", limits.output_bytes)
        self.ready = False
        self.since = time.monotonic()
        self.buffer = b""
        self.heard = 0

    def run(self) -> dict[int, Outcome]:
        if self.sandbox.protected:
            self._run(WORK)
        else:
            with tempfile.TemporaryDirectory(prefix="graded-", ignore_cleanup_errors=True) as folder:
                self._run(folder)
        texts = self.output.texts()
        if not self.ready:
            said = " ".join(" ".join(texts).split())[-500:]
            raise NoSandbox(f"{self.sandbox.name}: the sandbox did not start: {said or 'no message'}")
        for number, text in zip([*self.order, *self.order[-1:]], texts, strict=False):
            if number in self.outcomes:
                self.outcomes[number].output += text
        return self.outcomes

    def _run(self, folder: str) -> None:
        uid = spare_uid() if self.sandbox.protected else None
        self.read, write = os.pipe()
        try:
            job = {"run": self.word, "cells": self.cells, "result_bytes": self.limits.result_bytes}
            job["packages"] = packages(folder)
            self.job = memoryview(json.dumps(job).encode("ascii"))
            lock = {
                "uid": uid,
                "limits": self._limits(uid),
                "runner": {"out": write},
                "protected": self.sandbox.protected,
            }
            inner = [view().python, "-I", "-S", "-u", "-X", "utf8", "-c", source("lock")]
            inner += [json.dumps(lock), source("plain"), source("cells"), source("inside")]
            command = self.sandbox.command(inner, self.limits, uid)
            pipe = subprocess.PIPE
            try:
                self.process = subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, pass_fds=(write,), bufsize=0,
                    env=environment(folder, self.word), cwd=folder, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise NoSandbox(f"{self.sandbox.name}: {error}") from error
        finally:
            os.close(write)
        try:
            self._listen()
        finally:
            processes.end(self.process, self.word, self.sandbox.protected)
            self._drain(1 << 20)
            os.close(self.read)
            for file in (self.process.stdin, self.process.stdout):
                if file is not None:
                    with suppress(OSError):
                        file.close()

    def _limits(self, uid: int | None) -> dict[str, int]:
        limits = self.limits
        # Namespaces count their own since Linux 5.14, and root's runs have a user each.
        alone = self.sandbox.protected and (uid is not None or _kernel() >= (5, 14))
        counted = limits.processes if alone else limits.processes + _running()
        return {
            "RLIMIT_AS": max(limits.memory_mb, _LEAST_MB) << 20,
            "RLIMIT_CPU": int(limits.total_s) + 2,
            "RLIMIT_FSIZE": limits.file_mb << 20,
            "RLIMIT_NPROC": counted,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_CORE": 1,  # 0 would still feed a program that collects cores for the whole machine
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
        }

    # ---- listening ---------------------------------------------------------------------------------------------------
    def _listen(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            for descriptor, event in ((self.stdin, selectors.EVENT_WRITE), (self.stdout, 1), (self.read, 1)):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, event)
            watched = time.monotonic()
            while self.waiting:
                for key, _ in selector.select(_TICK):
                    if not self._serve(key.fd):
                        selector.unregister(key.fd)
                now = time.monotonic()
                if self.waiting and not self._in_time(now):
                    return
                if self.waiting and self.process.poll() is not None:
                    while self._serve(self.read) and self._more():
                        pass
                    if self.waiting and self.ready:
                        self._stop(Ended.KILLED, "the cell ended the process it ran in")
                    return
                if self.ready and self.waiting and now - watched >= _TICK:
                    watched = now
                    if not self._in_bounds():
                        return

    def _more(self) -> bool:
        """Whether something is left in the pipe of a process that has ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.read, selectors.EVENT_READ)
            return bool(selector.select(0)) and bool(self.waiting)

    def _serve(self, descriptor: int) -> bool:
        """False when nothing more is to be expected from it."""
        try:
            if descriptor == self.stdin:
                self.job = self.job[os.write(descriptor, self.job) :]
                if not self.job:
                    assert self.process.stdin is not None
                    self.process.stdin.close()
                return bool(self.job)
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if descriptor == self.stdout:
            self.output.feed(data)
        elif data:
            self._hear(data)
        return bool(data)

    def _hear(self, data: bytes) -> None:
        self.heard += len(data)
        *raws, self.buffer = (self.buffer + data).split(b"\n")
        # Longer than any line the runner writes: not its own.
        self.buffer = self.buffer[: self.limits.result_bytes + _CHUNK]
        for raw in raws:
            line = read_line(raw, self.word, self.collects)
            if line is not None:
                self._take(line)

    def _take(self, line: Line) -> None:
        now = time.monotonic()
        if line.cell < 0:
            self.ready, self.since = True, now
            return
        if not self.ready or line.cell not in self.waiting:
            return  # forged, or told twice
        while self.waiting[0] != line.cell:
            self._stop(Ended.KILLED, "nothing was heard of this cell", alone=True)
        self.waiting.pop(0)
        self.outcomes[line.cell] = Outcome(line.ended, line.error, line, seconds=now - self.since)
        self.since = now

    def _drain(self, most: int) -> None:
        while most > 0:
            try:
                data = os.read(self.stdout, _CHUNK)
            except OSError:
                return
            if not data:
                return
            self.output.feed(data)
            most -= len(data)

    # ---- limits ------------------------------------------------------------------------------------------------------
    def _in_time(self, now: float) -> bool:
        if not self.ready:
            return now - self.since < _START_S
        if now - self.since > self.limits.cell_s:
            return self._stop(Ended.TIME, f"the cell was stopped after {self.limits.cell_s:g} s")
        if now > self.until:
            return self._stop(Ended.TIME, f"the notebook was stopped after {self.limits.total_s:g} s")
        return True

    def _in_bounds(self) -> bool:
        pids, limits = processes.below(self.process.pid), self.limits
        most = max(limits.memory_mb, _LEAST_MB) + 32  # the sandbox's own processes
        if processes.memory_mb(pids, most) > most:
            return self._stop(Ended.MEMORY, f"the cell's processes took more than {limits.memory_mb} MB together")
        if len(pids) > limits.processes + 8:
            return self._stop(Ended.KILLED, f"the cell started more than {limits.processes} processes")
        if self.output.total > _MOST_OUTPUT:
            return self._stop(Ended.KILLED, f"the cell wrote more than {_MOST_OUTPUT >> 20} MB of output")
        if self.heard > limits.result_bytes * (len(self.cells) + 1):
            return self._stop(Ended.KILLED, "the cell wrote into the channel of the results")
        if self.sandbox.protected and processes.files_in(pids[:3], WORK) > INODES + 1000:
            return self._stop(Ended.KILLED, f"the cell made more than {INODES} files")
        return True

    def _stop(self, ended: Ended, why: str, alone: bool = False) -> bool:
        """The cell that is running ends so; False, for the run ends with it (alone: it goes on)."""
        now = time.monotonic()
        self.outcomes[self.waiting.pop(0)] = Outcome(ended, why, seconds=0.0 if alone else now - self.since)
        return False


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])


def _running() -> int:
    """Processes and threads of this user: without a namespace, the limit counts them too."""
    import psutil

    return sum(
        one.info["num_threads"] or 1
        for one in psutil.process_iter(["uids", "num_threads"])
        if one.info["uids"] and one.info["uids"].real == os.getuid()
    )
