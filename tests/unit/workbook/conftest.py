"""Throw-away projects: a folder with notebooks/, written from py:percent sources."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from workbook import pairing

PROFILES = ("ci", "laptop", "gpu")
SIZE_IT = """\
# %% [markdown]
# # Size it

# %% tags=["parameters"]
requests = 10
rate = 0.5
profile = "laptop"

# %%
from workbook.values import record
record("requests", requests, "request", "DERIVED")

# %% [markdown]
# ## Deep dive

# %%
record("total", requests * rate)
"""


@dataclass
class Project:
    root: Path
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    def add(self, name: str, source: str, *, listed: bool = True, parameters: str = "{}", **fields: Any) -> Path:
        """Write NAME.py and NAME.ipynb; list it with `fields` and, for the ci profile, TOML `parameters`."""
        path = self.notebooks / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        pairing.write(path)
        if listed:
            self.rows[name] = {"title": name, "cell_timeout": 60, "parameters": parameters, **fields}
            self.write_listing()
        return path.with_suffix(".ipynb")

    def write_listing(self) -> None:
        text = ""
        for name, row in self.rows.items():
            own = {k: v for k, v in row.items() if k not in ("cell_timeout", "parameters")}
            text += f'[[notebook]]\nfile = "{name}.ipynb"\n'
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in own.items())
            for profile in PROFILES:
                parameters = row["parameters"] if profile == "ci" else "{}"
                text += (
                    f"[notebook.profiles.{profile}]\ncell_timeout = {row['cell_timeout']}\nparameters = {parameters}\n"
                )
        (self.notebooks / "notebooks.toml").write_text(text, encoding="utf-8")

    def edit_listing(self, pattern: str, replacement: str) -> None:
        file = self.notebooks / "notebooks.toml"
        text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"), count=1)
        assert count == 1, pattern
        file.write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project that every command takes for its own."""
    root = tmp_path / "project"
    (root / "notebooks").mkdir(parents=True)
    monkeypatch.setenv("WORKBOOK_ROOT", str(root))
    return Project(root)


@pytest.fixture
def sized(project: Project) -> Project:
    """A project with one sound notebook, q1_size."""
    project.add("q1_size", SIZE_IT, question=1, min_code_cells=3, min_values=2)
    return project


@pytest.fixture
def cli() -> Callable[..., Any]:
    """Run the console script in this process: cli("run", "q1").stdout / .stderr / .exit_code."""
    from workbook.cli import app

    def call(*args: str) -> Any:
        return CliRunner().invoke(app, list(args))

    return call
