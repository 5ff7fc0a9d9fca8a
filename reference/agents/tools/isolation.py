"""Run an analyser on untrusted files: an empty folder, our settings only, no network, limits on everything.

A repository's own `.pylintrc`, `.flake8` or `conftest.py` can run code inside the analyser that reads it, so the tools
see nothing of the repository but the texts of the files to judge, under their names' last parts made harmless.
"""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reference.agents.types import ReviewError

MEMORY = 2 << 30
FILE_SIZE = 64 << 20
OUTPUT = 32 << 20


class ToolFailed(ReviewError):
    """An analyser did not finish: its specialist goes on without it and says so."""


@dataclass(frozen=True, slots=True)
class Completed:
    stdout: str
    stderr: str
    code: int
    seconds: float
    names: Mapping[str, str]  # name in the empty folder -> path in the change


def run_isolated(
    tool: str,
    argv: Sequence[str],
    files: Mapping[str, str],
    *,
    timeout_s: float = 20.0,
    ok: Sequence[int] = (0, 1),
    extra: Mapping[str, str] | None = None,
) -> Completed:
    """Run `argv` in a new folder that holds `files` (path in the change -> text) as f0001.py, f0002.py, ...

    Args:
        tool: for messages.
        argv: command; an item "{files}" is replaced by the names of the files, "{folder}" by the folder's path. Start
            Python tools as `python_module("bandit")`, so that nothing of the folder can be imported.
        ok: exit codes that mean it worked.
        extra: further files by name that the tool needs, such as its settings. Ours, never the change's.

    Raises:
        ToolFailed: not installed, out of time, killed, or another exit code; the message names the tool and the cause.
    """
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        names: dict[str, str] = {}
        for number, (path, text) in enumerate(sorted(files.items()), 1):
            name = f"f{number:04d}{_suffix(path)}"
            Path(folder, name).write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
            names[name] = path
        for name, text in (extra or {}).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        command = [part for item in argv for part in (list(names) if item == "{files}" else [item])]
        command = [*_without_network(), *(part.replace("{folder}", folder) for part in command)]
        return _run(tool, command, folder, names, timeout_s, ok)


def python_module(module: str) -> list[str]:
    """Start of a command that runs an installed module in isolated mode: neither folder nor environment on its path."""
    return [sys.executable, "-I", "-m", module]


def installed_script(name: str) -> str:
    """Path of a console script of this environment, else of PATH. Raises ToolFailed where there is none."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if not found:
        raise ToolFailed(f"{name} is not installed; `make setup` installs it")
    return found


def _run(
    tool: str, command: list[str], folder: str, names: dict[str, str], timeout_s: float, ok: Sequence[int]
) -> Completed:
    # PATH for the tools' own helpers; nothing else of this process's environment: keys and tokens stay here.
    environment = {
        "PATH": os.defpath,
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True, close_fds=True,
            )  # fmt: skip
        except OSError as problem:
            raise ToolFailed(f"{tool} cannot be started: {problem}") from None
        _limit(process.pid, timeout_s)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            raise ToolFailed(f"{tool} did not finish within {timeout_s:g} s") from None
        stdout, stderr = _read(out), _read(err)
    if code not in ok:
        last = stderr.strip().splitlines()[-1:] or ["no message"]
        raise ToolFailed(f"{tool} ended with exit code {code}: {last[0][:200]}")
    return Completed(stdout, stderr, code, time.perf_counter() - begun, names)


def _read(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return bytes(file.read(OUTPUT)).decode("utf-8", "replace")  # type: ignore[attr-defined]


def _limit(pid: int, timeout_s: float) -> None:
    """CPU time, memory, file size, no core files. From outside: code between fork and exec deadlocks with threads."""
    if not hasattr(resource, "prlimit"):
        return
    limits = {
        resource.RLIMIT_CPU: int(timeout_s) + 1,
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_FSIZE: FILE_SIZE,
        resource.RLIMIT_CORE: 0,
    }
    with contextlib.suppress(ProcessLookupError):
        for what, most in limits.items():
            resource.prlimit(pid, what, (most, most))


@functools.cache
def _without_network() -> tuple[str, ...]:
    """A prefix that gives the tool an empty network namespace; nothing where the system does not allow it."""
    unshare = shutil.which("unshare")
    if not unshare:
        return ()
    for flags in (("-n",), ("-r", "-n")):
        tried = subprocess.run([unshare, *flags, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return (unshare, *flags)
    return ()


_SUFFIXES = {
    ".py",
    ".pyi",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".ts",
    ".tsx",
    ".go",
    ".toml",
    ".json",
    ".yaml",
    ".yml",
    ".txt",
}


def _suffix(path: str) -> str:
    suffix = Path(path).suffix.lower()
    return suffix if suffix in _SUFFIXES else ".txt"
