"""Cells that a spreadsheet shows and does not run."""

from __future__ import annotations

# A cell that begins with one of these is run as a formula by a spreadsheet (OWASP, "CSV Injection"); the wide forms are
# taken for the same by some. Blanks before it do not help.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs: an apostrophe in front makes it text."""
    return f"'{cell}" if _is_formula(cell) else cell


def as_typed(cell: str) -> str:
    """What `harmless` was given: takes its apostrophe off again."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(cell: str) -> bool:
    return cell.startswith(_FORMULA) or cell.lstrip(" ").startswith(_FORMULA)
