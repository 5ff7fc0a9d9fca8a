"""Every notebook of the project, executed by papermill in the ci profile through the runner."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from workbook.errors import ListingError
from workbook.runner import listing
from workbook.runner.diagrams import mermaid_sources, mermaid_svg
from workbook.runner.run import plan, run_step

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def listed() -> list:
    """The notebooks, marked by what they need; a damaged listing is the failure of one test, not of the collection."""
    try:
        notebooks = listing.load(FOLDER)
    except ListingError:
        return []
    needs = {"engine": pytest.mark.engine}
    return [pytest.param(n, id=n.name, marks=[needs[need] for need in n.needs]) for n in notebooks]


def test_every_notebook_is_listed_and_every_listed_one_is_there():
    assert listing.load(FOLDER)


@pytest.mark.parametrize("profile", listing.PROFILES)
def test_every_profile_names_only_parameters_that_exist(profile):
    assert plan(FOLDER, profile=profile)


@pytest.mark.notebook
@pytest.mark.timeout(1800)  # the cells have time-outs of their own
@pytest.mark.parametrize("notebook", listed())
def test_a_notebook_runs_and_records_its_values(notebook, tmp_path, request):
    if "engine" in notebook.needs:
        request.getfixturevalue("engine")
    [step] = plan(FOLDER, [notebook.name], "ci")
    outcome = run_step(step, tmp_path)
    assert outcome.failure is None, f"{notebook.name}: {outcome.failure}"
    assert len(outcome.values) >= notebook.min_values
    assert outcome.page is not None
    # A figure without a title and labels has no words for readers who hear the page; it says where it stands instead.
    assert re.findall(r'alt="(Figure without a description[^"]*)', outcome.page.read_text(encoding="utf-8")) == []
    if notebook.question is not None:
        assert notebook.min_values >= 1, f"{notebook.name} answers a question but must record no value"


@pytest.mark.slow
@pytest.mark.parametrize("path", listing.on_disk(FOLDER), ids=lambda path: path.stem)
def test_every_diagram_of_a_notebook_can_be_drawn(path):
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, 1):
        if cell.cell_type == "markdown":
            for source in mermaid_sources(cell.source):
                assert mermaid_svg(source), f"cell {number}"
