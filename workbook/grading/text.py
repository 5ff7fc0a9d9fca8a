"""Text that students wrote, made fit for a page or a table."""

from __future__ import annotations

import unicodedata

# A cell that begins with one of these is run as a formula by a spreadsheet (OWASP, "CSV Injection"); the wide forms are
# taken for the same by some. Blanks before it do not help.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def cut(text: str, longest: int) -> str:
    """At most `longest` characters, and a sign where something is left out."""
    return text if len(text) <= longest else f"{text[: longest - 2]} …"


def clean(text: str, longest: int) -> str:
    """Cut; without lone surrogates, which no file holds, and without what hides or turns round the text after it.

    Joiners stay: names are written with them.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _hides(one) else one for one in cut(text, longest))


def _hides(one: str) -> bool:
    turns = unicodedata.bidirectional(one) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    return turns or (unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs: an apostrophe in front makes it text."""
    return f"'{cell}" if _is_formula(cell) else cell


def as_typed(cell: str) -> str:
    """What `harmless` was given: takes its apostrophe off again."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(cell: str) -> bool:
    return cell.startswith(_FORMULA) or cell.lstrip(" ").startswith(_FORMULA)
