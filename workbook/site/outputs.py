"""What cells put out, made fit for the page: no scripts, colours for both modes, wide tables scroll."""

from __future__ import annotations

import base64
import binascii
import html
import re
import struct
from typing import Any

from workbook.figures import style
from workbook.site.badges import BADGES, badge_html, kind_in
from workbook.site.markdown import Headings, link_html

# Colours that our own tables write into their markup, and the page's name for each.
_NAMED = {
    style.INK: "ink", style.GREY: "muted", style.BLUE: "blue", style.GREEN: "green", style.RED: "red",
    style.AMBER: "amber", style.PURPLE: "purple",
}  # fmt: skip
_COLUMNS = re.compile(r"\S(?: {2,}|\t)\S|[\u2500-\u257f]")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_UNWANTED = ("script", "iframe", "object", "embed", "link", "meta", "base", "form")


def table_html(markup: str, headings: Headings) -> str:
    """An output's HTML for the page. Ids that the page already has are dropped, so that links stay unambiguous."""
    import lxml.html

    try:
        root = lxml.html.fragment_fromstring(markup, create_parent="div")
    except (lxml.etree.ParserError, ValueError):  # nothing but a comment, or a NUL: show what it is
        return f"<pre>{html.escape(markup)}</pre>"
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            continue
        if element.tag in _UNWANTED:
            element.drop_tree()
            continue
        _attributes(element, headings)
        if element.tag == "a" and element.get("href") is not None:
            _replace(element, link_html(_inner(element), element.get("href", "")))
        elif len(element) == 0 and (kind := kind_in(element.get("style", ""), element.text or "")):
            _replace(element, badge_html(kind, element.get("title", "")))
        elif len(element) == 0 and element.tag == "td" and (word := (element.text or "").strip()) in BADGES:
            element.text = None
            element.append(lxml.html.fragment_fromstring(badge_html(word)))
    root.set("class", "wb-rich" + (" wb-light" if _has_colours(root) else ""))
    for table in list(root.iter("table")):
        if next(table.iterancestors("table"), None) is None:
            scroll = lxml.html.Element("div", {"class": "wb-scroll"})
            table.addprevious(scroll)
            tail, table.tail = table.tail, None
            scroll.append(table)
            scroll.tail = tail
    return lxml.html.tostring(root, encoding="unicode")


def is_aligned(text: str) -> bool:
    """Whether printed text stands in columns, so that wrapping its lines would break it: gaps or drawn lines in most.

    text: as printed, with or without a terminal's colours.
    """
    lines = [line for line in _ESCAPE.sub("", text).splitlines() if line.strip()]
    columns = sum(bool(_COLUMNS.search(line)) for line in lines)
    return columns >= 2 and 2 * columns >= len(lines)


def figure_html(png: str, metadata: dict[str, Any], headings: Headings) -> str:
    """A PNG output (base64) with its description; where nobody wrote one, the section it stands in."""
    alt = metadata.get("alt") or f"Figure without a description, in section {headings.current or 'without a title'}"
    data = "".join(png.split())
    size = _png_size(data)
    width = metadata.get("width") or (size[0] if size else None)
    height = metadata.get("height") or (size[1] if size else None)
    fixed = f' width="{int(width)}" height="{int(height)}"' if width and height else ""
    # A chart shrinks to the page, but not until its labels are illegible; then it scrolls.
    least = f' style="min-width: min({0.6 * int(width):.0f}px, 40rem)"' if width else ""
    alt = html.escape(" ".join(str(alt).split()), quote=True)
    return (
        f'<figure class="wb-figure"><div class="wb-scroll"><img src="data:image/png;base64,{html.escape(data)}" '
        f'alt="{alt}"{fixed}{least}></div></figure>'
    )


def _attributes(element: Any, headings: Headings) -> None:
    for name in list(element.attrib):
        if name.startswith("on"):
            del element.attrib[name]
    if anchor := element.get("id"):
        if anchor in headings.anchors:
            del element.attrib["id"]
        else:
            headings.anchors.add(anchor)
    if written := element.get("style"):
        element.set("style", re.sub(r"(?<![-\w])color:\s*(#[0-9a-fA-F]{6})\b", _name, written))


def _name(found: re.Match[str]) -> str:
    named = _NAMED.get(found[1].lower())
    return f"color:var(--{named})" if named else found[0]


def _has_colours(root: Any) -> bool:
    """Whether colours are left that were chosen for a white ground."""
    styles = [element.get("style", "") for element in root.iter() if isinstance(element.tag, str)]
    styles += [element.text or "" for element in root.iter("style")]
    return any(re.search(r"(?:color|background)[-\w]*\s*:(?!\s*(?:var|inherit|transparent))", text) for text in styles)


def _inner(element: Any) -> str:
    import lxml.html

    children = (lxml.html.tostring(child, encoding="unicode") for child in element)
    return html.escape(element.text or "", quote=False) + "".join(children)


def _replace(element: Any, markup: str) -> None:
    import lxml.html

    new = lxml.html.fragment_fromstring(markup)
    new.tail = element.tail
    element.getparent().replace(element, new)


def _png_size(data: str) -> tuple[int, int] | None:
    """Width and height in pixels, from the header."""
    try:
        head = base64.b64decode(data[:64])
    except (binascii.Error, ValueError):
        return None
    if head[:8] != b"\x89PNG\r\n\x1a\n" or len(head) < 24:
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height
