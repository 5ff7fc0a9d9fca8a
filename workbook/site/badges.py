"""The badges of evidence, the same on every page."""

from __future__ import annotations

import html
import re

from reference.sizing.evidence import Cited, Derived, Measured, Simulated

BADGES = tuple(kind.badge for kind in (Derived, Measured, Simulated, Cited))


def badge_html(kind: str, summary: str = "") -> str:
    """The badge as markup; `summary` is what it says under the mouse. Other texts come back escaped and plain."""
    if kind not in BADGES:
        return html.escape(kind)
    title = f' title="{html.escape(summary, quote=True)}"' if summary else ""
    return f'<span class="wb-badge wb-{kind.lower()}"{title}>{kind}</span>'


def kind_in(style: str, text: str) -> str | None:
    """The badge that an element of somebody else's markup is: one word with a ground colour of its own."""
    word = text.strip()
    return word if word in BADGES and re.search(r"\bbackground", style) else None
