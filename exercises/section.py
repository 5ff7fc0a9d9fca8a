"""Section 8 of a notebook, written from the catalogue: `python -m exercises.section q1 --write`.

The notebooks hold it as text, like everything else that a reader edits; a test compares, so neither drifts.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from exercises.catalogue import exercises_of
from exercises.model import Exercise, ExerciseError, Kind

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
HEADING = "# ## 8. Exercises\n"
_INTRODUCTION = """#
# The numbers are yours: another login (or `WORKBOOK_PERSON`) draws others, and `.again()` new ones. A check says right,
# which mistake the answer smells like, or not attempted; it never says the answer. `.hint()` gives hints in steps,
# `.solution()` the worked solution. `workbook progress` shows what to repeat, `workbook interview {question}` asks you
# all of this aloud.
"""


def variable(one: Exercise) -> str:
    """The name that the notebook gives the exercise: `kv_per_token`; never that of what the reader writes."""
    name = one.id.split("-", 1)[1].replace("-", "_")
    return f"{name}_task" if one.build and one.build.name == name else name


def link(one: Exercise, notebook: str) -> str:
    """Where the notebook (its py:percent text) teaches it, as a link that JupyterLab and exported pages follow.

    It names the file and the cell (`workbook.pairing` gives cells that open a section these ids): a bare `#heading` is
    followed by JupyterLab only if no sign of the heading has to be escaped in a link.
    """
    found = re.search(rf"^# ###? ({re.escape(one.section)}\.? .*)$", notebook, re.MULTILINE)
    if not found:
        raise ExerciseError(f"{one.id}: the notebook has no section {one.section}")
    heading = re.sub(r"[`*]", "", found[1]).strip()
    return f"[{heading}]({_notebook(one.question).name}#cell-id=section-{one.section.replace('.', '-')})"


def _notebook(question: str) -> Path:
    """The .ipynb of "q1" to "q7"."""
    (source,) = NOTEBOOKS.glob(f"{question}_*.py")
    return source.with_suffix(".ipynb")


def cells(one: Exercise, number: int, notebook: str) -> str:
    """The cells of one exercise as py:percent: heading, task, and a check that holds the open answer."""
    name = variable(one)
    head = (
        f"# %% [markdown]\n# ### 8.{number} {one.title}\n#\n# Taught in {link(one, notebook)}.\n\n"
        f'# %%\n{name} = practice("{one.id}")\n{name}\n\n# %%\n'
    )
    if one.kind is Kind.BUILD:
        assert one.build is not None
        return f"{head}{one.build.stub.strip()}\n\n\n{name}.check({one.build.name})\n"
    if one.kind is Kind.DESIGN:
        return f'{head}my_answer = """\n"""\n{name}.check(my_answer)\n'
    lines = "".join(f"    {ask.name}=None,{_unit(ask.unit)}\n" for ask in one.asks)
    return f"{head}{name}.check(\n{lines})\n"


def _unit(unit: str) -> str:
    return f"  # {unit}" if unit else ""


def section(question: str, notebook: str) -> str:
    """The whole section as py:percent, from its heading to the end of the file."""
    parts = [cells(one, number, notebook) for number, one in enumerate(exercises_of(question), 1)]
    start = "\n# %%\nfrom exercises import practice\n\n"
    return HEADING + _INTRODUCTION.format(question=question) + start + "\n".join(parts)


def replaced(text: str, question: str) -> str:
    """A notebook's text with its section 8 written anew, formatted. Raises ExerciseError if it has none."""
    if text.count(HEADING) != 1:
        raise ExerciseError(f"the notebook of {question} has no section that begins with {HEADING.strip()!r}")
    return _formatted(text[: text.index(HEADING)] + section(question, text[: text.index(HEADING)]))


def _formatted(text: str) -> str:
    from ruff.__main__ import find_ruff_bin

    command = [find_ruff_bin(), "format", "--stdin-filename", str(NOTEBOOKS / "any.py"), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=NOTEBOOKS.parent).stdout


def main(arguments: list[str]) -> int:
    questions = [word for word in arguments if word != "--write"]
    for question in questions:
        (path,) = NOTEBOOKS.glob(f"{question}_*.py")
        text = replaced(path.read_text(encoding="utf-8"), question)
        if "--write" in arguments:
            path.write_text(text, encoding="utf-8")
        else:
            print(text[text.index(HEADING) :], end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
