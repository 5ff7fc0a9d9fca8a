"""What a page is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A heading of a notebook. level: 1 to 6; anchor: its id on the page."""

    level: int
    title: str
    anchor: str


@dataclass(frozen=True)
class Body:
    """An executed notebook as markup without a frame. anchors: every id that a link may lead to."""

    html: str
    sections: tuple[Section, ...]
    anchors: frozenset[str]


RESERVED = {"index", "claims"}  # pages that a site has of its own


def page_name(notebook: str) -> str:
    """The file name of a notebook's page; a notebook called `index` leaves index.html to the front."""
    return f"{notebook}_notebook.html" if notebook in RESERVED else f"{notebook}.html"
