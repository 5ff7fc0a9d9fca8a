"""What a machine must have before anything is downloaded: a system with wheels, folders to write to, disk."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setup_steps import places
from setup_steps.failures import StepFailed

NEED_GB = {"cpu": 6.0, "gpu": 16.0}  # unpacked packages plus the package cache, measured for cpu
GLIBC = (2, 28)  # of the wheels of PyTorch and vLLM: manylinux_2_28


def find_variant(asked: str) -> str:
    """cpu or gpu: what the machine has, unless one is forced (make VARIANT=cpu)."""
    if asked in ("cpu", "gpu"):
        return asked
    if not shutil.which("nvidia-smi"):
        return "cpu"
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "cpu"  # a driver that hangs is of no use to vLLM either
    return "gpu" if done.returncode == 0 and "GPU" in done.stdout else "cpu"


def check_machine(variant: str, untried: bool) -> str:
    """One line of what was found; StepFailed if the set-up could not end well."""
    notes = [check_system(untried)]
    if os.pathsep in str(places.ROOT):
        raise StepFailed(f"the path {places.ROOT} has a colon, which no virtual environment can have", "rename it")
    check_writable(places.ROOT, "clone into a folder of yours, or run as its owner")
    for cache in (places.uv_cache(), places.workbook_cache()):
        check_writable(
            cache,
            "name a folder that you can write to: XDG_CACHE_HOME=/folder before the command "
            "(or UV_CACHE_DIR and WORKBOOK_CACHE, one each)",
        )
    free = shutil.disk_usage(places.ROOT).free / 1e9
    if not places.UV.exists() and free < NEED_GB[variant]:
        raise StepFailed(
            f"{free:.1f} GB free on the disk of {places.ROOT}; {NEED_GB[variant]:.0f} GB needed",
            "free some space, or clone onto another disk",
        )
    found = f"Python {platform.python_version()}, vLLM build: {variant}, {free:.0f} GB free"
    return "; ".join(note for note in [found, *notes] if note)


def check_system(untried: bool) -> str:
    """Empty on Linux x86-64; a note where nothing was tried but wheels are there; StepFailed where there are none."""
    system, processor = platform.system(), platform.machine().lower()
    if system != "Linux":
        other = "in WSL 2" if system == "Windows" else "in a Linux container or virtual machine"
        if not untried:
            raise StepFailed(
                f"this is {system}; the workbook is made for Linux x86-64, and nothing of it was tried here",
                f"run it {other}; to try it here all the same: python3 scripts/setup_env.py --untried",
            )
        return f"{system} is untried"
    library, version = platform.libc_ver(sys.executable)
    if library != "glibc":
        fault = f"this Linux has {library or 'no glibc (musl, as Alpine?)'}"
    elif tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < GLIBC:
        fault = f"this Linux has glibc {version}"
    else:
        return "" if processor in ("x86_64", "amd64") else f"{processor} is untried"
    if not untried:
        raise StepFailed(
            f"{fault}; the wheels of PyTorch and vLLM need glibc {GLIBC[0]}.{GLIBC[1]} or newer",
            "use a newer system or a container (Debian 10, Ubuntu 20.04 or later); to try it here all the same: "
            "python3 scripts/setup_env.py --untried",
        )
    return f"{fault}: untried"


def check_writable(folder: Path, mend: str) -> None:
    """Make the folder and a file in it; StepFailed with the system's own reason."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StepFailed(f"{folder} cannot be written: {error.strerror or error}", mend) from None
