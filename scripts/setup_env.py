"""Set up .venv step by step; called by the Makefile, standard library only.

    python3 scripts/setup_env.py --variant auto|cpu|gpu [--extras test,dev] [--stamp FILE]

Every step says what it does, how long it took and, when it fails, why and what to do. Running it again is safe:
a .venv that is whole is kept, and uv installs only what is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NEED_GB = {"cpu": 6.0, "gpu": 16.0}  # unpacked packages plus the package cache, measured for cpu


class StepFailed(Exception):
    def __init__(self, why: str, mend: str):
        super().__init__(why)
        self.mend = mend


def log_tail(text: str, lines: int = 12) -> str:
    return "\n".join("    " + line for line in text.strip().splitlines()[-lines:])


def call(args: list[str], mend: str, env: dict[str, str] | None = None, show: bool = False) -> str:
    """Run a command; return what it printed; StepFailed with the end of its output when it fails."""
    done = subprocess.run(args, env=env, cwd=ROOT, text=True, stdout=None if show else subprocess.PIPE,
                          stderr=None if show else subprocess.STDOUT)  # fmt: skip
    if done.returncode:
        shown = "its output is above" if show else "\n" + log_tail(done.stdout)
        raise StepFailed(f"`{' '.join(args[:4])} ...` exited with {done.returncode}: {shown}", mend)
    return done.stdout or ""


def find_variant(asked: str) -> str:
    """cpu or gpu: what the machine has, unless one is forced (make VARIANT=cpu)."""
    if asked in ("cpu", "gpu"):
        return asked
    if not shutil.which("nvidia-smi"):
        return "cpu"
    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True)
    return "gpu" if done.returncode == 0 and "GPU" in done.stdout else "cpu"


def pip_setting(name: str) -> str:
    """What this machine's pip is configured with (a company's mirror, a folder of wheels); uv reads none of it."""
    if value := os.environ.get("PIP_" + name.replace("-", "_").upper()):
        return value
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip().strip("'\"") if done.returncode == 0 else ""


def uv_environment() -> dict[str, str]:
    env = dict(os.environ)
    names = {"find-links": "UV_FIND_LINKS", "index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    for theirs, ours in names.items():
        if ours not in env and (value := pip_setting(theirs)):
            env[ours] = value
    env["VIRTUAL_ENV"] = str(VENV)
    return env


def check_python(variant: str) -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        raise StepFailed(
            f"Python {sys.version.split()[0]} at {sys.executable}; the workbook needs 3.11 or 3.12",
            "install one of them and name it: make PYTHON=/path/to/python3.12 ...",
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if not PYTHON.exists() and free < NEED_GB[variant]:
        raise StepFailed(
            f"{free:.1f} GB free on the disk of {ROOT}; {NEED_GB[variant]:.0f} GB needed", "free some space"
        )
    return f"Python {sys.version.split()[0]}, vLLM build: {variant}, {free:.0f} GB free"


def make_venv(variant: str) -> str:
    if PYTHON.exists():
        try:
            call([str(PYTHON), "-m", "pip", "--version"], "")
            return "kept"
        except StepFailed:
            shutil.rmtree(VENV)
    call([sys.executable, "-m", "venv", str(VENV)], "on Debian and Ubuntu: apt-get install python3-venv")
    return "made"


def install_uv(settings: dict) -> str:
    pin = f"uv=={settings['uv']}"
    call([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", pin],
         "the package index must be reachable: check the network or pip's index-url")  # fmt: skip
    return pin


def install_packages(variant: str, extras: list[str], settings: dict) -> str:
    env = uv_environment()
    wanted = f".[{','.join([variant, *extras])}]"
    args = [str(VENV / "bin" / "uv"), "pip", "install", "-c", "constraints.txt", "-e", wanted]
    if variant == "cpu" and not env.get("UV_FIND_LINKS"):
        args += ["--torch-backend", "cpu"]
    mend = ("a time-out: run the same command again, finished downloads are kept; "
            "no solution: the constraints are for Python 3.11-3.12 on Linux x86-64")  # fmt: skip
    call(args, mend, env, show=True)
    if "test" in extras:
        bare = settings["install-without-dependencies"]
        call([str(VENV / "bin" / "uv"), "pip", "install", "--no-deps", *bare], mend, env)
    return f"extras {','.join([variant, *extras])}"


def mend_vllm() -> str:
    return call([str(PYTHON), "-m", "reference.serving.vllm_metadata"], "report this with the output above").strip()


def unpack_model() -> str:
    mend = "run `workbook doctor`; WORKBOOK_CACHE moves the cache"
    return call([str(PYTHON), "-m", "reference.serving.models"], mend).strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", default="auto", choices=["auto", "cpu", "gpu"])
    parser.add_argument("--extras", default="", help="further extras of pyproject.toml, comma-separated")
    parser.add_argument("--stamp", help="file to touch when everything is done")
    given = parser.parse_args()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["workbook"]
    variant = find_variant(given.variant)
    extras = [e for e in given.extras.split(",") if e]
    steps = [
        ("check Python and disk", lambda: check_python(variant)),
        ("make .venv", lambda: make_venv(variant)),
        ("install uv", lambda: install_uv(settings)),
        ("install packages", lambda: install_packages(variant, extras, settings)),
        ("complete vLLM's metadata", mend_vllm),
        ("unpack the default model", unpack_model),
    ]
    begin = time.monotonic()
    for number, (name, step) in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {name} ...", flush=True)
        start = time.monotonic()
        try:
            outcome = step()
        except StepFailed as failure:
            print(
                f"\nset-up stopped at step {number} ({name}).\n  why: {failure}\n  do:  {failure.mend}", file=sys.stderr
            )
            return 1
        print(f"      {outcome} ({time.monotonic() - start:.1f} s)", flush=True)
    if given.stamp:
        Path(given.stamp).touch()
    print(f"set-up done in {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nset-up interrupted; run the same command to go on.", file=sys.stderr)
        sys.exit(130)
