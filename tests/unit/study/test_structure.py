"""All seven notebooks have one shape, so that a reader knows where to look."""

from __future__ import annotations

from pathlib import Path

import pytest

from exercises.section import link as exercise_link
from workbook.errors import ListingError
from workbook.study import structure

FOLDER = Path(__file__).resolve().parents[3] / "notebooks"
QUESTIONS = sorted(FOLDER.glob("q*_*.py"))


def test_there_are_seven_questions():
    assert len(QUESTIONS) == 7


@pytest.mark.parametrize("source", QUESTIONS, ids=lambda path: path.stem)
def test_a_notebook_has_the_sections_the_legend_one_parameters_cell_and_the_way_back(source):
    assert structure.faults(structure.shape(source)) == []


BREAKS = {
    "a section is missing": ("# ## 6. Monitoring and operations (3 minutes)", "# ### More", "sections: 6. Monitoring"),
    "a section has a name of its own": ("# ## 2. Size it", "# ## 2. Estimate", "sections: 2. Size it"),
    "the parameters have lost their tag": (' tags=["parameters"]', "", "0 cells are tagged `parameters`"),
    "a badge is missing": (" **SIMULATED**:", "", "legend of badges"),
    "a heading stands inside a cell": ("# %% [markdown]\n# ### 2.1 ", "# ### 2.1 ", "lead to '2.1 Traffic"),
    "there is no way back": (f"# {structure.BACK}\n", "# .\n", "link to the index"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_notebook_that_differs_is_named_with_the_fault(what, tmp_path):
    old, new, said = BREAKS[what]
    text = QUESTIONS[0].read_text()
    assert old in text
    (tmp_path / "q1_broken.py").write_text(text.replace(old, new, 1))
    assert said in " ".join(structure.faults(structure.shape(tmp_path / "q1_broken.py")))


def test_sections_in_another_order_are_a_fault(tmp_path):
    text = QUESTIONS[0].read_text()
    swapped = text.replace("# ## 6. Monitoring", "# ## 9. X").replace("# ## 7. What interviewers", "# ## 6. Monitoring")
    (tmp_path / "q1_swapped.py").write_text(swapped)
    assert any("sections" in line for line in structure.faults(structure.shape(tmp_path / "q1_swapped.py")))


def test_diagrams_and_code_are_no_words_to_read(tmp_path):
    source = tmp_path / "q9_small.py"
    source.write_text("# %% [markdown]\n# # T\n#\n# two words\n#\n# ```mermaid\n# a b c d e\n# ```\n\n# %%\nx = 1\n")
    [opening] = structure.shape(source).parts
    assert (opening.words, opening.code_cells) == (3, 1)


def test_a_link_leads_to_the_cell_that_opens_the_section_as_exercises_link_it():
    one = structure.shape(QUESTIONS[0])
    assert one.link("4.3") == "q1_serve_an_llm.ipynb#cell-id=section-4-3"
    from exercises.catalogue import exercises_of

    for each in exercises_of("q1"):
        target = exercise_link(each, QUESTIONS[0].read_text()).split("](")[1].rstrip(")")
        assert target == one.link(each.section)
    with pytest.raises(ListingError, match="no section 9"):
        one.link("9")
