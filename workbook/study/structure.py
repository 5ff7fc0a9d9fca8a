"""The shape that all seven notebooks share, read from their py:percent text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workbook.errors import ListingError
from workbook.pairing import read_source, section_id

SECTIONS = (
    "1. Clarify (2 minutes)",
    "2. Size it",
    "3. High-level architecture",
    "4. Deep dive, running (15 minutes)",
    "5. Scaling and trade-offs (5 minutes)",
    "6. Monitoring and operations (3 minutes)",
    "7. What interviewers ask next",
    "8. Exercises",
)
# The last paragraphs of every notebook's first cell, and the index's.
LEGEND = (
    "Every figure carries a badge. **DERIVED**: computed from named assumptions. **MEASURED**: taken in this very run, "
    "or in a recorded one that is named. **SIMULATED**: replayed by a program with measured, derived or stated times "
    "and probabilities. **CITED**: somebody else's, with source and date. Nothing is typed in by hand."
)
BACK = "[All questions, study paths and where you stand](index.ipynb)"
OPENING = "0"  # the part before section 1


@dataclass(frozen=True)
class Part:
    """One numbered section. heading: as written ("4. Deep dive, ..."). words: of its text, diagrams left out."""

    number: str
    heading: str
    words: int
    code_cells: int


@dataclass(frozen=True)
class Shape:
    """One notebook. headings: all of second and third level, without their marks. parameter_cells: those tagged so.

    buried: numbered headings that stand inside a cell instead of opening one, so that no link can lead to them.
    """

    file: str
    title: str
    first_cell: str
    parts: tuple[Part, ...]
    headings: tuple[str, ...]
    parameter_cells: int
    buried: tuple[str, ...] = ()

    def part(self, number: str) -> Part:
        return next(one for one in self.parts if one.number == number)

    def link(self, section: str) -> str:
        """`file.ipynb#cell-id=...` of the cell that opens "4" or "4.3", as JupyterLab and exported pages follow it.

        By the cell and not by the heading: JupyterLab looks for headings in what it has drawn, which is nothing yet in
        a notebook that the link itself opens. Raises ListingError for a section that the notebook does not have.
        """
        if any(re.match(rf"{re.escape(section)}\.? ", heading) for heading in self.headings):
            return f"{self.file}#cell-id={section_id(section)}"
        raise ListingError(f"{self.file} has no section {section}", "name one of its headings")


@cache
def shape(source: Path) -> Shape:
    """What a notebook's .py holds. Raises ListingError if it is no notebook."""
    cells = read_source(source.read_text(encoding="utf-8"), source.stem).cells
    number, heading = OPENING, ""
    words, code, names = {OPENING: 0}, {OPENING: 0}, {OPENING: ""}
    headings: list[str] = []
    buried: list[str] = []
    for cell in cells:
        if cell.cell_type != "markdown":
            code[number] += 1
            continue
        for place, line in enumerate(_without_fences(cell.source)):
            if found := re.match(r"##+ +(.*)", line):
                headings.append(found[1].strip())
                if place and re.match(r"\d", headings[-1]):
                    buried.append(headings[-1])
            if found := re.match(r"## +((\d)\. .*)", line):
                number, heading = found[2], found[1].strip()
                words[number], code[number], names[number] = 0, 0, heading
            words[number] += len(re.findall(r"\w[\w'.,-]*", line))
    first = next((cell.source for cell in cells), "")
    return Shape(
        file=source.with_suffix(".ipynb").name,
        title=re.sub(r"^# +", "", first.splitlines()[0]) if first else "",
        first_cell=first,
        parts=tuple(Part(key, names[key], words[key], code[key]) for key in words),
        headings=tuple(headings),
        parameter_cells=sum("parameters" in cell.metadata.get("tags", []) for cell in cells),
        buried=tuple(buried),
    )


def faults(one: Shape) -> list[str]:
    """In what way a question's notebook is not like the others, one a line."""
    found = []
    have = [part.heading for part in one.parts if part.number != OPENING]
    if have != list(SECTIONS):
        odd: Sequence[str] = [name for name in SECTIONS if name not in have] or [n for n in have if n not in SECTIONS]
        found.append(f"sections: {', '.join(odd) or 'another order'}")
    if one.parameter_cells != 1:
        found.append(f"{one.parameter_cells} cells are tagged `parameters`")
    found += [f"no link can lead to {name!r}: begin a cell with it" for name in one.buried]
    paragraphs = [" ".join(text.split()) for text in one.first_cell.split("\n\n")]
    if LEGEND not in paragraphs:
        found.append("the first cell has not the legend of badges")
    if paragraphs[-1] != BACK:
        found.append("the first cell does not end with the link to the index")
    return found


def _without_fences(text: str) -> list[str]:
    """The lines of a markdown text outside of fenced blocks."""
    kept, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return kept
