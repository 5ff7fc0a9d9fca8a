"""A reader's first half hour: `workbook lab`, the index, a notebook with a slider, an exercise wrong and right."""

from __future__ import annotations

import json
import math
import re

import pytest
from study_lab_parts import PERSON, SMALL, run_all, started, until

from exercises.catalogue import exercise
from exercises.drawing import variant
from exercises.progress import store
from workbook.lab import workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
EXERCISE = "q1-kv-per-token"


def base(address: str) -> str:
    return address.split("/lab")[0]


def token(address: str) -> str:
    return address.split("token=")[1]


def open_layout(page, address):
    page.goto(address)
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) h1").first.wait_for(timeout=90_000)


def test_the_workspace_opens_the_index_with_its_contents_beside_it(address, page, tmp_path):
    open_layout(page, address)
    contents = page.locator("#table-of-contents")
    contents.get_by_text("When something fails").wait_for(timeout=30_000)
    page.get_by_text("| Idle").wait_for(timeout=90_000)
    page.screenshot(path=tmp_path / "index.png")
    assert page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)").count() == 1
    assert page.locator(".jp-RenderedMarkdown").get_by_text("Serve an LLM to one million users").is_visible()
    page.locator(".jp-SideBar [data-id=filebrowser]").click()
    files = page.locator("#filebrowser")
    files.get_by_text("q4_moderation.ipynb").wait_for(timeout=20_000)
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0, "no pop-up asks for anything"
    assert page.said == []


def test_the_index_runs_and_opens_the_notebook_that_has_the_section(address, page, tmp_path):
    open_layout(page, address)
    run_all(page, page.get_by_text(re.compile(r"question 7: \d+ holds")))
    page.get_by_text("Nothing is kept yet").first.wait_for()
    page.screenshot(path=tmp_path / "index-ran.png", full_page=True)
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    page.get_by_role("link", name="its prefix cache").click()
    until(lambda: reads(page, "4.4 The KV-prefix cache"), "a notebook that was not open opens at the section")
    page.screenshot(path=tmp_path / "section.png")
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="index.ipynb").click()
    page.locator("tr", has_text="8. Exercises").get_by_role("link").nth(3).click()
    until(lambda: reads(page, "8. Exercises", "Question 4"), "also at one far below")
    page.screenshot(path=tmp_path / "far-section.png")
    assert page.said == []


def reads(page, heading, title=""):
    """Whether the notebook in front shows the cell that the heading opens, in the upper half or just above its edge.

    Cells above are drawn later than the scrolling and move it by some lines.
    """
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    cell = panel.locator(".jp-MarkdownCell", has=page.locator("h2, h3", has_text=heading))
    if not cell.count() or not panel.locator("h1", has_text=title).count():
        return False
    outer, place = panel.locator(".jp-WindowedPanel-outer").bounding_box(), cell.first.bounding_box()
    if outer is None or place is None:  # not drawn, just now
        return False
    return place["y"] - outer["y"] < 450 and place["y"] + place["height"] > outer["y"] - 100


def test_a_slider_moves_the_figure_and_an_exercise_is_marked(address, page, home, tmp_path, monkeypatch):
    page.goto(f"{base(address)}/lab/tree/{SMALL}?token={token(address)}")
    table = page.locator(".jp-OutputArea-output").get_by_text("cheapest 70B").first
    run_all(page, table)
    page.locator(".jp-OutputArea-output").get_by_text("not attempted").first.wait_for(timeout=30_000)

    slider = page.get_by_role("slider").first
    row = page.locator("tr", has_text="cheapest 70B").first
    before = row.inner_text()
    slider.focus()
    for _ in range(6):
        slider.press("ArrowRight")
    until(lambda: row.inner_text() != before, "the design follows the slider")
    page.screenshot(path=tmp_path / "slider.png")

    monkeypatch.setenv("WORKBOOK_PROGRESS", str(home / "progress.sqlite3"))
    right = right_answers()
    first = next(iter(right))
    answer(page, right | {first: right[first] * 2})
    points = re.compile(r"([\d.]+) of ([\d.]+) points")
    page.locator(".jp-OutputArea-output").filter(has_text=points).first.wait_for(timeout=30_000)
    said = page.locator(".jp-OutputArea-output").filter(has_text=points).first
    earned, of = points.search(said.inner_text()).groups()
    assert float(earned) < float(of)
    assert f"{right[first]:.6g}" not in said.inner_text(), "a check never says the answer"
    page.screenshot(path=tmp_path / "wrong.png")

    answer(page, right)
    until(lambda: len(set(points.search(said.inner_text()).groups())) == 1, "the right answer earns all points")
    page.screenshot(path=tmp_path / "right.png")
    kept = store.attempts(EXERCISE)
    assert [one.share == 1 for one in kept] == [False, True]
    assert page.said == []


def right_answers():
    """As somebody would give them: a whole number where one is asked for."""
    one = exercise(EXERCISE)
    exact = one.answers(variant(one, PERSON, 1))
    rounded = {"": lambda value: value, "up": math.ceil, "down": math.floor}
    return {ask.name: rounded[ask.whole](exact[ask.name]) for ask in one.asks}


def answer(page, values):
    """Write the check's cell anew and run it, as somebody who types would."""
    cell = page.locator(".jp-CodeCell").filter(has_text="kv_per_token.check(").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(f"kv_per_token.check({', '.join(f'{name}={value!r}' for name, value in values.items())})")
    page.keyboard.press("Shift+Enter")


def test_a_changed_layout_is_there_after_a_restart(project, tmp_path, browser, page):
    with started(project, tmp_path) as address:
        open_layout(page, address)
        page.locator("#table-of-contents").get_by_text("When something fails").wait_for(timeout=60_000)
        page.locator(".jp-SideBar [data-id=filebrowser]").click()
        (file,) = (tmp_path / "ai-design-workbook" / "lab" / "workspaces").iterdir()
        assert file == workspace.layout_file(tmp_path / "ai-design-workbook" / "lab")
        until(lambda: '"current":"filebrowser"' in file.read_text(), "the change is saved")
    saved = json.loads(file.read_text())
    with started(project, tmp_path) as address:
        assert json.loads(file.read_text()) == saved
        tab = browser.new_context().new_page()
        open_layout(tab, address)
        tab.locator("#filebrowser").get_by_text("q4_moderation.ipynb").wait_for(timeout=60_000)
        assert not tab.locator("#table-of-contents").is_visible()
    assert not (tmp_path / "settings").exists(), "nothing was written among the reader's settings"
