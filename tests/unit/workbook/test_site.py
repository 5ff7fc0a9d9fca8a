"""The site of a run: made from small notebooks, and read as a browser would read it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).parent))
from site_parts import broken_links, listed, png, write_executed

from workbook.errors import UsageError
from workbook.runner.execute import Failure, Outcome
from workbook.runner.run import Run, write_report
from workbook.site import claims as claims_page
from workbook.site.badges import badge_html
from workbook.site.body import Body, page_name
from workbook.site.folder import read_run
from workbook.site.frame import stylesheet
from workbook.site.markdown import Headings, link_html, renderer, resolve
from workbook.site.outputs import figure_html, is_aligned, table_html


@pytest.fixture(scope="module")
def ledger():
    """Question 6's part: the whole ledger takes seconds."""
    from reference.sizing.claims import claims

    return tuple(claims(6))


@pytest.fixture
def few_claims(monkeypatch, ledger):
    monkeypatch.setattr(claims_page, "ledger", lambda: ledger)


@pytest.fixture
def folder(tmp_path, ledger):
    write_executed(tmp_path, ledger)
    return tmp_path


@pytest.fixture
def site(folder, few_claims):
    """name -> parsed page."""
    write_report(read_run(folder, listed(folder), folder))
    return {path.name: BeautifulSoup(path.read_text(), "lxml") for path in folder.glob("*.html")}


def test_a_folder_of_executed_notebooks_becomes_a_site_in_the_order_of_the_listing(site):
    assert set(site) == {"index.html", "index_notebook.html", "q6_six.html", "q9_nine.html", "claims.html"}
    titles = ["This run", "Start here", "6. Six agents", "q9_nine", "The usual answers, recomputed"]
    for page in site.values():
        assert [a.text for a in page.select(".wb-pages > li > a")] == titles


def test_every_page_marks_itself_and_shows_its_own_sections_only(site):
    page = site["q6_six.html"]
    assert [a.text for a in page.select("[aria-current=page]")] == ["6. Six agents"]
    assert [a.text for a in page.select(".wb-outline a")] == ["2. Size it"]


def test_every_link_and_picture_of_the_site_leads_somewhere(site, folder):
    assert broken_links(folder) == []


@pytest.mark.parametrize(
    ("markup", "complaint"),
    [
        ('<a href="gone.html">x</a>', "no file for gone.html"),
        ('<a href="#gone">x</a>', "no anchor for #gone"),
        ('<a href="index.html#gone">x</a>', "no anchor for index.html#gone"),
        ('<img src="a.png" alt="x">', "img from 'a.png'"),
        ('<img src="data:,">', "a picture without a description"),
        ('<p id="a"></p><p id="a"></p>', "id 'a' twice"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path, markup, complaint):
    (tmp_path / "index.html").write_text("<p>x</p>")
    (tmp_path / "page.html").write_text(markup)
    assert broken_links(tmp_path) == [f"page.html: {complaint}"]


@pytest.mark.parametrize(
    ("text", "aligned"),
    [
        ("refund       give me back\ndelivery     still waiting\n", True),
        ("\x1b[31ma\x1b[0m  1\n\x1b[31mb\x1b[0m  2\ntotal\n", True),
        ("\u250c\u2500\u2510\n\u2502x\u2502\n", True),
        ("one\ttwo\nthree\tfour\n", True),
        ("a sentence that is printed. " * 9, False),
        ("  indented lines of prose\n  are no columns\n", False),
        ("one line  with a gap\n", False),
        ("mostly prose\nin lines\nof words\na  1\nb  2\n", False),
        ("", False),
    ],
)
def test_text_is_kept_unwrapped_only_where_it_stands_in_columns(text, aligned):
    assert is_aligned(text) is aligned


def test_what_stands_in_columns_is_marked_and_prose_is_not(site):
    marked = [("wb-aligned" in pre["class"], pre.text[:3]) for pre in site["q6_six.html"].select("pre.wb-stream")]
    assert marked == [(False, "0 0"), (True, "arm")]


def test_previous_and_next_lead_along_the_order(site):
    page = site["q6_six.html"]
    assert page.select("a[rel=prev]")[0].get("href") == "index_notebook.html"
    assert page.select("a[rel=next]")[0].get("href") == "q9_nine.html"
    assert not site["index.html"].select("a[rel=prev]")
    assert not site["claims.html"].select("a[rel=next]")


def test_a_link_to_a_notebook_leads_to_its_page_and_one_outside_the_run_is_text(site):
    page = site["index_notebook.html"]
    assert [a.get("href") for a in page.select(".wb-output a")] == ["q6_six.html#cell-id=section-2"]
    assert [s.text for s in page.select(".wb-absent")] == ["seven"]


def test_the_front_keeps_status_times_values_and_machine_readable_files(site):
    front = site["index.html"].get_text()
    assert "Run of 3 notebooks:" in front
    assert site["index.html"].select("h1 .wb-failed")
    assert "ZeroDivisionError: x" in front
    links = {a.get("href") for a in site["index.html"].select("a")}
    assert {"run.json", "values.json", "claims.html", "q6_six.html", "#values-q6_six"} <= links
    [row] = site["index.html"].select(".wb-values tbody tr")
    assert row.get_text(" ").split() == ["cost", "3.5", "dollar", "MEASURED", "4"]
    assert row.select(".wb-badge")[0].get("title") == "here, n=3"


def test_the_front_explains_every_badge(site):
    from workbook.site.badges import BADGES

    assert [b.text for b in site["index.html"].select(".wb-legend .wb-badge")] == list(BADGES)


def test_a_failed_notebook_says_so_on_its_page_and_in_the_navigation(site):
    assert "ZeroDivisionError" in site["q9_nine.html"].select(".wb-failure")[0].get_text()
    assert [li.select("a")[0].text for li in site["claims.html"].select(".wb-pages > li") if "failed" in
            li.get_text()] == ["q9_nine"]  # fmt: skip


def test_every_claim_leads_to_its_row_in_the_notebook(site, ledger):
    rows = site["claims.html"].select("#wb-claims tbody tr")
    assert [row.get("id") for row in rows] == [claim.id for claim in ledger]
    ids = {tag["id"] for tag in site["q6_six.html"].select("[id]")}
    for row, claim in zip(rows, ledger, strict=True):
        assert row.select("td a")[0].get("href") == f"q6_six.html#claim-{claim.id}"
        assert f"claim-{claim.id}" in ids
        assert row.get("data-verdict") == claim.verdict


def test_a_claim_that_an_older_notebook_lacks_leads_to_the_section_that_sizes(ledger):
    from workbook.site.body import Section
    from workbook.site.frame import Entry

    body = Body("", (Section(1, "Six", "Six"), Section(2, "2. Size it", "2.-Size-it?")), frozenset())
    row = claims_page._row(ledger[0], (Entry("q6.html", "6"), body))
    assert row.link == "q6.html#2.-Size-it%3F"
    assert claims_page._row(ledger[0], None).link == ""


def test_claims_are_sorted_by_question_and_counted(monkeypatch):
    import dataclasses

    from reference.sizing import claims as real

    one = real.claims(6)[:2]
    mixed = [one[0], dataclasses.replace(one[1], question=2)]
    monkeypatch.setattr(real, "claims", lambda: mixed)
    claims_page.ledger.cache_clear()
    try:
        assert [claim.question for claim in claims_page.ledger()] == [2, 6]
        assert sum(claims_page.verdicts().values()) == 2
        assert list(claims_page.verdicts()) == list(claims_page.VERDICTS)
    finally:
        claims_page.ledger.cache_clear()


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no executed notebook"):
        read_run(tmp_path, [], tmp_path)


@pytest.mark.slow
def test_what_run_json_says_of_a_failure_is_kept(folder, few_claims):
    run = read_run(folder, listed(folder), folder)
    run.notebooks[1].status = "failed"
    run.notebooks[1].failure = Failure("timeout", 2, "2. Size it", "draw()", "TimeoutError", "still running")
    run.profile, run.machine = (
        "ci",
        {"cpu": "a CPU", "cores": 2, "memory_gb": 4, "gpus": [], "python": "3", "packages": {}},
    )
    write_report(run)
    again = read_run(folder, listed(folder), folder)
    assert again.notebooks[1].failure == run.notebooks[1].failure
    assert again.to_dict() == run.to_dict()


def test_a_run_of_nothing_has_a_front(tmp_path, few_claims):
    write_report(Run("ci", tmp_path, "2026-01-01", machine={}))
    assert "Run of 0 notebooks" in (tmp_path / "index.html").read_text()
    assert not (tmp_path / "claims.html").exists()


@pytest.mark.slow
def test_an_unfinished_notebook_is_a_failed_one(folder, few_claims):
    node = nbformat.read(folder / "q6_six.ipynb", 4)
    del node.metadata["papermill"]["duration"]
    nbformat.write(node, folder / "q6_six.ipynb")
    outcome: Outcome = read_run(folder, listed(folder), folder).notebooks[1]
    assert (outcome.status, outcome.failure.error) == ("failed", "NotFinished")


def test_a_notebook_called_like_a_page_of_the_site_gives_way():
    assert [page_name(name) for name in ("index", "claims", "q1_x")] == [
        "index_notebook.html", "claims_notebook.html", "q1_x.html",
    ]  # fmt: skip


def test_a_figure_is_shown_with_its_description_and_its_size():
    shown = figure_html(png(), {"alt": 'Cost "now" <b>'}, Headings())
    assert 'alt="Cost &quot;now&quot; &lt;b&gt;"' in shown
    assert 'width="800" height="300"' in shown


def test_a_figure_that_nobody_described_says_where_it_stands():
    headings = Headings()
    headings.add(2, "Costs", "Costs")
    assert 'alt="Figure without a description, in section Costs"' in figure_html("AAAA", {}, headings)


def test_badges_look_alike_wherever_they_come_from():
    from reference.sizing.evidence import Cited

    want = badge_html("CITED", "A book (date unknown)")
    shown = table_html(f"<p>{Cited('A book').badge_html()} said <td>so</td></p>", Headings())
    assert want in shown
    assert badge_html("CITED") in table_html("<table><tr><td> CITED </td></tr></table>", Headings())
    assert "wb-badge" not in table_html("<p>CITED by others</p>", Headings())


def test_colours_of_our_tables_have_names_and_other_colours_keep_a_white_ground():
    ours = table_html("<p style='text-align:left;color:#c53030'>x</p>", Headings())
    assert "color:var(--red)" in ours
    assert "wb-light" not in ours
    assert "wb-light" in table_html("<p style='color:#123456'>x</p>", Headings())
    assert "wb-light" in table_html("<style>td { background-color: yellow }</style><p>x</p>", Headings())
    assert "wb-light" not in table_html("<style>td { text-align: left }</style><p>x</p>", Headings())


@pytest.mark.parametrize(
    "markup",
    [
        "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<iframe srcdoc='alert(1)'></iframe>",
        "<a href='javascript:alert(1)'>x</a>", "<form action='http://x'><input></form>alert(1)"[:38],
    ],
)  # fmt: skip
def test_what_an_output_would_run_is_left_out(markup):
    shown = table_html(f"<p>{markup} text</p>", Headings())
    assert "alert(1)" not in shown
    assert "action" not in shown


def test_a_wide_table_scrolls_in_itself_and_an_inner_one_with_it():
    shown = table_html("before<table><tr><td><table></table></td></tr></table>after", Headings())
    assert shown.count("wb-scroll") == 1
    assert re.search(r"before<div class=\"wb-scroll\"><table>.*</table></div>after", shown)


def test_an_output_s_id_that_the_page_has_already_is_dropped():
    headings = Headings()
    headings.add(2, "Costs", "Costs")
    assert "id=" not in table_html("<p id='Costs'>x</p>", headings)
    assert 'id="other"' in table_html("<p id='other'>x</p>", headings)


def test_two_headings_of_one_name_have_links_of_their_own():
    from nbconvert.filters.markdown_mistune import MarkdownWithMath

    headings = Headings()
    shown = MarkdownWithMath(renderer=renderer(headings)).render("## Costs & `gains`\n\n## Costs & `gains`")
    assert [s.title for s in headings.found] == ["Costs & gains"] * 2
    first, second = (s.anchor for s in headings.found)
    assert first != second
    assert [tag["id"] for tag in BeautifulSoup(shown, "lxml").select("h2")] == [first, second]


@pytest.mark.parametrize(
    ("url", "kept"),
    [("https://x.example/a?b&c", True), ("#Costs", True), ("../README.md", False), ("/etc/passwd", False),
     ("javascript:x", False), ("data:text/html,x", False), ("../q1.ipynb", False)],
)  # fmt: skip
def test_only_links_that_work_on_the_site_stay_links(url, kept):
    assert ("href" in link_html("x", url)) is kept


def test_a_link_to_a_notebook_keeps_its_fragment():
    assert resolve(link_html("<b>x</b>", "q1_a.ipynb#Costs"), {"q1_a": "q1_a.html"}) == (
        '<a href="q1_a.html#Costs"><b>x</b></a>'
    )


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def pairs(css: str) -> dict[str, tuple[str, str]]:
    found = re.findall(r"([-\w .]+?)\s*[:{][^:{};]*?(?:color:\s*)?light-dark\((#\w{6}), (#\w{6})\)", css)
    return {name.strip(): (light, dark) for name, light, dark in found}


def test_letters_stand_out_in_both_modes():
    colours = pairs(stylesheet())
    letters = {name: both for name, both in colours.items() if name not in ("--ground", "--panel", "--line", "--focus")}
    assert {"--ink", "--muted", "--link", "--red", ".highlight .c", ".highlight .k"} <= set(letters)
    weak = [
        f"{name} on {ground}, {('light', 'dark')[mode]}: {contrast(both[mode], colours[ground][mode]):.2f}"
        for name, both in letters.items()
        for ground in ("--ground", "--panel")
        for mode in (0, 1)
        if contrast(both[mode], colours[ground][mode]) < 4.5
    ]
    assert weak == []


def test_badges_stand_out_with_white_letters():
    grounds = re.findall(r"\.wb-(derived|measured|simulated|cited) \{ background: (#\w{6})", stylesheet())
    assert len(grounds) == 4
    assert [name for name, colour in grounds if contrast(colour, "#ffffff") < 4.5] == []
