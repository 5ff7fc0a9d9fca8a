"""The panel without a browser: its controls, its clock, and what a cell that is only executed shows."""

from __future__ import annotations

import asyncio

import pytest
from sample_interview import SAMPLE

from workbook.interview import interview
from workbook.interview.log import files, read
from workbook.interview.panel_desk import DEBOUNCE_S, Desk
from workbook.interview.session import Session
from workbook.interview.state import replay


@pytest.fixture
def panel(folder):
    made = interview(SAMPLE)
    yield made
    made.close()


def everything(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def shown(panel):
    return " ".join(str(getattr(one, "value", "")) for one in everything(panel.widget))


def kept():
    (path,) = files("q1")
    return replay(read(path))


def test_a_cell_that_runs_shows_a_panel_and_begins_nothing(panel, folder):
    assert not folder.exists()
    assert panel._ticking is None
    assert "application/vnd.jupyter.widget-view+json" in panel._repr_mimebundle_()
    assert [one.description for one in everything(panel.widget) if hasattr(one, "description")].count("Begin") == 1


def test_an_unknown_question_and_a_wrong_length_are_refused():
    from exercises.model import ExerciseError
    from workbook.errors import UsageError

    with pytest.raises(ExerciseError, match="q9"):
        interview("q9")
    with pytest.raises(UsageError, match="31"):
        interview(SAMPLE, minutes=31)


def test_the_interviewer_opens_however_long_the_page_takes_to_come(session, clock):
    clock.now += 3
    desk = Desk(session, lambda: None)
    assert SAMPLE.opening in desk.speech.value
    assert "We go on" not in desk.speech.value


def test_who_goes_on_at_once_is_told_so_and_hears_no_opening(kept, clock):
    kept.close()
    again = Session.resume(SAMPLE, kept.log.path, clock)
    desk = Desk(again, lambda: None)
    assert "We go on after 0:00" in desk.speech.value
    assert SAMPLE.opening not in desk.speech.value
    again.close()


@pytest.mark.slow
async def test_the_clock_ticks_on_the_loop_and_stops_when_closed(panel):
    panel.begin()
    first = panel._page.clock.value
    await asyncio.sleep(1.3)
    assert panel._page.clock.value != first
    task = panel._ticking
    panel.close()
    await asyncio.sleep(0)
    assert task.cancelled() or task.done()


@pytest.mark.slow
async def test_a_clock_that_stands_does_not_spin(panel):
    panel.begin()
    ticks = 0
    real = panel._page.tick

    def counted():
        nonlocal ticks
        ticks += 1
        real()

    panel._page.tick = counted
    panel._page.toggle_pause()
    await asyncio.sleep(1.2)
    assert ticks <= 6


@pytest.mark.slow
async def test_notes_are_saved_when_the_typing_stops(panel):
    panel.begin()
    desk, loop = panel._page, asyncio.get_running_loop()
    # Nothing is awaited while it is typed, so no timer can come between, however long a letter takes.
    for end in range(1, 30):
        waiting, typed_at = desk._saving, loop.time()
        desk.notes.value = "A million users, ten messages"[:end]
        assert waiting is None or waiting.cancelled(), "the wait counts from the last letter, not from the first"
        assert desk._saving.when() >= typed_at + DEBOUNCE_S
    assert kept().notes == {}
    await asyncio.sleep(DEBOUNCE_S + 0.1)
    (event,) = [one for one in read(files("q1")[0]) if one["kind"] == "notes"]
    assert event["text"] == "A million users, ten messages"


async def test_what_is_typed_last_is_saved_by_any_press(panel):
    panel.begin()
    panel._page.notes.value = "typed a moment ago"
    panel._page.act(panel._page.next_phase)
    assert list(kept().notes.values()) == ["typed a moment ago"]
    assert panel._page.notes.value == ""
    assert "typed a moment ago" in panel._page.earlier.value


async def test_a_follow_up_shows_its_table_after_the_estimate_alone(panel):
    panel.begin()
    desk = panel._page
    for action in (desk.next_phase, desk.next_phase, desk.put_follow_up):
        desk.act(action)
    assert tuple(desk.figure.options) == ("replicas",)
    assert "435" not in shown(panel)
    desk.value.value = "many"
    desk.act(desk.estimate)
    assert "435" not in shown(panel)
    desk.value.value = "0.4k"
    desk.act(desk.estimate)
    assert "435" in desk.table.value
    assert kept().estimates[0].value == 400


async def test_what_was_typed_is_shown_as_text(panel):
    panel.begin()
    desk = panel._page
    desk.question.value = "<img src=x onerror=alert(1)> users"
    desk.notes.value = "<script>alert(1)</script>"
    desk.act(desk.ask)
    desk.act(desk.next_phase)
    assert "<img" not in shown(panel)
    assert "<script>" not in desk.earlier.value
    assert "&lt;img" in shown(panel)


async def test_a_fault_of_the_design_is_said_and_the_notes_are_kept(panel, monkeypatch):
    panel.begin()
    desk = panel._page
    desk.notes.value = "a note that must not be lost"

    def broken():
        raise RuntimeError("out of <b>range</b>")

    desk.act(broken)
    assert "out of &lt;b&gt;range" in desk.speech.value
    assert "must not be lost" in str(kept().notes)


async def test_running_the_cell_again_closes_the_first_panel_and_offers_to_go_on(panel):
    panel.begin()
    panel._page.notes.value = "from the first panel"
    again = interview(SAMPLE)
    assert panel.session is None
    labels = [one.description for one in everything(again.widget) if hasattr(one, "description")]
    assert any(label.startswith("Go on with") for label in labels)
    again.resume()
    assert again._page.notes.value == "from the first panel"
    again.close()


async def test_the_time_ends_the_interview_after_a_grace_for_the_last_sentence(panel):
    panel.begin()
    desk, watch = panel._page, panel.session.watch
    watch._base = 1801
    desk.tick()
    assert "Finish your sentence" in desk.speech.value
    desk.notes.value = "the last sentence of all"
    watch._base = 1832
    desk.tick()
    assert kept().ended == "time"
    assert "the last sentence of all" in str(kept().notes)
    assert "Score yourself" in shown(panel)


async def test_scores_are_kept_as_they_are_given_and_final_when_kept(panel, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "progress.sqlite3"))
    panel.begin()
    panel._page.notes.value = "A million users, ten messages each"
    for _ in range(5):
        panel._page.act(panel._page.next_phase)
    row = panel._page.rows[0]
    row.points.value = 8.0
    assert "no quote" in row.verdict.value
    assert kept().total == 0
    row.quote.value = "ten messages"
    assert row.verdict.value == ""
    assert kept().total == 8
    panel._page.keep()
    panel._page.keep()
    assert kept().done
    assert files("q1")[0].with_suffix(".md").is_file()

    from exercises.progress import interviews

    (one,) = interviews("q1")
    assert (one.total, one.of) == (8, 20)


async def test_no_second_opinion_is_offered_by_default(panel):
    panel.begin()
    for _ in range(5):
        panel._page.act(panel._page.next_phase)
    assert [one.description for one in panel._page.buttons.children] == ["Keep my scores"]
