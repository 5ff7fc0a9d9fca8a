"""The HTML page of an executed notebook: one file, no scripts, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_TEMPLATE = """{% extends 'index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_css %}<style>
main { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
.wb-diagram { margin: 1em 0; overflow-x: auto; }
.wb-diagram img { max-width: 100%; height: auto; }
.wb-broken { border-left: 4px solid #c53030; padding-left: 1em; }
.wb-control { color: #555; font-style: italic; }
.wb-back { font-family: sans-serif; font-size: 90%; }
</style>{% endblock %}
{% block body_header %}{{ super() }}
<p class="wb-back"><a href="index.html">All notebooks of this run</a></p>
{% endblock %}
"""


def exporter() -> Any:
    """nbconvert's HTML exporter with diagrams and formulas drawn at export."""
    from jinja2 import pass_context
    from nbconvert.exporters.html import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

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

    class Exporter(HTMLExporter):
        @pass_context
        def markdown2html(self, context: Any, source: str) -> str:
            renderer = Renderer(
                escape=False,
                attachments=context.get("cell", {}).get("attachments", {}),
                embed_images=True,
                path=context.get("resources", {}).get("metadata", {}).get("path", ""),
                anchor_link_text=self.anchor_link_text,
                exclude_anchor_links=self.exclude_anchor_links,
                **self.lexer_options,
            )
            return str(MarkdownWithMath(renderer=renderer).render(source))

    return Exporter(raw_template=_TEMPLATE, embed_images=True)


def write_page(executed: Path, title: str, source_folder: Path) -> Path:
    """Write NAME.html beside the executed notebook; return it. source_folder: where pictures of its markdown lie."""
    import nbformat

    from workbook.runner.widgets import freeze
    from workbook.values import MEDIA_TYPE

    notebook = nbformat.read(executed, as_version=4)
    notebook.metadata["title"] = title
    freeze(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # recorded values are for programs; the index lists them
            cell.outputs = [output for output in cell.outputs if list(output.get("data", {})) != [MEDIA_TYPE]]
    resources = {"metadata": {"name": executed.stem, "path": str(source_folder)}}
    text, _ = exporter().from_notebook_node(notebook, resources=resources)
    page = executed.with_suffix(".html")
    page.write_text(text, encoding="utf-8")
    return page
