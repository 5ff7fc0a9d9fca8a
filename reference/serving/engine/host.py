"""What this machine, or the container around us, leaves an engine: instruction sets, cores, memory, shared memory.

A container sees the whole machine in /proc and is held to less by its control groups (version 1 or 2): an engine
sized by /proc is killed while it loads, or runs sixty threads on two cores. `root` makes another machine of a folder.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

ROOT = Path("/")
# A control group without a limit says `max` (version 2) or a number close to 2**63 (version 1).
_UNLIMITED = 2**60


def cpu_flags(root: Path = ROOT) -> frozenset[str]:
    """Instruction sets of the first core, as Linux names them; empty where the system does not tell."""
    for line in _read(root / "proc/cpuinfo").splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def memory_bytes(root: Path = ROOT) -> tuple[int, int]:
    """(total, available) in bytes: of the machine, or of the tightest control group around us where that is less."""
    import psutil

    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    for folder in _groups("memory", root):
        for limit_name, used_name, cache_name in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit = _number(folder / limit_name)
            if limit is None or limit >= min(total, _UNLIMITED):
                continue
            # Files that were read count as used until somebody needs the room: an install alone fills a container.
            given_back = _statistics(folder / "memory.stat").get(cache_name, 0)
            used = (_number(folder / used_name) or 0) - given_back
            total, available = limit, min(available, max(0, limit - max(0, used)))
    return total, available


def usable_cores(root: Path = ROOT) -> int:
    """Cores of the machine, or as many as the container may use at a time (quota and set of cores), at least 1.

    Not the affinity of this process: two processes of one user, one of them under taskset, mean the same engine.
    """
    cores = float(os.cpu_count() or 1)
    for folder in _groups("cpuset", root):
        for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
            if allowed := _core_list(_read(folder / name)):
                cores = min(cores, allowed)
    for folder in _groups("cpu", root):
        quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            cores = min(cores, int(quota) / int(period))
    return max(1, math.ceil(cores))


def shared_memory_bytes(root: Path = ROOT) -> int | None:
    """Free bytes of /dev/shm (Docker's default: 64 MB in all); None where there is none or it cannot be written."""
    folder = root / "dev/shm"
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize if os.access(folder, os.W_OK) else None


def open_files() -> int | None:
    """How many files and connections a process may have open (ulimit -n); None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _groups(controller: str, root: Path) -> list[Path]:
    """Folders of the control groups that hold us for one controller, from the innermost out."""
    mounts = {root / "sys/fs/cgroup": "/", root / "sys/fs/cgroup" / controller: "/"}
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = (*line.split(":", 2), "", "")[:3]
        if not names:
            mounts[root / "sys/fs/cgroup"] = path
        elif controller in names.split(","):
            mounts[root / "sys/fs/cgroup" / controller] = path
    found = []
    for mount, path in mounts.items():
        inside = Path(path.lstrip("/"))
        # In a container the path is the one outside; its folders are not there, the mount's own files are.
        found += [mount / part for part in (inside, *inside.parents)]
    return list(dict.fromkeys(found))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _statistics(path: Path) -> dict[str, int]:
    rows = (line.split() for line in _read(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def _core_list(text: str) -> int:
    """How many cores "0-3,8" names; 0 for an empty text."""
    count = 0
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            count += (int(last) if last.isdigit() else int(first)) - int(first) + 1
    return count
