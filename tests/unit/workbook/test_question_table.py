"""README's table of questions is what the ledger and the listing say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference.sizing.claims import most_surprising
from workbook.errors import WorkbookError
from workbook.question_table import COMMAND, END, START, readme, with_table
from workbook.runner.listing import load

ROOT = Path(__file__).resolve().parents[3]
LISTED = load(ROOT / "notebooks")
QUESTIONS = [notebook for notebook in LISTED if notebook.question is not None]


@pytest.fixture(scope="module")
def wanted() -> str:
    return readme()[1]


def test_the_table_in_the_readme_is_the_one_that_the_ledger_gives(wanted):
    assert (ROOT / "README.md").read_text("utf-8") == wanted, f"rewrite the table: {COMMAND}"


@pytest.mark.slow
def test_every_question_has_a_row_with_link_parts_and_verdict(wanted):
    rows = wanted.partition(START)[2].partition(END)[0].strip().splitlines()[2:]
    assert len(rows) == len(QUESTIONS)
    for notebook, row in zip(QUESTIONS, rows, strict=True):
        [target] = re.findall(r"\]\((.*?)\)", row)
        assert (ROOT / target).is_file()
        assert all(part in row for part in notebook.runs)
        found = most_surprising(notebook.question)
        assert found is not None
        assert found.claim.statement in row
        assert found.claim.reason.replace("|", "\\|") in row
        pair = f"{found.claim.stated_text} stated, {found.claim.computed_text} computed, off by a factor of"
        assert (pair in row) is (found.factor is not None), "what is compared is what is shown"
        assert found.says[1:] in row


@pytest.mark.parametrize("notebook", QUESTIONS, ids=[notebook.short_name for notebook in QUESTIONS])
def test_what_is_said_to_run_is_imported_by_the_notebook(notebook):
    source = notebook.source.read_text("utf-8")
    assert notebook.runs, "name what runs in notebooks.toml"
    for part, module in notebook.runs.items():
        assert re.search(rf"^\s*(?:from|import) {re.escape(module)}\b", source, re.M), f"{part}: no import of {module}"


def test_only_what_is_between_the_marks_is_written():
    text = f"above\n{START}\nold\n{END}\nbelow\n"
    assert with_table(text, "| new |") == f"above\n{START}\n\n| new |\n\n{END}\nbelow\n"
    assert with_table(with_table(text, "| new |"), "| new |") == with_table(text, "| new |")


@pytest.mark.parametrize("text", ["no marks", START, END, f"{END} {START}"])
def test_a_readme_without_marks_is_refused_with_the_mend(text):
    with pytest.raises(WorkbookError, match="no marks") as caught:
        with_table(text, "x")
    assert START in caught.value.mend
