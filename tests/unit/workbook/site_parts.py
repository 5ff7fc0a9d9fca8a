"""A run of three small notebooks for the tests of the site, and a look at whether its links lead anywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import nbformat.v4 as v4
from bs4 import BeautifulSoup
from PIL import Image

from workbook.figures.q1_sizing import claims_table
from workbook.runner.listing import Notebook
from workbook.values import MEDIA_TYPE

_LONG_LINE = "print('a line that no phone is wide enough for', " + ", ".join(map(str, range(60))) + ")  # why"

_COLUMNS = ("arm        requests" + " " * 60 + "last_name\n", "baseline   590" + " " * 65 + "v1.0\n")


def png(width: int = 800, height: int = 300) -> str:
    """A white picture in base64."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def output(**data):
    return v4.new_output("display_data", data={name.replace("_", "/", 1): value for name, value in data.items()})


def write_executed(folder: Path, ledger) -> None:
    """An executed index, question 6 with its claims and a figure, and question 9, which failed."""
    start = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# Start\n\n## Questions"),
            v4.new_code_cell(
                "", outputs=[output(text_markdown="[six](q6_six.ipynb#cell-id=section-2), [seven](q7_seven.ipynb)")]
            ),
        ]
    )
    figure = output(image_png=png())
    figure.metadata = {"image/png": {"alt": "Chart. Cost. Vertical axis: dollars, 0 to 3."}}
    value = {"name": "cost", "value": 3.5, "unit": "dollar", "evidence": {"kind": "MEASURED", "summary": "here, n=3"}}
    broad = f"<div style='width: 1000px'>broad</div><p>{'word' * 200}</p>"
    wide = broad + "<table><tr>" + "".join(f"<td>column{number}</td>" for number in range(40)) + "</tr></table>"
    six = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# Six\n\n**DERIVED** and **bold**, $x^2$"),
            v4.new_markdown_cell(
                "## 2. Size it\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
                "```mermaid\nflowchart LR\n  A[ask] --> B[answer]\n```\n\nSee [above](#2.-Size-it).",
                id="section-2",
            ),
            v4.new_code_cell(_LONG_LINE, outputs=[v4.new_output("stream", name="stdout", text="0 " * 300)]),
            v4.new_code_cell("claims_table()", outputs=[output(text_html=str(claims_table(ledger)))]),
            v4.new_code_cell("wide()", outputs=[output(text_html=wide)]),
            v4.new_code_cell("draw()", outputs=[figure, output(**{MEDIA_TYPE.replace("/", "_", 1): value})]),
            v4.new_code_cell(
                "columns()", outputs=[v4.new_output("stream", name="stdout", text=line) for line in _COLUMNS]
            ),
        ]
    )
    trace = [
        "\x1b[31mZeroDivisionError\x1b[39m Traceback",
        "\x1b[38;5;28;01mraise\x1b[39;00m x \x1b[38;5;66m# why\x1b[39m",
    ]
    error = v4.new_output("error", ename="ZeroDivisionError", evalue="x", traceback=trace)
    nine = v4.new_notebook(cells=[v4.new_code_cell("1 / 0", outputs=[error])])
    for name, node, failed in (("index", start, None), ("q6_six", six, None), ("q9_nine", nine, True)):
        node.metadata["papermill"] = {"start_time": "2026-01-01T00:00:00", "duration": 2.0, "exception": failed}
        nbformat.write(node, folder / f"{name}.ipynb")


def listed(folder: Path) -> list[Notebook]:
    """A listing that leaves q9_nine out."""
    return [
        Notebook(folder / f"{name}.ipynb", title, question, (), 1, 0, {})
        for name, title, question in (("index", "Start here", None), ("q6_six", "Six agents", 6))
    ]


def broken_links(folder: Path) -> list[str]:
    """Links of a site that lead nowhere: a file or an anchor that is not there, a picture outside of its page."""
    soups = {path.name: BeautifulSoup(path.read_text(encoding="utf-8"), "lxml") for path in folder.glob("*.html")}
    ids = {name: [tag["id"] for tag in soup.select("[id]")] for name, soup in soups.items()}
    found = [
        f"{name}: id {one!r} twice" for name, all_of in ids.items() for one in set(all_of) if all_of.count(one) > 1
    ]
    for name, soup in soups.items():
        found += [f"{name}: {text}" for text in _broken(name, soup, ids, folder)]
    return found


def _broken(name: str, soup: BeautifulSoup, ids: dict[str, list[str]], folder: Path) -> Iterator[str]:
    for tag in soup.select("a[href]"):
        parts = urlsplit(tag["href"])
        if parts.scheme in ("http", "https"):
            continue
        file, anchor = unquote(parts.path) or name, unquote(parts.fragment)
        if parts.scheme or "/" in file or not (folder / file).is_file():
            yield f"no file for {tag['href']}"
        elif anchor and not anchor.startswith("verdict=") and anchor not in ids.get(file, []):
            yield f"no anchor for {tag['href']}"
    for tag in soup.select("img, script[src], link[href], iframe, source, video"):
        address = tag.get("src") or tag.get("href") or ""
        if not address.startswith("data:"):
            yield f"{tag.name} from {address!r}"
        if tag.name == "img" and not tag.get("alt"):
            yield "a picture without a description"
