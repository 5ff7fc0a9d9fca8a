"""HTML: the main text without scripts, styles and navigation; headings as the outline, tables as rows of text."""

from __future__ import annotations

import re
from typing import Any

from reference.rag.parsing.limits import Unparsable
from reference.rag.parsing.outline import Outline, clean_block, one_line, row

_SKIPPED = {
    "script", "style", "nav", "noscript", "template", "svg", "math", "head", "iframe", "object", "button", "select",
    "textarea", "input", "canvas", "audio", "video", "map", "applet",
}  # fmt: skip
# Words of class and id with which documentation generators mark what is not content.
_SKIPPED_MARKS = {
    "navheader", "navfooter", "nav", "navbar", "navigation", "sphinxsidebar", "sidebar", "related", "headerlink",
    "footer", "breadcrumbs", "toplinks", "toc", "shortcontents", "contents_", "minitoc", "searchbox", "banner",
    "skip-link", "menu", "quickview", "bottomlang", "toplang",
}  # fmt: skip
_BLOCKS = {
    "p", "div", "section", "article", "main", "header", "footer", "aside", "blockquote", "ul", "ol", "dl", "li", "dt",
    "dd", "pre", "table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "hr", "br", "address", "figure",
    "figcaption", "details", "summary", "fieldset", "form", "center", "body", "html",
}  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def read_html(text: str, name: str) -> tuple[str, Outline]:
    """Title of the page (may be empty) and its outline. Broken markup is repaired as browsers do."""
    from lxml import etree

    # An XML declaration with an encoding is refused for text that is decoded already.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    # huge_tree: without it the parser drops all that is nested deeper than 256, and says nothing.
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.LxmlError as error:
        raise Unparsable(name, f"cannot be read as HTML ({error})") from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise Unparsable(name, "its HTML elements are nested more than 2,048 deep: broken, or made to do harm")
    if root is None:
        raise Unparsable(name, "has no text in it")
    title = root.find(".//title")
    outline = Outline()
    _Walk(outline).run(_main_part(root))
    return one_line("".join(title.itertext())) if title is not None else "", outline


def _main_part(root: Any) -> Any:
    """The element that the page itself calls its main part, if it is the only one."""
    found = root.xpath("//main | //*[@role='main']")
    return found[0] if len(found) == 1 and len("".join(found[0].itertext()).strip()) > 200 else root


def _is_skipped(element: Any) -> bool:
    if element.tag in _SKIPPED or element.get("role") in ("navigation", "search", "banner", "contentinfo"):
        return True
    if element.tag in ("html", "body", "main"):
        return False
    marks = f"{element.get('class') or ''} {element.get('id') or ''}".lower().split()
    return any(mark in _SKIPPED_MARKS for mark in marks)


def _is_data_table(table: Any) -> bool:
    """Rows of text, as opposed to a table that lays out a page."""
    return not any(
        element.tag in ("table", "pre", "ul", "ol", "dl") or element.tag in _HEADINGS
        for element in table.iterdescendants("table", "pre", "ul", "ol", "dl", *_HEADINGS)
    )


class _Walk:
    """Goes through the tree without recursion: nesting may be thousands deep."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.inline: list[str] = []  # text since the last block began
        self.prefix = ""

    def run(self, top: Any) -> None:
        stack: list[tuple[Any, bool]] = [(top, False)]
        while stack:
            element, leaving = stack.pop()
            if leaving:
                if element.tag in _BLOCKS:
                    self.flush()
                if element is not top and element.tail:
                    self.inline.append(element.tail)
                continue
            if not isinstance(element.tag, str) or (element is not top and _is_skipped(element)) or self.leaf(element):
                if element is not top and element.tail:
                    self.inline.append(element.tail)
                continue
            if element.tag in _BLOCKS:
                self.flush()
                if element.tag == "li":
                    self.prefix = "- "
            if element.text:
                self.inline.append(element.text)
            stack.append((element, True))
            stack.extend((child, False) for child in reversed(element))
        self.flush()

    def leaf(self, element: Any) -> bool:
        """Elements that are read as a whole."""
        if element.tag in _HEADINGS:
            self.flush()
            self.outline.heading(_HEADINGS[element.tag], _text(element).rstrip("¶#\u2191 "))
            return True
        if element.tag == "pre":
            self.flush()
            self.outline.block(clean_block("".join(element.itertext())))
            return True
        if element.tag == "table" and _is_data_table(element):
            self.flush()
            rows = [row(_text(cell) for cell in line.iter("td", "th")) for line in element.iter("tr")]
            caption = element.find("caption")
            lines = [_text(caption)] if caption is not None else []
            self.outline.block("\n".join(line for line in [*lines, *rows] if line))
            return True
        return False

    def flush(self) -> None:
        text = one_line("".join(self.inline))
        self.inline = []
        if not text:
            return
        if self.prefix:
            self.outline.line(self.prefix + text)
        else:
            self.outline.block(text)
        self.prefix = ""


def _text(element: Any) -> str:
    """Text of an element on one line, without scripts, styles and permanent links."""
    pieces: list[str] = []
    stack: list[tuple[Any, bool]] = [(element, False)]
    while stack:
        node, leaving = stack.pop()
        if leaving:
            pieces.append(node)
            continue
        if node is not element and node.tail:
            stack.append((node.tail, True))
        if not isinstance(node.tag, str) or (node is not element and _is_skipped(node)):
            continue
        if node.tag in _BLOCKS:
            pieces.append(" ")
        pieces.append(node.text or "")
        stack.extend((child, False) for child in reversed(node))
    return one_line("".join(pieces))
