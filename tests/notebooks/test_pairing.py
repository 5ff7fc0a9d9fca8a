"""Every notebook agrees with its py:percent source, cell by cell, and is committed without outputs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workbook import pairing

ROOT = Path(__file__).resolve().parents[2]
SOURCES = pairing.pairs(ROOT / "notebooks")


def staged(path: Path) -> str | None:
    """The file as it is committed or about to be; None if git does not know it."""
    name = path.relative_to(ROOT).as_posix()
    done = subprocess.run(["git", "show", f":{name}"], cwd=ROOT, capture_output=True, check=False)
    return done.stdout.decode() if done.returncode == 0 else None


def test_there_are_notebooks():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_is_what_its_source_says(source):
    """On disk: also after Run All in JupyterLab, which leaves outputs."""
    difference = pairing.check(source, strict=False)
    assert difference is None, f"{difference}; the .py is the source: `workbook pair --write`"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_its_source_gives_it_without_outputs(source):
    texts = [staged(source), staged(source.with_suffix(".ipynb"))]
    if None in texts:  # no git, or not added yet: what is on disk is what will be committed
        difference = pairing.check(source)
    else:
        difference = pairing.compare(source.stem, *texts)
    assert difference is None, f"{difference}; `workbook pair --write`, then `git add`"
