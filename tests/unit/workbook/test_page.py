from __future__ import annotations

import html
import re
from base64 import b64encode
from hashlib import sha256

import nbformat
import nbformat.v4 as v4
import pytest

from workbook.runner.diagrams import DiagramError, formula_html, mermaid_html, mermaid_sources, mermaid_svg
from workbook.runner.execute import Outcome
from workbook.runner.page import write_page
from workbook.runner.widgets import STATE, VIEW, freeze
from workbook.site.build import shown_value
from workbook.values import MEDIA_TYPE

FLOW = 'flowchart LR\n  U[1M users] -->|HTTPS| G["Gateway<br/>limits"]\n  G --> R[(Redis)]'


def page_of(tmp_path, *cells) -> str:
    executed = tmp_path / "q1_x.ipynb"
    nbformat.write(v4.new_notebook(cells=list(cells)), executed)
    return written(executed)


def written(executed) -> str:
    outcome = Outcome("q1_x", "Serve <an> LLM", None, "passed", 1.0, 1, {}, executed)
    return write_page(outcome, executed.parent).read_text()


def html_output(markup: str):
    return v4.new_output("display_data", data={"text/html": markup})


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        FLOW,
        "sequenceDiagram\n  Client->>Gateway: POST",
        "stateDiagram-v2\n  [*] --> Closed",
        "gantt\n  section A\n  a: 1, 2d",
    ],
)
def test_a_diagram_is_drawn_without_a_script(source):
    svg = mermaid_svg(source)
    assert svg.lstrip().startswith("<svg")
    assert "<script" not in svg


@pytest.mark.slow
def test_a_diagram_s_labels_are_its_text_for_readers_who_hear_it():
    assert 'alt="Diagram: 1M users, HTTPS, Gateway limits, Redis"' in mermaid_html(FLOW)


@pytest.mark.slow
def test_a_broken_diagram_shows_its_source_and_why():
    with pytest.raises(DiagramError, match="Parse error on line 2"):
        mermaid_svg("flowchart LR\n  A --> [broken")
    shown = mermaid_html("flowchart LR\n  A --> [<broken>")
    assert "cannot be drawn" in shown
    assert "[&lt;broken&gt;" in shown


def test_fences_are_found_in_backticks_and_tildes():
    text = "# A\n```mermaid\nflowchart LR\n  A-->B\n```\n```python\nx\n```\n~~~mermaid\npie\n~~~\n"
    assert mermaid_sources(text) == ["flowchart LR\n  A-->B", "pie"]


def test_a_formula_becomes_mathml():
    assert formula_html(r"\frac{1}{\mu - \lambda}", block=True).startswith("<math")


@pytest.mark.slow
def test_a_page_runs_no_script_of_an_output_and_asks_no_server(tmp_path):
    page = page_of(
        tmp_path,
        v4.new_markdown_cell(f"# A\n\n$E = mc^2$ costs \\$2\n\n```mermaid\n{FLOW}\n```"),
        v4.new_code_cell("1", outputs=[html_output("<b>x</b><script>evil()</script>")]),
    )
    assert "evil()" not in page
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])
    assert all(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy for script in scripts)
    assert "<math" in page
    assert "data:image/svg+xml;base64," in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]+', page) == []
    assert "costs $2" in page


def test_a_title_is_text_and_not_markup(tmp_path):
    page = page_of(tmp_path, v4.new_code_cell("1"))
    assert "<title>Serve &lt;an&gt; LLM</title>" in page


def test_recorded_values_are_not_printed_and_do_not_warn(tmp_path, recwarn):
    output = v4.new_output("display_data", data={MEDIA_TYPE: {"name": "secret-name"}})
    page = page_of(tmp_path, v4.new_code_cell("record()", outputs=[output]))
    assert "secret-name" not in page
    assert [w for w in recwarn if "not able to be represented" in str(w.message)] == []


def test_a_slider_shows_its_setting_and_what_it_drew():
    state = {
        "box": {"state": {"children": ["IPY_MODEL_users", "IPY_MODEL_out", "IPY_MODEL_box"]}},
        "users": {"state": {"description": "users <M>", "value": 1000000}},
        "out": {"state": {"outputs": [{"output_type": "stream", "name": "stdout", "text": "18 GPUs\n"}]}},
    }
    view = v4.new_output("display_data", data={VIEW: {"model_id": "box"}, "text/plain": "interactive(...)"})
    notebook = v4.new_notebook(cells=[v4.new_code_cell("interact()", outputs=[view])])
    notebook.metadata["widgets"] = {STATE: {"state": state}}
    freeze(notebook)
    note, drawn = notebook.cells[0].outputs
    assert "users &lt;M&gt; = 1,000,000" in note.data["text/html"]
    assert drawn.text == "18 GPUs\n"
    assert "widgets" not in notebook.metadata


def test_a_widget_whose_state_was_lost_leaves_a_note():
    view = v4.new_output("display_data", data={VIEW: {"model_id": "gone"}})
    notebook = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=[view])])
    freeze(notebook)
    assert "Open the notebook" in notebook.cells[0].outputs[0].data["text/html"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1000000, "1,000,000"), (0.123456, "0.1235"), (75600.4, "75,600"), (True, "True"), ("A10G", "A10G"), ([1], "[1]")],
)
def test_values_are_shown_short(value, text):
    assert shown_value(value) == text


def test_a_page_shows_what_a_slider_drew_without_its_script(tmp_path):
    state = {"out": {"state": {"outputs": [{"output_type": "stream", "name": "stdout", "text": "18 GPUs"}]}}}
    view = v4.new_output("display_data", data={VIEW: {"model_id": "out"}, "text/plain": "interactive(...)"})
    executed = tmp_path / "q1_x.ipynb"
    notebook = v4.new_notebook(cells=[v4.new_code_cell("interact()", outputs=[view])])
    notebook.metadata["widgets"] = {STATE: {"state": state}}
    nbformat.write(notebook, executed)
    page = written(executed)
    assert "18 GPUs" in page
    assert "Open the notebook to change it" in page
    assert "interactive(...)" not in page
