"""The frame around every page: navigation, both colour modes, one policy against anything that comes from outside."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbook.site.badges import badge_html
from workbook.site.body import Section
from workbook.site.cells import TEMPLATES

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Entry:
    """A page in the navigation. download: the executed notebook beside it; failed: a cell of it did not run."""

    href: str
    title: str
    sections: tuple[Section, ...] = ()
    download: str | None = None
    failed: bool = False


def page(template: str, entries: Sequence[Entry], here: Entry, scripts: Sequence[str] = (), **fields: Any) -> str:
    """A page of templates/ inside the frame; every text in `fields` is escaped.

    entries: the site in the order of reading, with or without `here`. scripts: file names in templates/, inlined.
    """
    place = entries.index(here) if here in entries else None
    neighbours = (
        entries[place - 1] if place else None,
        entries[place + 1] if place is not None and place + 1 < len(entries) else None,
    )
    code = [_text(name) for name in ("theme.js", "site.js", *scripts)]
    return _environment().get_template(template).render(
        entries=entries, here=here, previous=neighbours[0], next=neighbours[1], css=stylesheet(), head_script=code[0],
        body_scripts=code[1:], policy=policy(code), outline=[s for s in here.sections if 2 <= s.level <= 3], **fields,
    )  # fmt: skip


def policy(scripts: Sequence[str]) -> str:
    """What a page may load: its own pictures and styles, and these scripts, known by their hashes."""
    known = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {known}; "
        "base-uri 'none'; form-action 'none'"
    )


@functools.cache
def stylesheet() -> str:
    """site.css and the colours of code, each token with one colour for a light and one for a dark ground."""
    return _text("site.css") + "\n".join(_code_rules()) + "\n"


def _code_rules(light: str = "default", dark: str = "github-dark") -> list[str]:
    from pygments.styles import get_style_by_name
    from pygments.token import STANDARD_TYPES

    bright, dim = get_style_by_name(light), get_style_by_name(dark)
    rules = []
    for token, name in STANDARD_TYPES.items():
        if name == "w":  # white space has no letters
            continue
        one, other = bright.style_for_token(token), dim.style_for_token(token)
        parts = []
        if name and (one["color"] or other["color"]):
            # A ground of its own (errors) would need a second look at its contrast: letters only.
            pair = (f"#{style['color']}" if style["color"] else "var(--ink)" for style in (one, other))
            parts.append(f"color: light-dark({', '.join(pair)})")
        if name and one["bold"]:
            parts.append("font-weight: 600")
        if name and one["italic"]:
            parts.append("font-style: italic")
        if parts:
            rules.append(f".highlight .{name} {{ {'; '.join(parts)} }}")
    return rules


@functools.cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["badge"] = lambda kind, summary="": Markup(badge_html(kind, summary))
    environment.filters["raw"] = Markup
    return environment
