"""Markdown (CommonMark with tables) through markdown-it-py's token stream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reference.rag.parsing.outline import Outline, clean_block, one_line, row

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n(?:---|\.\.\.)\s*\n", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


def read_markdown(text: str) -> tuple[str, Outline]:
    """The title of a YAML front matter (else empty) and the outline. Embedded HTML counts as its text."""
    from markdown_it import MarkdownIt

    title = ""
    if front := _FRONT_MATTER.match(text):
        found = _FRONT_TITLE.search(front[1])
        title = found[1] if found else ""
        text = text[front.end() :]
    outline = Outline()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    cells: list[str] = []
    in_cell = in_list = False
    table_begins = False
    heading = 0
    for token in tokens:
        if token.type == "heading_open":
            heading = int(token.tag[1])
        elif token.type == "heading_close":
            heading = 0
        elif token.type == "table_open":
            table_begins = True
        elif token.type == "tr_open":
            cells = []
        elif token.type in ("td_open", "th_open"):
            in_cell = True
        elif token.type in ("td_close", "th_close"):
            in_cell = False
        elif token.type == "tr_close":
            (outline.block if table_begins else outline.line)(row(cells))
            table_begins = False
        elif token.type == "list_item_open":
            in_list = True
        elif token.type in ("fence", "code_block"):
            outline.block(clean_block(token.content))
        elif token.type == "html_block":
            outline.block(_text_of_html(token.content))
        elif token.type == "inline":
            content = one_line(_inline(token))
            if heading:
                outline.heading(heading, content)
            elif in_cell:
                cells.append(content)
            elif in_list:
                outline.line("- " + content)
                in_list = False
            else:
                outline.block(content)
    return title, outline


def _inline(token: Token) -> str:
    pieces = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            pieces.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            pieces.append(" ")
        elif child.type == "image":
            pieces.append(child.content)  # its description
    return "".join(pieces)


def _text_of_html(content: str) -> str:
    from reference.rag.parsing.from_html import read_html
    from reference.rag.parsing.limits import Unparsable

    try:
        inner: Any = read_html(content, "html")[1]
    except Unparsable:
        return ""
    # Headings inside embedded HTML are mostly banners: their text counts, their level does not.
    return "\n".join([*([inner.first_heading] if inner.first_heading else []), *(s.text for s in inner.sections(""))])
