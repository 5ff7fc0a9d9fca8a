"""Run All of a notebook as it was handed out: polite everywhere, in a folder of its own, without the rest of it too."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from handed_out import CUT, FUSE, JANE, KV, REVIEW, assignment

from exercises.handout import NUMBERS_FILE
from workbook.grading.handout import files

ROOT = Path(__file__).resolve().parents[3]


def run_all(folder, question, monkeypatch):
    """Execute as JupyterLab does: the notebook's folder is the kernel's. Raises at the first cell that raises."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("WORKBOOK_PROGRESS", "off")
    nb = nbformat.read(folder / f"{question}.ipynb", 4)
    NotebookClient(nb, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    shown = {}
    for one in nb.cells:
        if one.cell_type == "code":
            shown[one.id] = "\n".join(
                out["data"].get("text/plain", "") if "data" in out else f"{out['output_type']}: {out.get('text', '')}"
                for out in one.outputs
            )
    return shown


@pytest.mark.notebook
def test_run_all_of_untouched_notebooks_says_not_attempted_everywhere(tmp_path, monkeypatch):
    for name, text in files(assignment(), JANE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for question, names in (("q1", (KV, REVIEW, CUT)), ("q2", (FUSE,))):
        shown = run_all(tmp_path, question, monkeypatch)
        assert shown["work-setup"] == "ps1, handed out to 4711: numbers of 4 exercises"
        for name in names:
            said = shown[f"{name}-check"].splitlines()
            assert said
            assert all("not attempted" in line for line in said), said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", NUMBERS_FILE, "q1.ipynb", "q2.ipynb"]


@pytest.mark.notebook
def test_run_all_without_the_numbers_says_so_and_raises_nothing(tmp_path, monkeypatch):
    (tmp_path / "q2.ipynb").write_text(files(assignment(), JANE)["q2.ipynb"], encoding="utf-8")
    shown = run_all(tmp_path, "q2", monkeypatch)
    assert "numbers.json is missing" in shown["work-setup"]
    assert "numbers.json is missing" in shown[f"{FUSE}-check"]
    assert json.loads((tmp_path / "q2.ipynb").read_text())
