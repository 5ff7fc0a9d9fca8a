"""Every notebook of the project agrees with its py:percent source, cell by cell, and carries no outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from workbook import pairing
from workbook.runner import listing

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = pairing.pairs(FOLDER)


def test_there_are_notebooks():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_is_what_its_source_says(source):
    difference = pairing.check(source)
    assert difference is None, f"{difference}; the .py is the source: `workbook pair --write`"


@pytest.mark.parametrize("path", listing.on_disk(FOLDER), ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_or_execution_counts(path):
    notebook = nbformat.read(path, as_version=4)
    executed = [
        number
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None)
    ]
    assert executed == [], f"{path.name}: cells {executed} have outputs or counts; `workbook pair --write`"
    assert set(notebook.metadata) <= set(pairing.NOTEBOOK_METADATA)
