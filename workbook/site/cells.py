"""An executed notebook as markup, by nbconvert and the template in templates/cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbook.site.body import Body
from workbook.site.markdown import Headings, renderer

TEMPLATES = Path(__file__).with_name("templates")


def render(executed: Path, source_folder: Path) -> Body:
    """The body of an executed notebook. source_folder: where pictures of its markdown lie."""
    import nbformat
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor

    from workbook.runner.widgets import freeze
    from workbook.values import MEDIA_TYPE

    notebook = nbformat.read(executed, as_version=4)
    freeze(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # recorded values are for programs; the front lists them
            cell.outputs = [output for output in cell.outputs if list(output.get("data", {})) != [MEDIA_TYPE]]
    # One box for what was printed line by line.
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})
    headings = Headings()
    resources = {"metadata": {"name": executed.stem, "path": str(source_folder)}}
    text, _ = exporter(headings).from_notebook_node(notebook, resources=resources)
    return Body(text, tuple(headings.found), frozenset(headings.anchors))


def exporter(headings: Headings) -> Any:
    """nbconvert's HTML exporter with the template of the site; it notes sections and ids in `headings`."""
    from jinja2 import pass_context
    from nbconvert.exporters.html import HTMLExporter
    from nbconvert.filters.markdown_mistune import MarkdownWithMath

    from workbook.site.outputs import figure_html, is_aligned, table_html

    class Exporter(HTMLExporter):
        @pass_context
        def markdown2html(self, context: Any, source: str) -> str:
            return self.marked_up(context, source, headings)

        @pass_context
        def output_markdown(self, context: Any, source: str) -> str:
            return self.marked_up(context, source, None)

        def marked_up(self, context: Any, source: str, into: Headings | None) -> str:
            own = renderer(
                into,
                attachments=context.get("cell", {}).get("attachments", {}),
                path=context.get("resources", {}).get("metadata", {}).get("path", ""),
                **self.lexer_options,
            )
            text = str(MarkdownWithMath(renderer=own).render(source))
            return text.replace("<table>", '<div class="wb-scroll"><table>').replace("</table>", "</table></div>")

        def default_filters(self) -> Any:
            yield from super().default_filters()
            yield "output_markdown", self.output_markdown
            yield "aligned", lambda text: " wb-aligned" if is_aligned(text) else ""
            yield "rich", lambda markup: table_html(markup, headings)
            yield (
                "figure",
                lambda output: figure_html(
                    output.data["image/png"], output.get("metadata", {}).get("image/png", {}), headings
                ),
            )

    return Exporter(template_name="cells", extra_template_basedirs=[str(TEMPLATES)])
