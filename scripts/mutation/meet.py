"""Mutants meet tests, each in a fork that has the packages loaded already."""

from __future__ import annotations

import contextlib
import difflib
import functools
import gc
import inspect
import json
import os
import re
import resource
import signal
import sys
import time
import types
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mutation.choose import BROAD, is_own
from mutation.draw import Mutant, mutated
from mutation.loops import Uncompiled, how

# Imported anew by another process: always written to the file.
ON_DISK = re.compile(r"grading/(batch|sandbox/cells)\.py$")
ENOUGH_S = 12.0  # of CPU in tests that pass, then a mutant has survived
HANGS_S = 60  # of CPU: then it hangs, which counts as killed
LONGEST_S = 600.0  # by the clock: then it waits for something, which counts as killed too


@dataclass(frozen=True)
class Job:
    """tests: files in the order to try."""

    mutant: Mutant
    tests: list[str]


def with_mutant(source: str, job: Job) -> tuple[str, dict[str, Any]]:
    """The file with the mutant in it, and what is recorded of it."""
    text = mutated(source, job.mutant) or source
    change = list(difflib.unified_diff(source.splitlines(), text.splitlines(), n=0, lineterm=""))[3:]
    return text, asdict(job.mutant) | {"change": change, "tests": len(job.tests)}


def cpu_s() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def ended(child: int, longest_s: float) -> int:
    """Exit status of a fork that leads its own group; 124 past `longest_s` or HANGS_S. Ends whatever it left behind."""
    until = time.monotonic() + longest_s
    status = None
    while status is None and time.monotonic() < until:
        done, raw = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(raw) if done else None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return 124 if status in (None, -signal.SIGXCPU) else status & 0xFF


def in_child(copy: Path, arguments: list[str], log: Path, longest_s: float, plugins: list[Any]) -> int:
    """Pytest's exit status in a fork, where the heavy packages are loaded already."""
    child = os.fork()
    if child == 0:
        status = 3
        try:
            os.setsid()
            with log.open("wb") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            os.chdir(copy)
            sys.path.insert(0, str(copy))
            sys.dont_write_bytecode = True
            os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
            import pytest

            fixed = ["-q", "-p", "no:cacheprovider", "-m", "not engine and not notebook"]
            status = int(pytest.main([*fixed, *arguments], plugins=plugins))
        finally:
            os._exit(status)
    return ended(child, longest_s)


def codes(code: types.CodeType) -> list[types.CodeType]:
    return [code, *(one for part in code.co_consts if isinstance(part, types.CodeType) for one in codes(part))]


def own(code: types.CodeType) -> tuple[Any, ...]:
    """What a code object says itself, without the functions in it."""
    constants = [repr(part) for part in code.co_consts if not isinstance(part, types.CodeType)]
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def place(code: types.CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def inside_functions(path: Path, text: str) -> dict[tuple[str, str, int], types.CodeType] | None:
    """The functions that the mutant changes, by place; None where it changes what is executed at import."""
    before, after = (codes(compile(one, str(path), "exec")) for one in (path.read_text(), text))
    places = [place(code) for code in before]
    if [code.co_qualname for code in before] != [code.co_qualname for code in after]:
        return None
    changed = {place(one): other for one, other in zip(before, after, strict=True) if one != other}
    itself = [one for one, other in zip(before, after, strict=True) if own(one) != own(other)]
    functions = {name: other for name, other in changed.items() if other.co_flags & inspect.CO_OPTIMIZED}
    if not all(one.co_flags & inspect.CO_OPTIMIZED for one in itself) or any(
        places.count(one) > 1 for one in functions
    ):
        return None
    return functions


def put_in(functions: dict[tuple[str, str, int], types.CodeType]) -> bool:
    """Gives living functions the mutant's code and empties all caches; False if there are none, or none that fit."""
    met = False
    for thing in gc.get_objects():
        if isinstance(thing, functools._lru_cache_wrapper):
            thing.cache_clear()
        elif isinstance(thing, types.FunctionType) and place(thing.__code__) in functions:
            try:
                thing.__code__ = functions[place(thing.__code__)]
            except ValueError:  # another number of variables from around it
                return False
            met = True
    return met


def is_slow(item: Any) -> bool:
    return item.get_closest_marker("slow") is not None


class QuickFirst:
    """A pytest plugin: slow tests after all others, and of those of parts together none."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted((one for one in items if not is_slow(one) or "/unit/" in one.nodeid), key=is_slow)


class Living(QuickFirst):
    """A pytest plugin: instead of the tests, each mutant in a fork of its own with the tests that meet it."""

    def __init__(self, jobs: list[Job], copy: Path, out: Path) -> None:
        self.jobs, self.copy, self.out, self.failure = jobs, copy, out, ""
        self.sound: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failure:
            lines = [line for line in report.longreprtext.splitlines() if line.startswith("E  ")]
            self.failure = f"{report.nodeid}: {lines[0] if lines else ''}"[:300]

    def pytest_runtestloop(self, session: Any) -> bool:
        items = defaultdict(list)
        for item in session.items:
            items[item.nodeid.split("::")[0]].append(item)
        gc.collect()
        gc.freeze()
        with self.out.open("a") as stream:
            for job in self.jobs:
                meets = [item for name in job.tests for item in items[name]]
                own_first = sorted(meets, key=lambda item: (not is_own(item.nodeid, job.mutant.path), is_slow(item)))
                result = self._one(session, own_first, job)
                print(json.dumps(result), file=stream, flush=True)
        return True

    def _one(self, session: Any, items: list[Any], job: Job) -> dict[str, Any]:
        path, began, note = self.copy / job.mutant.path, time.monotonic(), self.out.with_suffix(".note")
        text, result = with_mutant(path.read_text(), job)
        functions = None if ON_DISK.search(job.mutant.path) else inside_functions(path, text)
        if not functions:
            return result | {"outcome": "on disk"}
        if not items:
            return result | {"outcome": "untested"}
        status = self._met(functions, items, note)
        while status == 1 and (item := self._by(items, note)) and not self._sound(item):
            items = [one for one in items if one is not item]
            status = self._met(functions, items, note)
        outcome = {0: "survived", 42: "on disk", 124: "timeout"}.get(status, "killed")
        return result | {"outcome": outcome, "by": note.read_text(), "seconds": round(time.monotonic() - began, 1)}

    @staticmethod
    def _by(items: list[Any], note: Path) -> Any:
        """The test that failed; None where something else did."""
        said = note.read_text()
        return next((one for one in items if said.startswith(f"{one.nodeid}: ")), None)

    def _sound(self, item: Any) -> bool:
        """Whether a test passes without a mutant too: one that does not tells nothing."""
        if item.nodeid not in self.sound:
            self.sound[item.nodeid] = self._met(None, [item], self.out.with_suffix(".sound")) == 0
            if not self.sound[item.nodeid]:
                print(f"fails without a mutant: {item.nodeid}", file=sys.stderr)
        return self.sound[item.nodeid]

    def _met(self, functions: dict[tuple[str, str, int], types.CodeType] | None, items: list[Any], note: Path) -> int:
        """Status of a fork in which the mutant, if there is one, meets the tests; `note` tells which of them failed."""
        note.write_text("")
        child = os.fork()
        if child == 0:
            status, spent = 3, cpu_s()
            try:
                os.setsid()
                resource.setrlimit(resource.RLIMIT_CPU, (HANGS_S, HANGS_S + 5))
                gc.unfreeze()
                status = 42
                if functions is None or put_in(functions):
                    status = 0
                    for item, following in zip(items, [*items[1:], None], strict=True):
                        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                        if self.failure:
                            status = 1
                            note.write_text(self.failure)
                        if self.failure or cpu_s() - spent > ENOUGH_S:
                            break
            except BaseException as error:  # whatever a mutant makes of it
                note.write_text(repr(error)[:300])
                status = 1
            finally:
                os._exit(status)
        return ended(child, LONGEST_S)


class Enough(QuickFirst):
    """A pytest plugin: skips what follows once tests that passed have used the CPU time that a mutant gets."""

    def pytest_sessionstart(self) -> None:
        self.until = cpu_s() + ENOUGH_S
        resource.setrlimit(resource.RLIMIT_CPU, (HANGS_S, HANGS_S + 5))

    def pytest_runtest_setup(self) -> None:
        import pytest

        if cpu_s() > self.until:
            pytest.skip("enough")


def written(job: Job, copy: Path) -> dict[str, Any]:
    """The mutant in its file, and pytest anew."""
    path, log, began = copy / job.mutant.path, copy.with_suffix(".log"), time.monotonic()
    source, stamp = path.read_text(), path.stat()
    text, result = with_mutant(source, job)
    if not job.tests:
        return result | {"outcome": "untested"}
    path.write_text(text)
    broad = [name for name in job.tests if BROAD in name]
    uncompiled = [one for one in [how(job.mutant.path)] if isinstance(one, Uncompiled)]
    try:
        # Broad ones alone first: most mutants die there, and the others need not be collected.
        for names in filter(None, (broad, [name for name in job.tests if name not in broad])):
            status = in_child(copy, ["-x", "--timeout", "60", *names], log, LONGEST_S, [Enough(), *uncompiled])
            if status not in (0, 5):
                break
    finally:
        path.write_text(source)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    outcome = {0: "survived", 5: "untested", 124: "timeout"}.get(status, "killed")
    by = next((line for line in log.read_text(errors="replace").splitlines() if line.startswith("E  ")), "")[:300]
    return result | {"outcome": outcome, "by": by, "seconds": round(time.monotonic() - began, 1)}


def living(jobs: list[Job], copy: Path, out: Path) -> None:
    out.unlink(missing_ok=True)
    ways = {type(how(job.mutant.path)): how(job.mutant.path) for job in jobs}
    for way, plugin in ways.items():
        part = [job for job in jobs if type(how(job.mutant.path)) is way]
        wanted = sorted({name for job in part for name in job.tests})
        plugins = [Living(part, copy, out), *([plugin] if plugin else [])]
        in_child(copy, wanted, copy.with_suffix(f".{way.__name__}.log"), 1e6, plugins)


def on_disk(jobs: list[Job], copy: Path, out: Path) -> None:
    broad = sorted({name for job in jobs for name in job.tests if BROAD in name})
    log = copy.with_suffix(".log")
    if broad and in_child(copy, ["-x", *broad], log, LONGEST_S, [QuickFirst()]):
        raise SystemExit(f"tests fail without a mutant:\n{log.read_text(errors='replace')[-2000:]}")
    with out.open("w") as stream:
        for job in jobs:
            print(json.dumps(written(job, copy)), file=stream, flush=True)
