"""What a model's points are worth: each quote is looked up in the notes, and one that is not there voids its point."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from exercises.interviews.model import Criterion
from workbook.interview.opinion.client import Model, ask
from workbook.interview.quotes import fault_of, normalised

# Words with which somebody speaks to the one who marks. They are no evidence, even though they stand in the notes.
# A list cannot know every wording: the calibration refuses a model that obeys such sentences at all.
_TO_THE_EXAMINER = re.compile(
    r"\b(ignore|disregard|forget)\b.{0,40}\b(instructions?|rubric|criteri\w+)"
    r"|\b(give|award|grant|deserve|earn)\w*\b.{0,40}\b(\d+|all|full|every|maximum|max|the|more|highest)\s+"
    r"(points?|marks?|credit|criteri\w+)"
    r"|\b(examiner|grader)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Line:
    """One criterion. claimed: what the model wanted to give; points: what counts; void: why it does not, else ""."""

    criterion: str
    claimed: float
    points: float
    quote: str
    void: str = ""


@dataclass(frozen=True)
class Opinion:
    model: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> float:
        return sum(line.points for line in self.lines)

    @property
    def voided(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.void)

    def fields(self) -> dict[str, Any]:
        """As the interview's file keeps it."""
        return {"model": self.model, "total": self.total, "lines": [asdict(line) for line in self.lines]}


def judge(model: Model, rubric: Sequence[Criterion], notes: str) -> Opinion:
    """Ask the model, and let stand what its quotes bear out. Raises OpinionError as `client.ask` does."""
    return weigh(model.name, ask(model, rubric, notes), rubric, notes)


def weigh(name: str, given: Sequence[dict[str, Any]], rubric: Sequence[Criterion], notes: str) -> Opinion:
    """One line per criterion of the rubric, in its order; of two lines for one criterion the first counts."""
    first: dict[str, dict[str, Any]] = {}
    for line in given:
        first.setdefault(line["criterion"], line)
    used: list[str] = []
    lines = []
    for one in rubric:
        if one.name not in first:
            lines.append(Line(one.name, 0.0, 0.0, "", "the model left it out"))
            continue
        claimed, quote = float(first[one.name]["points"]), first[one.name]["quote"].strip()
        void = _fault(one, claimed, quote, notes, used)
        if claimed and not void:
            used.append(normalised(quote))
        lines.append(Line(one.name, claimed, 0.0 if void else claimed, quote, void))
    return Opinion(name, tuple(lines))


def _fault(one: Criterion, claimed: float, quote: str, notes: str, used: Sequence[str]) -> str:
    if not claimed and not quote:
        return ""
    if not 0 <= claimed <= one.points:  # also what is not a number
        return f"points go from 0 to {one.points:g}"
    reason = fault_of(quote, notes)
    if reason:
        # Without points a short quote is nothing; an invented one is worth knowing of.
        return reason if claimed or "not in" in reason else ""
    if not claimed:
        return ""
    if _TO_THE_EXAMINER.search(_around(quote, notes)):
        return "the quote speaks to the examiner"
    wanted = normalised(quote)
    if any(wanted in other or other in wanted for other in used):
        return "the quote served another criterion already"
    return ""


def _around(quote: str, notes: str) -> str:
    """The quote with the rest of the lines that it is from: half of an instruction is one too."""
    wanted = normalised(quote).strip("\"'")
    lines = [line for line in map(normalised, notes.splitlines()) if wanted in line]
    return " ".join([wanted, *lines]) if len(lines) <= 3 else wanted
