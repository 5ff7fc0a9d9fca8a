"""A copy of the set-up in a folder with a space and an umlaut, with shell scripts in the place of Python and uv."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

VENV_PYTHON = """#!/bin/sh
case "$*" in
  *"import sys, pip"*) echo 3 11 ;;
  *--version*) echo Python 3.11.7 ;;
esac
"""
# Logs its beginning and its end; FAKE_UV_SAYS and FAKE_UV_EXIT make it fail, FAKE_UV_SLEEP gives time to kill it, and
# with FAKE_UV_WAITS it goes on once there is a file uv.goes-on.
UV = """#!/bin/sh
[ "$1" = --version ] && { echo "uv 0.13.9"; exit 0; }
echo "begin $*" >> uv.calls
[ -t 2 ] && echo "on a terminal"
[ -n "$FAKE_UV_SAYS" ] && echo "$FAKE_UV_SAYS" >&2
sleep "${FAKE_UV_SLEEP:-0}"
while [ -n "$FAKE_UV_WAITS" ] && [ ! -e uv.goes-on ]; do sleep 0.05; done
echo end >> uv.calls
exit "${FAKE_UV_EXIT:-0}"
"""


@dataclass
class Project:
    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def start(self, stamp: str = ".venv/.ok-auto", **environment: str) -> subprocess.Popen[str]:
        args = [sys.executable, "scripts/setup_env.py", "--variant", "cpu", "--stamp", stamp]
        return subprocess.Popen(args, cwd=self.root, env=os.environ | environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip

    def run(self, **environment: str) -> tuple[int, str]:
        process = self.start(**environment)
        said = process.communicate(timeout=60)[0]
        return process.returncode, said

    def run_beside_one_that_waits(self) -> tuple[int, str]:
        """`run` while uv of another set-up waits (FAKE_UV_WAITS): that one goes on once this one says that it waits."""
        process, said = self.start(), ""
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said += line
                if "waiting for it to end" in line:
                    (self.root / "uv.goes-on").touch()
            return process.wait(60), said
        finally:
            (self.root / "uv.goes-on").touch()  # nobody is left waiting

    def uv_calls(self) -> list[str]:
        file = self.root / "uv.calls"
        return file.read_text().splitlines() if file.exists() else []


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
