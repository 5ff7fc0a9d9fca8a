"""Environments of the peers that cannot share the workbook's: they pin other packages. One folder each, made once."""

from __future__ import annotations

import hashlib
import shutil
import sys
import sysconfig
from pathlib import Path

from setup_steps import places
from setup_steps.commands import call
from setup_steps.failures import StepFailed
from setup_steps.packages import uv_environment

FOLDER = places.ROOT / ".venv-peers"
PINS = places.ROOT / "benchmarks" / "peers" / "environments"
# Name -> whether the packages of .venv are seen too, after the peer's own.
PEERS = {"guards": True, "nbgrader": False}
MEND = "the other comparisons run without it; `make bench` tries again"


def make_peer(name: str) -> str:
    """The environment `name` as its file of pins says; one line that says what was done. Raises StepFailed."""
    pins = PINS / f"{name}.txt"
    home, python = FOLDER / name, FOLDER / name / "bin" / "python"
    # Where it lies is part of it, and so is what it borrows from: a moved folder is made anew.
    state = hashlib.sha256(pins.read_bytes() + bytes(places.ROOT) + sys.version.encode()).hexdigest()
    stamp = home / ".made-from"
    if python.exists() and stamp.is_file() and stamp.read_text() == state:
        return "kept"
    shutil.rmtree(home, ignore_errors=True)
    env = uv_environment() | {"VIRTUAL_ENV": str(home)}
    call([str(places.UV), "venv", "--quiet", "--python", str(places.PYTHON), str(home)], MEND, env)
    install = [str(places.UV), "pip", "install", "--quiet", "--no-deps", "--python", str(python), "-r", str(pins)]
    call(install, MEND, env)
    if PEERS[name]:
        own = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
        borrowed = sysconfig.get_path("purelib", vars={"base": str(places.VENV), "platbase": str(places.VENV)})
        (own / "zz_workbook.pth").write_text(f"{borrowed}\n")
    stamp.write_text(state)
    return "made"


def make_peers() -> list[str]:
    """Names of those that could not be made, each told with the reason."""
    failed = []
    for name in PEERS:
        try:
            print(f"environment of the peer {name}: {make_peer(name)}", flush=True)
        except (StepFailed, OSError) as failure:
            mend = getattr(failure, "mend", MEND)
            print(f"environment of the peer {name} was not made.\n  why: {failure}\n  do:  {mend}", file=sys.stderr)
            failed.append(name)
    return failed
