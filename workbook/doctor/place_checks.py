"""Where the workbook runs and writes: system, container, the set-up, folders, shared memory, limits, clock."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
import time
from pathlib import Path

from workbook.doctor.model import Check

ROOT = Path("/")
# What most systems give; load tests of the notebooks open hundreds of connections at once.
ENOUGH_FILES = 1024


def system(root: Path = ROOT) -> Check:
    """Operating system, processor, and what is special about the place: WSL, a container, the user root."""
    name, processor = platform.system(), platform.machine()
    release = platform.release().lower()
    found = [f"{name} on {processor}"]
    if "microsoft" in release:
        found.append("WSL 2" if "wsl2" in release or "microsoft-standard" in release else "WSL 1")
    if container := container_of(root):
        found.append(f"in a container ({container})")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        found.append("as root")
    shown = ", ".join(found)
    if name != "Linux":
        return Check("system", "warn", shown, "untried: use Linux on x86-64, a container of it, or WSL 2 on Windows")
    if "WSL 1" in found:
        return Check("system", "warn", shown, "untried; WSL 1 lacks parts of Linux: `wsl --set-version NAME 2`")
    if "WSL 2" in found:
        return Check("system", "warn", shown, "untried; keep the folder inside of Linux (~), not under /mnt/c")
    if processor not in ("x86_64", "AMD64"):
        return Check("system", "warn", shown, "untried: measured on x86-64 only; tell us how it went")
    return Check("system", "ok", shown)


def container_of(root: Path = ROOT) -> str:
    """The kind of container around us; empty if none can be seen."""
    if (root / ".dockerenv").exists():
        return "Docker"
    if (root / "run/.containerenv").exists():
        return "Podman"
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return "Kubernetes"
    return os.environ.get("container", "")  # noqa: SIM112  so spelled by systemd and Podman


def set_up(project: Path | None = None) -> Check:
    """Whether the last set-up ended, and whether it was of these pyproject.toml and constraints.txt."""
    from workbook.paths import project_root

    root = project or project_root()
    venv = root / ".venv"
    if not venv.exists():
        return Check("set_up", "ok", "this interpreter was set up by other means: no .venv here")
    if (venv / ".installing").exists():
        return Check("set_up", "fail", "the last set-up was interrupted or is at work", "`make setup` goes on")
    scripts = [venv / "bin" / name for name in ("workbook", "pip")]
    if any(f.is_file() and str(venv / "bin" / "python") not in f.read_text(errors="replace") for f in scripts):
        return Check(
            "set_up", "fail", "the folder was moved or copied: commands in .venv name the old one", "`make setup`"
        )
    try:
        record = json.loads((venv / "set-up.json").read_text())
    except (OSError, ValueError):
        return Check("set_up", "warn", "no record of a finished set-up", "`make setup` (seconds, where all is there)")
    now = hashlib.sha256(b"".join((root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")))
    if record.get("sources_sha256") != now.hexdigest():
        return Check("set_up", "warn", "pyproject.toml or constraints.txt changed since the set-up", "`make setup`")
    return Check("set_up", "ok", f"ended well: {', '.join([record['variant'], *record['extras']])}")


def folders(project: Path | None = None) -> Check:
    """Every folder that a notebook writes to, tried with a file: project, caches, temporary files, Jupyter's state."""
    from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir

    from reference.serving.models import ModelError, cache_dir
    from workbook.paths import project_root

    mends = {"cache": "set WORKBOOK_CACHE to a folder that you can write to"}
    wanted: dict[str, Path] = {
        "project": project or project_root(),
        "temporary files": Path(tempfile.gettempdir()),
        "Jupyter's data": Path(jupyter_data_dir()),
        "Jupyter's runtime": Path(jupyter_runtime_dir()),
    }
    try:
        wanted["cache"] = cache_dir()
    except ModelError as error:
        return Check("folders", "fail", str(error), mends["cache"])
    for name, folder in wanted.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            mend = mends.get(name, "run as its owner, or clone into a folder of yours")
            if name.startswith("Jupyter"):
                mend = "set HOME to a folder that you can write to"
            return Check("folders", "fail", f"{name}: {folder} cannot be written: {error.strerror or error}", mend)
    return Check("folders", "ok", f"{len(wanted)} can be written")


def shared_memory() -> Check:
    """vLLM's processes pass requests through /dev/shm, of which Docker gives 64 MB unless it is asked for more."""
    from reference.serving.engine import host, status
    from reference.serving.engine.spec import SHARED_MEMORY_BYTES

    free = host.shared_memory_bytes()
    found = "no /dev/shm that can be written" if free is None else f"{free / 2**20:.0f} MiB free in /dev/shm"
    if (free or 0) >= SHARED_MEMORY_BYTES or status().phase in ("starting", "ready", "external"):
        return Check("shared_memory", "ok", found)
    mend = f"vLLM needs {SHARED_MEMORY_BYTES / 2**20:.0f}: `docker run --shm-size=1g`, or WORKBOOK_ENGINE_URL"
    return Check("shared_memory", "fail", found, mend)


def limits() -> Check:
    from reference.serving.engine import host

    files = host.open_files()
    if files is None:
        return Check("limits", "ok", "no limit of open files is told")
    found = f"{files} open files per process"
    if files < ENOUGH_FILES:
        return Check("limits", "warn", found, "`ulimit -n 4096` in the shell that starts the workbook")
    return Check("limits", "ok", found)


def clock(project: Path | None = None) -> Check:
    """A clock that lies behind makes every certificate look not yet valid, and every due date wrong."""
    from workbook.paths import project_root

    newest = max(
        (project or project_root()).joinpath(name).stat().st_mtime for name in ("pyproject.toml", "constraints.txt")
    )
    behind = newest - time.time()
    if behind > 3600:
        return Check(
            "clock",
            "warn",
            f"{behind / 3600:.0f} h behind the newest file of the project",
            "set the clock: `timedatectl`",
        )
    return Check("clock", "ok", time.strftime("%Y-%m-%d %H:%M %Z"))
