"""Section 8 of every notebook is what the catalogue gives."""

from __future__ import annotations

import ast
import re

import nbformat
import pytest

from exercises.catalogue import QUESTIONS, exercises_of
from exercises.model import ExerciseError
from exercises.section import HEADING, NOTEBOOKS, replaced, variable

every = pytest.mark.parametrize("question", QUESTIONS)


def text_of(question):
    (path,) = NOTEBOOKS.glob(f"{question}_*.py")
    return path.read_text(encoding="utf-8")


@every
def test_the_exercises_of_a_notebook_are_those_of_the_catalogue(question):
    text = text_of(question)
    assert replaced(text, question) == text, f"python -m exercises.section {question} --write && workbook pair --write"


@every
def test_an_exercise_of_a_notebook_takes_no_name_that_the_notebook_uses(question):
    before = text_of(question).split(HEADING)[0]
    code = "\n".join(line for line in before.splitlines() if not line.startswith(("%", "!")))
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    assert not used & {variable(one) for one in exercises_of(question)}


@every
def test_every_exercise_leads_to_the_section_that_teaches_it(question):
    (notebook,) = NOTEBOOKS.glob(f"{question}_*.ipynb")
    opened = {cell.id: cell.source for cell in nbformat.read(notebook, 4).cells}
    links = re.findall(r"^# Taught in \[(.*)\]\((.*)#cell-id=(.*)\)\.$", text_of(question), re.MULTILINE)
    assert len(links) == len(exercises_of(question))
    for heading, file, cell in links:
        assert file == notebook.name
        assert re.sub(r"[#`*]", "", opened[cell].splitlines()[0]).strip() == heading


@pytest.mark.slow
@every
def test_the_section_runs_by_itself_and_says_not_attempted_everywhere(question, capsys):
    cells = re.split(r"^# %%.*$", text_of(question).split(HEADING)[1], flags=re.MULTILINE)
    space: dict[str, object] = {}
    said = []
    for cell in cells[1:]:
        *body, last = ast.parse(cell).body or [ast.parse("None").body[0]]
        exec(compile(ast.Module(body, []), question, "exec"), space)
        if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
            said.append(repr(eval(compile(ast.Expression(last.value), question, "eval"), space)))
        else:
            exec(compile(ast.Module([last], []), question, "exec"), space)
    assert len(said) == len(exercises_of(question))
    assert all("not attempted" in one for one in said)


def test_a_notebook_without_the_section_is_refused():
    with pytest.raises(ExerciseError, match="q1 has no section"):
        replaced("# # Title\n", "q1")
