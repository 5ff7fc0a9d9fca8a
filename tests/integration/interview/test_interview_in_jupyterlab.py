"""The panel as a reader meets it: JupyterLab in a real browser, a kernel, the mouse and the keyboard."""

from __future__ import annotations

import json
import re
import time

import pytest
from lab_parts import ROOT, TOKEN, notebook

pytestmark = pytest.mark.slow

CELL = "from sample_interview import SAMPLE\nfrom workbook.interview import interview\ninterview(SAMPLE)"


def run_all(page, url, name):
    """Open a notebook and run it. Run All does nothing while the kernel starts, so: wait for idle, and try again."""
    page.goto(f"{url}/lab/tree/notebooks/{name}?token={TOKEN}")
    page.get_by_text("| Idle").wait_for(timeout=40_000)
    for _ in range(5):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            page.get_by_role("button", name="Begin").wait_for(timeout=20_000)  # a busy machine imports for long
            return
        except Exception:
            page.keyboard.press("Escape")
    pytest.fail("the cell showed no panel")


def seconds(page) -> int:
    minutes, rest = page.locator(".wb-clock").first.inner_text().split(":")
    return 60 * int(minutes) + int(rest)


def until(true, what, timeout=10.0):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.1)
    pytest.fail(f"did not happen: {what}")


def test_an_interview_is_held_in_jupyterlab(lab, page, interviews):
    url, folder = lab
    (folder / "notebooks" / "mock.ipynb").write_text(notebook(CELL))
    shots = ROOT / "runs" / "interview"
    shots.mkdir(parents=True, exist_ok=True)
    run_all(page, url, "mock.ipynb")
    assert not list(interviews.glob("*.jsonl")), "nothing is kept before Begin"

    page.get_by_role("button", name="Begin").click()
    page.locator(".wb-clock").first.wait_for()
    began = seconds(page)
    until(lambda: seconds(page) >= began + 2, "the clock ticks")

    page.get_by_placeholder("Ask the interviewer").fill("how many users are there?")
    page.get_by_placeholder("Ask the interviewer").press("Enter")
    page.get_by_text("1,000,000 users a day").first.wait_for()
    page.get_by_placeholder("Your notes").fill("A million users a day, ten messages each")
    (kept,) = interviews.glob("*.jsonl")
    until(lambda: "ten messages each" in kept.read_text(), "the note is on disk without a press")

    page.get_by_role("button", name="Next phase").click()
    page.get_by_text("Draw me the parts").wait_for()
    page.screenshot(path=shots / "1-architecture.png")
    page.get_by_role("button", name="Next phase").click()
    page.get_by_role("button", name=re.compile("Follow-up")).click()
    page.get_by_text("Traffic grows tenfold").first.wait_for()
    assert page.get_by_text("435 replicas").count() == 0, "the new figure is not shown before the estimate"
    page.get_by_placeholder("12, 1.5e6, 40k").fill("400")
    page.get_by_role("button", name=re.compile("Estimate$")).click()
    page.get_by_text("435 replicas").first.wait_for()
    page.get_by_text("moved most").wait_for()  # the table comes after what is said, in a message of its own
    assert page.get_by_text("44 replicas").count() > 0
    assert page.get_by_text("moved most").count() == 1
    page.screenshot(path=shots / "2-follow-up.png")

    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").wait_for()
    stood = seconds(page)
    time.sleep(1.5)
    assert seconds(page) == stood
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Next phase").click()
    page.get_by_text("Now it grows").wait_for()
    page.get_by_role("button", name="Next phase").click()
    page.get_by_role("button", name="Finish").click()

    page.get_by_text("Score yourself").wait_for()
    quotes = page.get_by_placeholder("Quote:")
    points = page.locator("select").filter(has_text="of 8")
    points.first.select_option("8 of 8")
    quotes.first.fill("words that nobody wrote")
    quotes.first.press("Tab")
    page.get_by_text("the quote is not in the notes").wait_for()
    quotes.first.fill("ten MESSAGES each")
    quotes.first.press("Tab")
    page.get_by_text("8 of 20 points").wait_for()
    page.get_by_role("button", name="Keep my scores").click()
    page.get_by_text("Kept.").wait_for()
    page.screenshot(path=shots / "3-rubric.png")
    events = [json.loads(line) for line in kept.read_text().splitlines()]
    assert events[-1]["kind"] == "done"
    assert events[-1]["total"] == 8
    assert "A million users a day" in kept.with_suffix(".md").read_text()
