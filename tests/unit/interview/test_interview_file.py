"""Whatever ends the process, the file holds what happened, and an interview goes on from it."""

from __future__ import annotations

import json

import pytest
from sample_interview import SAMPLE

from exercises.interviews.model import Phase
from workbook.errors import WorkbookError
from workbook.interview.finding import unfinished
from workbook.interview.log import Log, files, read
from workbook.interview.report import markdown, record_of
from workbook.interview.session import Session
from workbook.interview.state import replay


def state_of(session):
    state = replay(read(session.log.path))
    assert state.timeline
    return state


def held(session, clock):
    """An interview with everything in it, up to the phase of scaling."""
    session.ask("How many users?")
    session.note("A million users | a day")
    session.estimate("peak load", 300.0)
    clock.to(session, 100)
    session.next()
    session.write("gateway\nengine")
    session.next()
    session.question()
    clock.to(session, 700)
    session.put_follow_up()
    session.estimate("replicas", 400.0)
    session.next()


def test_every_action_is_on_disk_when_it_returns(kept, clock):
    held(kept, clock)
    state = state_of(kept)
    for name in (
        "phase",
        "entered",
        "notes",
        "asked",
        "estimates",
        "changes",
        "numbers",
        "figures",
        "seen",
        "questions",
    ):
        assert getattr(state, name) == getattr(kept.state, name), name


def test_an_interview_goes_on_where_its_file_ends(kept, clock):
    held(kept, clock)
    kept.close()
    clock.now += 10_000
    again = Session.resume(SAMPLE, kept.log.path, clock)
    assert again.phase is Phase.SCALING
    assert again.elapsed == pytest.approx(700)
    assert again.state.numbers == {"users": 10_000_000}
    clock.now += 5
    assert again.in_phase == pytest.approx(5)
    again.close()


def test_a_pause_is_over_when_the_interview_goes_on(kept, clock):
    clock.to(kept, 40)
    kept.pause()
    kept.close()
    again = Session.resume(SAMPLE, kept.log.path, clock)
    clock.now += 3
    assert again.elapsed == pytest.approx(43)
    again.close()


def test_a_follow_up_that_was_cut_off_after_its_estimate_is_run_again(kept, clock):
    kept.next()
    kept.next()
    kept.put_follow_up()
    kept.keep("estimate", figure="replicas", unit="replicas", value=400.0, follow_up=0)  # and then the power went
    kept.close()
    again = Session.resume(SAMPLE, kept.log.path, clock)
    assert again.state.estimates[0].computed == 435
    assert again.state.pending is None
    again.close()


def test_a_torn_last_line_costs_that_line_alone(kept, clock):
    kept.note("the first note of all")
    kept.close()
    with kept.log.path.open("a") as file:
        file.write('{"kind": "note", "at": 3, "te')
    again = Session.resume(SAMPLE, kept.log.path, clock)
    again.note("the second one")
    again.close()
    assert replay(read(kept.log.path)).notes[Phase.CLARIFY] == "the first note of all\nthe second one"


@pytest.mark.parametrize("line", ["[1]", "{", '{"at": 3}', '"note"'])
def test_a_damaged_line_is_named(kept, clock, line):
    kept.close()
    with kept.log.path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(WorkbookError, match="line 4"):
        Session.resume(SAMPLE, kept.log.path, clock)


@pytest.mark.parametrize(
    "event", [{"kind": "follow_up", "index": 99, "figure": "x", "at": 1}, {"kind": "phase", "phase": "?", "at": 1},
              {"kind": "note", "at": 1}, {"kind": "design", "figures": [{"colour": 1}]}],
)  # fmt: skip
def test_an_event_that_fits_no_interview_is_refused_with_the_files_name(kept, clock, event):
    kept.close()
    with kept.log.path.open("a") as file:
        file.write(json.dumps(event) + "\n")
    with pytest.raises(WorkbookError, match=kept.log.path.stem):
        Session.resume(SAMPLE, kept.log.path, clock)
    Log(kept.log.path).close()  # the refusal let go of the file


def test_one_file_is_open_once(kept, clock):
    with pytest.raises(WorkbookError, match="open elsewhere"):
        Session.resume(SAMPLE, kept.log.path, clock)


def test_the_clock_is_kept_while_nothing_happens(kept, clock):
    for _ in range(600):
        clock.now += 1
        kept.beat()
    assert replay(read(kept.log.path)).at >= 585
    assert len(read(kept.log.path)) < 60


def test_interviews_of_one_second_have_files_of_their_own(folder):
    logs = [Log.create("q1") for _ in range(5)]
    assert len(files("q1")) == 5
    for log in logs:
        log.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("WORKBOOK_INTERVIEWS", str(tmp_path / "taken"))
    with pytest.raises(WorkbookError, match="taken"):
        Log.create("q1")


def test_the_latest_unfinished_interview_is_found_past_damaged_ones(kept, folder):
    (folder / "q1-99990101-000000.jsonl").write_text("no event\n")
    assert unfinished("q1") == kept.log.path
    assert unfinished("q2") is None
    kept.finish()
    assert unfinished("q1") == kept.log.path
    kept.settle()
    assert unfinished("q1") is None


def test_the_report_holds_all_that_happened(kept, clock):
    held(kept, clock)
    kept.finish()
    kept.score("asks before designing", 8, "a million users | a day")
    kept.score("knows what fails", 4, "never written anywhere")
    text = markdown(kept.state, SAMPLE)
    assert "## Rubric: 8 of 20 points so far" in text
    assert "the quote is not in the notes" in text
    assert "> A million users | a day" in text
    assert "> gateway" in text
    assert "A million users \\| a day" in text  # in the table of the timeline
    assert "| replicas | after follow-up 1 | 400 replicas | 435 replicas | 0.92 |" in text
    assert "| peak load |  | 300 requests/s | 347.2 requests/s | 0.864 |" in text
    assert "| deep dive | 10:00 | 15:00 |" in text
    assert "peak load moved most" in text
    assert "The fleet grows alike" in text
    assert "Not put this time" in text


def test_the_record_of_an_interview_has_its_ratios(kept, clock):
    held(kept, clock)
    record = record_of(kept.log.path)
    assert record["stage"] == "running"
    assert [one["ratio"] for one in record["estimates"]] == pytest.approx([300 / (1e7 / 86400 * 3), 400 / 435])
    assert record["total"] is None
    json.dumps(record, allow_nan=False)
