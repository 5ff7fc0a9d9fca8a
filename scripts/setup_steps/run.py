"""All steps in order, what each says, and the files that tell that the last one ended well."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import signal
import sys
import time
import tomllib
from pathlib import Path

from setup_steps import machine, packages, places, venv
from setup_steps.commands import only_one
from setup_steps.failures import StepFailed


def sources_hash(root: Path) -> str:
    """sha256 over the files that say what is installed; `workbook doctor` compares it."""
    found = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        found.update((root / name).read_bytes())
    return found.hexdigest()


def write_record(variant: str, extras: list[str]) -> None:
    record = {
        "variant": variant,
        "extras": extras,
        "python": platform.python_version(),
        "sources_sha256": sources_hash(places.ROOT),
    }
    temporary = places.RECORD.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(temporary, places.RECORD)


def drop_stamps() -> None:
    """A stamp says that a variant is installed whole: from here on none is."""
    for stamp in places.VENV.glob(".ok-*"):
        stamp.unlink(missing_ok=True)


def run_steps(variant: str, extras: list[str], untried: bool) -> None:
    """Print every step and its outcome; StepFailed carries the step's number and name in front of its reason."""
    settings = tomllib.loads((places.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["workbook"]
    steps = [
        ("check Python, system and disk", lambda: machine.check_machine(variant, untried)),
        ("make .venv", venv.make_venv),
        ("install uv", lambda: packages.install_uv(settings)),
        ("install packages", lambda: packages.install_packages(variant, extras, settings)),
        ("complete vLLM's metadata", packages.mend_vllm),
        ("unpack the default model", packages.unpack_model),
    ]
    for number, (name, step) in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {name} ...", flush=True)
        start = time.monotonic()
        try:
            if name == "install uv":
                drop_stamps()
            outcome = step()
        except (StepFailed, OSError) as failure:
            mend = getattr(failure, "mend", "") or "mend what the system says, then run the same command again"
            print(f"\nset-up stopped at step {number} ({name}).\n  why: {failure}\n  do:  {mend}", file=sys.stderr)
            raise SystemExit(1) from None
        print(f"      {outcome} ({time.monotonic() - start:.1f} s)", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="setup_env.py", description="Set up .venv; see the head of this file.")
    parser.add_argument("--variant", default="auto", choices=["auto", "cpu", "gpu"], help="vLLM's build")
    parser.add_argument("--extras", default="", help="further extras of pyproject.toml, comma-separated")
    parser.add_argument("--stamp", action="append", default=[], help="file to touch when everything is done")
    parser.add_argument("--untried", action="store_true", help="go on where nobody has tried it (macOS, musl)")
    given = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a folder's name may not fit the terminal's encoding
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    extras = [e for e in given.extras.split(",") if e]
    begin = time.monotonic()
    try:
        variant = machine.find_variant(given.variant)
        machine.check_writable(places.ROOT, "clone into a folder of yours, or run as its owner")
        with only_one():
            run_steps(variant, extras, given.untried)
            write_record(variant, extras)
            for stamp in given.stamp:
                Path(stamp).touch()
    except StepFailed as failure:
        print(f"set-up stopped before its first step.\n  why: {failure}\n  do:  {failure.mend}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted; run the same command to go on.", file=sys.stderr)
        return 130
    print(f"set-up done in {time.monotonic() - begin:.0f} s", flush=True)
    if not given.stamp:
        print("next: .venv/bin/workbook lab", flush=True)
    return 0
