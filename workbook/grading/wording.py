"""What a handed-out folder says in words."""

from __future__ import annotations

import re
from functools import cache

from exercises.model import Ask, Exercise, Kind, Params
from workbook.grading.types import Assignment, Limits, Student


@cache
def section_line(question: str, section: str) -> str:
    """Where the notebook teaches it: "section 2.2, Memory: what is left, of q1_serve_an_llm.ipynb"."""
    from workbook.errors import WorkbookError
    from workbook.paths import notebooks_dir

    try:
        notebook = next(iter(sorted(notebooks_dir().glob(f"{question}_*.py"))))
        headings = re.findall(r"^# #+ (\d[\d.]*?)\.? (.+)$", notebook.read_text(encoding="utf-8"), re.MULTILINE)
    except (WorkbookError, OSError, StopIteration):
        return f"section {section} of the notebook of question {question[1:]}"
    title = dict(headings).get(section, "")
    return f"section {section}{f' (*{title.strip()}*)' if title else ''} of `{notebook.stem}.ipynb`"


def about(assignment: Assignment, student: Student, question: str, count: int, points: float) -> str:
    """The first cell of a notebook: whose it is, how to answer, and what is there when it is marked."""
    limits = Limits()
    many = f"{count} exercise{'' if count == 1 else 's'}"
    return f"""# {assignment.name}: question {question[1:]}

For **{student.name or student.id}** ({student.id}): {many}, {points:g} points. The numbers are yours alone.

Write into the answer cells and keep their first line. You may add cells. Every check tells at once whether your answer
is right with your numbers, or which slip it looks like; it never shows the answer. `work.hint("...")` with the id of an
exercise gives a hint, one step at a time. Exercises use some names twice: run the cell with your numbers before you
answer. Hand in this notebook under the name it has, and nothing else.

**When it is marked**, this notebook runs on another machine, by itself and from top to bottom, with your true numbers
set before each answer:

- Python's standard library and numpy can be imported. `reference`, `exercises` and other packages cannot, and
  `work.check` does nothing.
- There are no files to read, no network, and no input.
- A cell is stopped after {limits.cell_s:g} seconds, the notebook after {limits.total_s:g}. The memory is
  {limits.memory_mb:,} MB.
- A number is a plain number in the unit that its line names (take `.magnitude` of a quantity); where a whole number is
  asked for, only that one counts.
- What you build is called with other cases than those of the check. It takes and returns plain lists, dictionaries,
  texts and numbers."""


def task(one: Exercise, number: int, params: Params) -> str:
    """The task with this student's numbers."""
    lines = [
        f"## {number}. {one.title}",
        f"*{one.kind} · {one.points:g} points · about {one.minutes} minutes · difficulty {one.difficulty} of 3*",
        f"Taught in {section_line(one.question, one.section)}.",
        one.prompt(params).strip(),
    ]
    if one.kind is Kind.DESIGN:
        rubric = "\n".join(f"- {criterion.name}: {criterion.points:g}" for criterion in one.rubric)
        lines.append(f"A person marks this. What earns points:\n\n{rubric}")
    return "\n\n".join(lines)


def answer_line(ask: Ask) -> str:
    """`name = None` with what belongs in its place."""
    if ask.choices:
        what = "one of " + ", ".join(f'"{choice}"' for choice in ask.choices)
    elif ask.whole:
        unit = f" of {ask.unit}" if ask.unit else ""
        what = f"a whole number{unit}, rounded {ask.whole}"
    else:
        what = ask.unit or "a plain number"
    return f"{ask.name} = None  # {what}: {ask.what}"


def readme(assignment: Assignment, student: Student, points: dict[str, float]) -> str:
    """README.md of one student's folder. points: notebook -> points."""
    rows = "\n".join(f"| {question}.ipynb | {each:g} |" for question, each in points.items())
    return f"""# {assignment.name}

For {student.name or student.id} ({student.id}).

| notebook | points |
|---|---|
{rows}

1. Install the workbook as its README says, and open this folder in its JupyterLab (`.venv/bin/jupyter lab` from the
   workbook's folder, then go to this one).
2. Each notebook says what to do. Run its first cells, answer, run the check below each answer.
3. Hand in the notebooks under their names. `numbers.json` holds your numbers, without answers: the checks need it
   beside the notebooks; it is not handed in.
"""
