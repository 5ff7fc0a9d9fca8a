"""What a run's processes use together, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def below(pid: int) -> list[int]:
    """All processes that descend from `pid`, nearest first."""
    found, level = [], [pid]
    while level:
        level = [child for one in level for child in _children(one)]
        found += level
        if len(found) > 10_000:
            break
    return found


def _children(pid: int) -> list[int]:
    children = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as file:
                children += [int(child) for child in file.read().split()]
    except OSError:
        return []
    return children


def memory_mb(pids: list[int], most: float) -> float:
    """Megabytes they hold; pages that several share count once as soon as the plain sum is over `most`."""
    plain = sum(_resident_kb(pid) for pid in pids) / 1024
    return plain if plain <= most else sum(_proportional_kb(pid) for pid in pids) / 1024


def _resident_kb(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_KB
    return 0


def _proportional_kb(pid: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return _resident_kb(pid)


def files_in(pids: list[int], folder: str) -> int:
    """How many files and folders there are on the file system at `folder`, as the first of the processes sees it that
    lets itself be asked; 0 if none does."""
    for pid in pids:
        with suppress(OSError):
            state = os.statvfs(f"/proc/{pid}/root{folder}")
            return state.f_files - state.f_ffree
    return 0


def end(process: subprocess.Popen[bytes], word: str, protected: bool) -> None:
    """Ends the run with all its processes, and returns when they are gone."""
    pids = below(process.pid)
    _kill(pids)
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    if not protected:
        strays = _marked(word)
        _kill(strays)
        pids += strays
    until = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.002)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("latin-1")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] not in "ZX"


def _marked(word: str) -> list[int]:
    """Processes that carry this run's word in their environment, whoever their parent is by now."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")) if os.path.isdir("/proc") else ():
        with suppress(OSError):
            if f"WORKBOOK_RUN={word}".encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(int(name))
    return found
