"""README's table of questions, from the notebooks' listing and the claims ledger.

`python -m workbook.question_table` writes it between its two marks; a test compares.
"""

from __future__ import annotations

from pathlib import Path

from reference.sizing.claims import Surprise, most_surprising
from workbook.errors import WorkbookError
from workbook.paths import notebooks_dir, project_root
from workbook.runner.listing import Notebook, load

COMMAND = "python -m workbook.question_table"
START = f"<!-- questions: written by `{COMMAND}` -->"
END = "<!-- /questions -->"


def question_table(notebooks: list[Notebook]) -> str:
    """The table as Markdown: question and link, what runs, and the claim that is furthest off with its reason."""
    rows = ["| question | what runs | most surprising verdict |", "|---|---|---|"]
    for notebook in notebooks:
        if notebook.question is None:
            continue
        link = f"[{notebook.question}. {notebook.title}](notebooks/{notebook.path.name})"
        cells = (link, ", ".join(notebook.runs), _surprise(most_surprising(notebook.question)))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _surprise(found: Surprise | None) -> str:
    if found is None:
        return ""
    one = found.claim
    if found.factor is None:
        return f"*{one.statement}* Does not hold: {one.reason}."
    factor = f"{found.factor:,.0f}" if found.factor >= 10 else f"{found.factor:.1f}"
    says = found.says[0].upper() + found.says[1:]
    pair = f"{one.stated_text} stated, {one.computed_text} computed, off by a factor of {factor}"
    return f"*{one.statement}* {says}: {pair}; {one.reason}."


def with_table(text: str, table: str) -> str:
    """The text of README with the table between its marks. Raises WorkbookError if a mark is missing."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise WorkbookError("README.md has no marks for the table of questions", f"write {START} and {END} around it")
    return f"{before}{START}\n\n{table}\n\n{END}{after}"


def readme() -> tuple[Path, str]:
    """README's path, and its text as it should be."""
    path = project_root() / "README.md"
    return path, with_table(path.read_text("utf-8"), question_table(load(notebooks_dir())))


if __name__ == "__main__":
    target, wanted = readme()
    target.write_text(wanted, encoding="utf-8")
