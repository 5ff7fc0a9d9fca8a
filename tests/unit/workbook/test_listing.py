from __future__ import annotations

import pytest

from workbook.errors import ListingError, UsageError
from workbook.runner import listing
from workbook.runner.execute import cell_headings, first_line, load_notebook
from workbook.runner.run import plan

ONE_CELL = "# %%\nprint(1)\n"


def test_a_sound_listing_gives_every_field(sized):
    [notebook] = listing.load(sized.notebooks)
    assert (notebook.name, notebook.short_name, notebook.question) == ("q1_size", "q1", 1)
    assert notebook.profiles["gpu"].cell_timeout == 60


def test_a_missing_listing_is_an_error(project):
    with pytest.raises(ListingError, match=r"notebooks\.toml is missing"):
        listing.load(project.notebooks)


def test_an_unlisted_notebook_is_an_error(sized):
    sized.add("q2_rag", ONE_CELL, listed=False)
    with pytest.raises(ListingError, match=r"q2_rag\.ipynb is not listed"):
        listing.load(sized.notebooks)


def test_an_unlisted_notebook_in_a_subfolder_is_an_error(sized):
    (sized.notebooks / "old").mkdir()
    (sized.notebooks / "old" / "draft.ipynb").write_text("{}")
    with pytest.raises(ListingError, match=r"draft\.ipynb is not listed"):
        listing.load(sized.notebooks)


def test_checkpoints_of_jupyterlab_are_no_notebooks(sized):
    (sized.notebooks / ".ipynb_checkpoints").mkdir()
    (sized.notebooks / ".ipynb_checkpoints" / "q1_size-checkpoint.ipynb").write_text("{}")
    assert len(listing.load(sized.notebooks)) == 1


def test_a_listed_notebook_that_is_missing_is_an_error(sized):
    (sized.notebooks / "q1_size.ipynb").unlink()
    with pytest.raises(ListingError, match=r"q1_size\.ipynb is listed .* not there"):
        listing.load(sized.notebooks)


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (r'title = "q1_size"', "", "`title` is missing"),
        (r'title = "q1_size"', 'titel = "x"', "unknown field 'titel'"),
        (r"cell_timeout = 60", "cell_timeout = 0", "cell_timeout = 0"),
        (r"cell_timeout = 60", "cell_timeout = true", "cell_timeout = True"),
        (r"cell_timeout = 60", "timeout = 60", "unknown field 'timeout'"),
        (r"profiles\.laptop", "profiles.desktop", "profile 'laptop' is missing"),
        (r"question = 1", "question = 0", "`question` is 0"),
        (r"question = 1", 'needs = ["gpu"]', "`needs` has 'gpu'"),
        (r"question = 1", 'runs = ["vLLM"]', "`runs` is no table"),
        (r"question = 1", "runs = { vLLM = 1 }", "`runs` is no table"),
        (r"min_values = 2", "min_values = -1", "`min_values` is -1"),
        (r'file = "q1_size.ipynb"', 'file = "../q1_size.ipynb"', "beside notebooks.toml"),
        (r"\[\[notebook\]\]", "[[notebook]", "not valid TOML"),
        (r"\[\[notebook\]\]", "[[notebook]]\n[[extra]]", "unknown table 'extra'|`file` is missing"),
    ],
)
def test_a_fault_of_the_listing_is_named(sized, pattern, replacement, message):
    sized.edit_listing(pattern, replacement)
    with pytest.raises(ListingError, match=message):
        listing.load(sized.notebooks)


def test_a_notebook_listed_twice_is_an_error(sized):
    file = sized.notebooks / "notebooks.toml"
    file.write_text(file.read_text() * 2)
    with pytest.raises(ListingError, match="listed twice"):
        listing.load(sized.notebooks)


@pytest.mark.parametrize("name", ["q1", "q1_size", "q1_size.ipynb", "notebooks/q1_size.py"])
def test_a_notebook_goes_by_its_short_full_and_file_name(sized, name):
    [found] = listing.select(listing.load(sized.notebooks), [name])
    assert found.name == "q1_size"


def test_an_unknown_name_lists_the_known_ones(sized):
    with pytest.raises(UsageError, match="no notebook is called 'q9'") as caught:
        listing.select(listing.load(sized.notebooks), ["q9"])
    assert caught.value.mend == "known: q1"


@pytest.mark.parametrize("source", ["# %% [markdown]\n# only prose\n", "# %%\n\n# %%\n"])
def test_a_notebook_without_code_is_refused_before_anything_runs(project, source):
    project.add("q1_empty", source)
    with pytest.raises(ListingError, match="has no code cell"):
        plan(project.notebooks)


def test_a_notebook_that_lost_cells_is_refused(project):
    project.add("q1_short", ONE_CELL, min_code_cells=4)
    with pytest.raises(ListingError, match="only 1 code cell of 4"):
        plan(project.notebooks)


def test_a_damaged_notebook_is_refused(sized):
    (sized.notebooks / "q1_size.ipynb").write_text("not json")
    [notebook] = listing.load(sized.notebooks)
    with pytest.raises(ListingError, match="is no notebook"):
        load_notebook(notebook)


def test_a_parameter_may_belong_to_one_of_several_notebooks(sized):
    sized.add("q2_rag", ONE_CELL)
    steps = plan(sized.notebooks, parameters=["requests=3"])
    assert [step.parameters.get("requests") for step in steps] == [3, None]


def test_a_parameter_that_no_chosen_notebook_has_is_refused(sized):
    sized.add("q2_rag", ONE_CELL)
    with pytest.raises(UsageError, match="no chosen notebook has a parameter 'requests'"):
        plan(sized.notebooks, ["q2"], parameters=["requests=3"])


@pytest.mark.parametrize(("profile", "timeout"), [("fast", None), ("ci", 0)])
def test_an_unknown_profile_or_no_time_is_refused(sized, profile, timeout):
    with pytest.raises(UsageError):
        plan(sized.notebooks, profile=profile, cell_timeout=timeout)


def test_a_heading_is_the_last_one_above_the_cell_and_not_in_a_code_block(sized):
    path = sized.add("q3_x", "# %%\n1\n# %% [markdown]\n# ## Costs\n# ```\n# # no heading\n# ```\n# %%\n2\n")
    import nbformat

    assert cell_headings(nbformat.read(path, 4)) == ["", "Costs"]


def test_the_first_line_shown_is_code_and_short():
    assert first_line("# why\n\nx = 1\ny = 2") == "x = 1"
    assert len(first_line("x = " + "1 + " * 50)) == 60
