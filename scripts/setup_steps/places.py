"""Where things are, for every step."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
# There while packages are being installed: left behind, it tells the next call that some may be half there.
INSTALLING = VENV / ".installing"
# What the last finished set-up installed; `workbook doctor` reads it.
RECORD = VENV / "set-up.json"
# What the commands printed. Also what two set-ups at once lock: it outlives .venv, and git ignores it.
LOG = ROOT / "setup.log"


def cache_home() -> Path:
    """The folder of this user's caches: XDG_CACHE_HOME, else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def uv_cache() -> Path:
    return Path(os.environ.get("UV_CACHE_DIR") or cache_home() / "uv").expanduser()


def workbook_cache() -> Path:
    """The same rule as `reference.serving.models.cache_dir`, which cannot be imported before the packages are there."""
    return Path(os.environ.get("WORKBOOK_CACHE") or cache_home() / "ai-design-workbook").expanduser()
