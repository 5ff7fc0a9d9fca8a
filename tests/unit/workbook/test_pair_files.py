from __future__ import annotations

import re

import nbformat
import nbformat.v4 as v4
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook import pairing
from workbook.errors import ListingError


def edit(path, change) -> None:
    notebook = nbformat.read(path, 4)
    change(notebook)
    nbformat.write(notebook, path)


def test_a_pair_just_written_agrees_and_is_not_written_again(sized):
    source = sized.notebooks / "q1_size.py"
    assert pairing.check(source) is None
    assert pairing.write(source) is False


def test_the_written_notebook_keeps_tags_and_has_no_outputs(sized):
    notebook = nbformat.read(sized.notebooks / "q1_size.ipynb", 4)
    assert notebook.cells[1].metadata == {"tags": ["parameters"]}
    assert all(
        cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code"
    )


def test_grading_metadata_survives(project):
    path = project.add("q1_x", '# %% nbgrader={"grade": true, "points": 2}\nprint(1)\n')
    assert nbformat.read(path, 4).cells[0].metadata.nbgrader.points == 2


@pytest.mark.parametrize(
    ("change", "cell", "message"),
    [
        (lambda nb: nb.cells[1].update(source="requests = 11\nrate = 0.5"), 2, "line 1 is 'requests = 10' in the .py"),
        (lambda nb: nb.cells[1].metadata.update(tags=[]), 2, r"tags differ: \['parameters'\]"),
        (lambda nb: nb.cells.pop(), 5, "q1_size.ipynb ends before it"),
        (lambda nb: nb.cells.append(v4.new_code_cell("extra")), 6, "q1_size.py ends before it"),
        (lambda nb: nb.cells[2].update(execution_count=3), 3, "an execution count"),
        (lambda nb: nb.cells[2].update(outputs=[v4.new_output("stream", text="x")]), 3, "has outputs"),
        (lambda nb: nb.cells.__setitem__(0, v4.new_code_cell(nb.cells[0].source)), 1, "markdown in the .py, code"),
        (lambda nb: nb.metadata.update(papermill={"duration": 3}), None, "metadata"),
        (lambda nb: nb.cells[0].update(id="other"), None, "ids"),
    ],
)
def test_the_first_cell_that_differs_is_named(sized, change, cell, message):
    path = sized.notebooks / "q1_size.ipynb"
    edit(path, change)
    found = pairing.check(path.with_suffix(".py"))
    assert found is not None
    assert found.cell == cell
    assert re.search(message, found.what), found.what


def test_a_notebook_that_a_reader_has_run_agrees_unless_it_is_to_be_committed(sized):
    path = sized.notebooks / "q1_size.ipynb"

    def run(notebook) -> None:
        notebook.cells[2].update(execution_count=1, outputs=[v4.new_output("stream", text="x")])
        notebook.metadata.language_info.version = "3.11.7"

    edit(path, run)
    assert pairing.check(path.with_suffix(".py"), strict=False) is None
    assert pairing.check(path.with_suffix(".py")).cell == 3
    edit(path, lambda notebook: notebook.cells[2].update(source="changed = True"))
    assert pairing.check(path.with_suffix(".py"), strict=False).cell == 3


def test_an_edited_source_is_found(sized):
    source = sized.notebooks / "q1_size.py"
    source.write_text(source.read_text().replace("rate = 0.5", "rate = 0.7"))
    assert pairing.check(source).cell == 2
    pairing.write(source)
    assert pairing.check(source) is None


def test_a_notebook_without_a_source_is_found_and_not_invented(project):
    nbformat.write(v4.new_notebook(), project.notebooks / "q1_x.ipynb")
    [source] = pairing.pairs(project.notebooks)
    assert "q1_x.py is missing" in str(pairing.check(source))
    with pytest.raises(ListingError, match=r"has no q1_x\.py"):
        pairing.write(source)


def test_a_source_without_a_notebook_is_found(sized):
    (sized.notebooks / "q1_size.ipynb").unlink()
    assert "q1_size.ipynb is missing" in str(pairing.check(sized.notebooks / "q1_size.py"))


def test_a_damaged_notebook_is_a_difference_and_is_mended_by_writing(sized):
    path = sized.notebooks / "q1_size.ipynb"
    path.write_text("{")
    assert "is no notebook" in str(pairing.check(path.with_suffix(".py")))
    assert pairing.write(path.with_suffix(".py")) is True
    assert pairing.check(path.with_suffix(".py")) is None


def test_a_python_file_without_cell_markers_is_no_pair(sized):
    (sized.notebooks / "helper.py").write_text("x = 1\n")
    assert [path.name for path in pairing.pairs(sized.notebooks)] == ["q1_size.py"]


def test_inserting_a_cell_leaves_the_ids_of_the_others(sized):
    path = sized.notebooks / "q1_size.ipynb"
    before = [cell.id for cell in nbformat.read(path, 4).cells]
    source = path.with_suffix(".py")
    source.write_text("# %%\nnew = 1\n\n" + source.read_text())
    pairing.write(source)
    assert [cell.id for cell in nbformat.read(path, 4).cells][1:] == before


def test_a_cell_that_opens_a_section_is_named_after_it_and_keeps_the_name_when_its_text_changes():
    seen: set[str] = set()
    sources = ["## 4. Deep dive", "### 4.10 Last\n\ntext", "### 4.10 Last\n\nother", "See 4. It", "## 4x"]
    ids = [pairing.cell_id("markdown", source, seen) for source in sources]
    assert ids[:2] == ["section-4", "section-4-10"]
    assert not [name for name in ids[2:] if name.startswith("section")]
    assert pairing.cell_id("code", "## 5. A comment", seen)[:7] != "section"


@pytest.mark.slow
@given(st.lists(st.sampled_from(["a = 1", "b = 2", ""]), max_size=12))
def test_ids_are_unique_also_for_equal_cells(sources):
    seen: set[str] = set()
    ids = [pairing.cell_id("code", source, seen) for source in sources]
    assert len(set(ids)) == len(ids)
