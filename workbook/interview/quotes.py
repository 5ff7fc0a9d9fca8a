"""A point needs the candidate's own words: whether a quote is one, and what it earns."""

from __future__ import annotations

import unicodedata

from exercises.interviews.model import Criterion
from workbook.interview.state import Score

# Shorter ones stand in any text.
SHORTEST = 12
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})


def normalised(text: str) -> str:
    """Without case, with single spaces, with plain quotation marks and dashes."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN).casefold().split())


def fault_of(quote: str, words: str) -> str:
    """Why this is no quote of `words`; "" if it is one."""
    wanted = normalised(quote).strip("\"'")
    if not wanted:
        return "no quote"
    if len(wanted) < SHORTEST:
        return f"the quote is shorter than {SHORTEST} characters"
    return "" if wanted in normalised(words) else "the quote is not in the notes"


def judge_score(criterion: Criterion, points: float, quote: str, words: str) -> Score:
    """What `points` with this quote count: all, or nothing and the reason."""
    quote = " ".join(quote.split())
    if not 0 <= points <= criterion.points:
        return Score(criterion.name, 0.0, quote, f"points go from 0 to {criterion.points:g}")
    reason = fault_of(quote, words) if points else ""
    return Score(criterion.name, 0.0 if reason else float(points), quote, reason)
