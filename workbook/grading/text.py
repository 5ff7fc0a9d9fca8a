"""Text that students wrote, made fit for a page or a table."""

from __future__ import annotations

import unicodedata


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
