"""Mermaid diagrams and formulas as static markup, so that a page needs neither scripts nor a network.

`mermaidx` runs mermaid.js itself inside an embedded JavaScript engine: what it draws is what JupyterLab shows.
"""

from __future__ import annotations

import base64
import html
import re

_FENCE = re.compile(r"^(```+|~~~+)\s*mermaid[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)


class DiagramError(ValueError):
    """A diagram that mermaid cannot read; the message is mermaid's."""


def mermaid_sources(markdown: str) -> list[str]:
    """The mermaid fences of a markdown text."""
    return [match[2].strip() for match in _FENCE.finditer(markdown)]


def mermaid_svg(source: str) -> str:
    """The diagram as an SVG text; DiagramError with mermaid's message if it cannot be read."""
    import mermaidx

    try:
        return str(mermaidx.render(source).svg())
    except RuntimeError as error:
        raise DiagramError(re.sub(r"^Mermaid rendering failed: (Error: )?", "", str(error))) from None


def mermaid_html(source: str) -> str:
    """A <figure> with the diagram; where mermaid cannot read it, its source and why."""
    try:
        svg = mermaid_svg(source)
    except DiagramError as error:
        return (
            f'<div class="wb-broken"><p>This diagram cannot be drawn: <code>{html.escape(str(error))}</code></p>'
            f"<pre>{html.escape(source)}</pre></div>"
        )
    # An <img>: every SVG has the same ids and styles, which would meet each other if they stood in the page itself.
    data = base64.b64encode(svg.encode()).decode()
    width = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+)', svg)
    # A wide diagram shrinks to the page, but not until its labels are illegible; then it scrolls.
    size = f' width="{float(width[1]):.0f}" style="min-width: {0.5 * float(width[1]):.0f}px"' if width else ""
    alt = html.escape(f"Diagram: {_labels(source)}", quote=True)
    return f'<figure class="wb-diagram"><img src="data:image/svg+xml;base64,{data}"{size} alt="{alt}"></figure>'


def formula_html(tex: str, block: bool) -> str:
    """A formula as MathML, which browsers draw by themselves; its TeX source where it cannot be converted."""
    from latex2mathml.converter import convert

    try:
        return str(convert(tex, display="block" if block else "inline"))
    except Exception:  # the converter has no common base for its errors
        return f"<code>{html.escape(tex)}</code>"


def _labels(source: str) -> str:
    """The diagram's texts in order, for readers who hear the page."""
    texts = re.findall(
        r'[\[({|>]+"?([^"\[\](){}|<>]+(?:<br\s*/?>[^"\[\](){}|<>]+)*)"?[\])}|]+|:\s*([^\n]+)$', source, re.M
    )
    words = [re.sub(r"<br\s*/?>", " ", (a or b)).strip() for a, b in texts]
    return ", ".join(dict.fromkeys(word for word in words if word)) or source.split("\n")[0]
