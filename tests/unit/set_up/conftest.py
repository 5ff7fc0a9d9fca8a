"""The set-up's modules, found as they are when it runs as a script, and a project whose Python and uv are scripts."""

from __future__ import annotations

import shutil
import sys

import pytest
from setup_project import ROOT, UV, VENV_PYTHON, Project, script

sys.path.insert(0, str(ROOT / "scripts"))


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    for name in ("UV_CACHE_DIR", "WORKBOOK_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script(tmp_path / "quick" / "pip" / "__main__.py", "")  # asked for its configuration: has none, says so at once
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "quick"))
    root = tmp_path / "mein Ordner für KI"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    script(root / ".venv" / "bin" / "python", VENV_PYTHON)
    script(root / ".venv" / "bin" / "uv", UV)
    return Project(root)
