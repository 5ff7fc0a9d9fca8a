"""How long reading takes: counted from a notebook's own words and cells, with the two assumptions named."""

from __future__ import annotations

import math
from collections.abc import Iterable

from workbook.study.structure import Shape

# Assumptions. Plain English is read silently at 238 words a minute on average (Brysbaert 2019, Journal of Memory and
# Language 109, 104047); a text that argues with figures is taken at half of that.
WORDS_PER_MINUTE = 119.0
# To run a cell and look at what it shows; the wait for engines comes on top of it.
MINUTES_PER_CODE_CELL = 1.0
ASSUMPTION = (
    f"Reading: {WORDS_PER_MINUTE:.0f} words a minute, half of what plain English takes (238; Brysbaert 2019), and "
    f"{MINUTES_PER_CODE_CELL:.0f} minute for each code cell, without the wait for engines. Exercises and interviews: "
    "as they state themselves. What is due for repetition comes on top."
)


def reading(one: Shape, numbers: Iterable[str]) -> int:
    """Minutes for these sections ("0" is the part before section 1), rounded up."""
    chosen = set(numbers)
    parts = [part for part in one.parts if part.number in chosen]
    words, cells = sum(part.words for part in parts), sum(part.code_cells for part in parts)
    return math.ceil(words / WORDS_PER_MINUTE + cells * MINUTES_PER_CODE_CELL)
