"""The index leads everywhere, and what stands in it is what the project holds now."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from workbook.errors import ListingError
from workbook.study import front
from workbook.study.paths import all_paths
from workbook.study.structure import BACK, LEGEND, shape

FOLDER = Path(__file__).resolve().parents[3] / "notebooks"
INDEX = (FOLDER / "index.py").read_text(encoding="utf-8")


def links(text: str) -> set[str]:
    return set(re.findall(r"\]\(([^)\s]+\.ipynb[^)\s]*)\)", text))


def test_the_index_says_what_the_notebooks_hold_now():
    assert front.replaced(INDEX) == INDEX, "python -m workbook.study.front --write, then workbook pair --write"


def test_every_notebook_is_reachable_from_the_index():
    reached = {link.split("#")[0] for link in links(INDEX)}
    assert reached == {path.name for path in FOLDER.glob("*.ipynb")} - {"index.ipynb"}


def test_every_other_notebook_leads_back_to_the_index():
    for source in FOLDER.glob("*.py"):
        if source.stem != "index":
            assert shape(source).first_cell.endswith(BACK), source.name


def test_every_link_of_the_index_and_of_every_path_leads_to_a_cell_that_opens_a_section():
    found = links(INDEX) | {step.link for one in all_paths() for step in one.steps}
    assert len(found) > 100
    for link in found:
        file, _, fragment = link.partition("#")
        assert (FOLDER / file).is_file(), link
        if fragment:
            opened = {cell.id: cell.source for cell in nbformat.read(FOLDER / file, 4).cells}[fragment.split("=")[1]]
            number = fragment.removeprefix("cell-id=section-").replace("-", ".")
            assert re.match(rf"###? {re.escape(number)}\.? ", opened), link


def test_what_is_said_to_run_stands_in_a_section_with_a_running_cell():
    for question, runs in front.RUNS.items():
        (source,) = FOLDER.glob(f"q{question}_*.py")
        text = source.read_text(encoding="utf-8")
        for what, section in runs:
            start = text.index(f"# ### {section} ")
            after = re.split(r"^# ###? ", text[start + 6 :], flags=re.MULTILINE)[0]
            assert re.search(r"^# %%$", after, re.MULTILINE), f"question {question}, {what}"


def test_the_index_shows_the_legend_of_badges():
    paragraphs = [" ".join(text.split()) for text in shape(FOLDER / "index.py").first_cell.split("\n\n")]
    assert LEGEND in paragraphs


def test_an_index_without_a_block_is_refused_with_the_line_to_put_back():
    mark = front.MARK.format(name="sections")
    with pytest.raises(ListingError, match="sections") as caught:
        front.replaced(INDEX.replace(mark, "#"))
    assert mark in caught.value.mend
    with pytest.raises(ListingError, match="no table or list follows"):
        front.replaced(INDEX.replace(f"{mark}\n#\n# |", f"{mark}\n#\n# x"))
