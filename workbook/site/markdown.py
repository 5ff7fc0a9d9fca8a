"""Markdown cells as markup: headings that are sections, diagrams and formulas drawn, links between notebooks."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from workbook.site.badges import BADGES, badge_html
from workbook.site.body import Section

if TYPE_CHECKING:
    from nbconvert.filters.markdown_mistune import IPythonRenderer


class Headings:
    """The sections of one notebook in order; an anchor that two headings share is told apart by a number."""

    def __init__(self) -> None:
        self.found: list[Section] = []
        self.anchors: set[str] = set()

    def unique(self, anchor: str) -> str:
        name, number = anchor, 1
        while name in self.anchors:
            number += 1
            name = f"{anchor}-{number}"
        self.anchors.add(name)
        return name

    def add(self, level: int, title: str, anchor: str) -> str:
        name = self.unique(anchor)
        self.found.append(Section(level, title, name))
        return name

    @property
    def current(self) -> str:
        return self.found[-1].title if self.found else ""


def renderer(headings: Headings | None, **settings: Any) -> IPythonRenderer:
    """nbconvert's renderer with our pictures. headings: where sections are noted, None in an output."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer

    from workbook.runner.diagrams import formula_html, mermaid_html

    class Renderer(IPythonRenderer):
        def block_mermaidjs(self, code: str) -> str:
            return mermaid_html(code.strip())

        def inline_math(self, body: str) -> str:
            return formula_html(body, block=False)

        def block_math(self, body: str) -> str:
            return formula_html(body, block=True)

        def latex_environment(self, name: str, body: str) -> str:
            return formula_html(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)

        def heading(self, text: str, level: int, **attrs: Any) -> str:
            markup = super().heading(text, level, **attrs)
            found = re.search(r'<h\d id="([^"]*)">(.*)<a class="anchor-link"', markup, re.DOTALL)
            if headings is None or found is None:
                return f"<h{level}>{text}</h{level}>\n"
            title = html.unescape(re.sub(r"<[^>]+>", "", found[2]))
            anchor = html.escape(headings.add(level, title, html.unescape(found[1])), quote=True)
            # For the mouse only: whoever hears the page has the list of sections.
            link = f'<a class="wb-anchor" href="#{anchor}" aria-hidden="true" tabindex="-1">#</a>'
            return f'<h{level} id="{anchor}">{found[2]}{link}</h{level}>\n'

        def link(self, text: str, url: str, title: str | None = None) -> str:
            return link_html(text, url)

        def strong(self, text: str) -> str:
            return badge_html(text) if text in BADGES else str(super().strong(text))

    return Renderer(escape=False, embed_images=True, **settings)


def link_html(text: str, url: str) -> str:
    """A link that works on the site; text alone where it would lead to a file that the site does not have.

    Links to notebooks are resolved when the site's notebooks are known (`resolve`). `text` is markup, `url` is not.
    """
    parts = urlsplit(url)
    href = html.escape(url, quote=True)
    if parts.path.endswith(".ipynb") and not parts.scheme and "/" not in parts.path:
        return f'<a class="wb-notebook" href="{href}">{text}</a>'
    if parts.scheme in ("http", "https"):
        return f'<a href="{href}" rel="noopener noreferrer">{text}</a>'
    if url.startswith("#") or parts.scheme == "mailto":
        return f'<a href="{href}">{text}</a>'
    return f'<span class="wb-absent">{text}</span>'


def resolve(markup: str, pages: dict[str, str]) -> str:
    """Links to notebooks, led to their pages. pages: notebook name -> page; a notebook without one stays as text."""

    def lead(found: re.Match[str]) -> str:
        name, _, fragment = found[1].partition("#")
        page = pages.get(name.removesuffix(".ipynb"))
        if page is None:
            return f'<span class="wb-absent" title="not part of this run">{found[2]}</span>'
        return f'<a href="{page}{"#" + fragment if fragment else ""}">{found[2]}</a>'

    return re.sub(r'<a class="wb-notebook" href="([^"]*)">(.*?)</a>', lead, markup, flags=re.DOTALL)
