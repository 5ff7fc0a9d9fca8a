"""The virtual environment: made, kept, or made anew where it can no longer work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setup_steps import places
from setup_steps.commands import call

# Settings of a user's shell that would send packages elsewhere or break the new interpreter.
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")


def clean_environment() -> dict[str, str]:
    """The environment of every command. PIP_USER=0 also overrides `user = true` in pip's configuration."""
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return env | {"PIP_USER": "0", "PIP_NO_INPUT": "1"}


def fault_of(venv: Path) -> str:
    """Why the environment that is there cannot be kept; empty if it can."""
    python = venv / "bin" / "python"
    if not python.exists():
        return "its Python is gone" if python.is_symlink() else "it has no Python"
    command = [str(python), "-c", "import sys, pip; print(*sys.version_info[:2])"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    if done.returncode:
        return "its Python does not start, or it has no pip"
    version = tuple(int(part) for part in done.stdout.split())
    if not (3, 11) <= version <= (3, 12):
        return "it is of Python " + ".".join(map(str, version))
    scripts = [venv / "bin" / name for name in ("pip", "workbook")]
    if any(script.is_file() and str(python) not in script.read_text(errors="replace") for script in scripts):
        return "the folder was moved or copied, and its commands name the old place"
    return ""


def make_venv() -> str:
    """Keep a whole .venv, make one otherwise; one line that says which and why."""
    reason = ""
    if places.VENV.is_symlink() and not places.VENV.exists():
        places.VENV.unlink()
    elif places.VENV.exists():
        reason = fault_of(places.VENV)
        if not reason:
            version = call([str(places.PYTHON), "--version"], "").strip()
            return f"kept ({version}; `make clean` first for another one)"
        if places.VENV.is_symlink():
            places.VENV.unlink()
        else:
            shutil.rmtree(places.VENV)
    mend = "the output above says more; another Python: make PYTHON=/path/to/python3.12 ..."
    call([sys.executable, "-m", "venv", str(places.VENV)], mend, clean_environment())
    return f"made anew: {reason}" if reason else "made"
