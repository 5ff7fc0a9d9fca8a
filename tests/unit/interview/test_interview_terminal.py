"""The conversation: lines in, what is printed out, exit codes."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from sample_interview import SAMPLE
from typer.testing import CliRunner

from workbook.interview import speech
from workbook.interview.lines import Broken
from workbook.interview.log import files, read
from workbook.interview.session import Session
from workbook.interview.state import replay
from workbook.interview.terminal import Conversation

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "cli-json.md"


class Lines:
    """A source that gives prepared lines; a number in between lets so many seconds pass."""

    ticking = True

    def __init__(self, clock, *lines):
        self.clock, self.left = clock, list(lines)

    def read(self, status, prompt="> "):
        self.status = status()
        while self.left and not isinstance(self.left[0], str):
            step = self.left.pop(0)
            if isinstance(step, BaseException):
                raise step
            self.clock.now += step
        if not self.left:
            raise EOFError
        return self.left.pop(0)


def talk(clock, *lines, width=100, session=None):
    """(what was printed, session, source)."""
    session = session or Session(SAMPLE, clock=clock)
    console = Console(record=True, width=width, force_terminal=False, file=io.StringIO())
    source = Lines(clock, *lines)
    Conversation(session, source, console).run()
    return console.export_text(), session, source


@pytest.fixture
def cli(sample):
    from workbook.cli import app

    def call(*args, lines=()):
        return CliRunner().invoke(app, ["interview", *args], input="".join(f"{line}\n" for line in lines))

    return call


WHOLE = ("We need a million users a day", "next", "next", "follow", "400", "next", "next", "next", "8",
         "a million users", "0", "0")  # fmt: skip


def test_plain_text_is_a_note_even_if_it_begins_like_a_command(clock):
    lines = ("next we need a cache", "pause the rollout when errors rise", "estimate of the load: high", "note next")
    _, session, _ = talk(clock, *lines)
    assert session.state.own_lines() == [*lines[:3], "next"]
    assert len(session.state.entered) == 1


def test_a_question_gets_the_number_that_it_concerns(clock):
    printed, _, _ = talk(clock, "ask how many users are there?", "ask is it raining?")
    assert "1,000,000 users a day" in printed
    assert "yours to decide" in printed
    assert "200,000 dollars" not in printed


def test_the_new_figure_comes_after_the_estimate(clock):
    printed, session, _ = talk(clock, "next", "next", "follow")
    assert "Traffic grows tenfold" in printed
    assert "435" not in printed
    printed, session, _ = talk(clock, "next", "next", "follow", "400 replicas", "follow", "numbers")
    assert re.search(r"replicas +44 replicas +435 replicas", printed)
    assert "you said 400 replicas, computed 435 replicas" in printed
    assert "moved most" in printed
    assert "Unchanged: rate of a replica." in printed
    assert len(session.state.estimates) == 1


@pytest.mark.parametrize("width", [24, 40, 71, 72, 200])
def test_nothing_is_cut_off_on_a_narrow_terminal(clock, width):
    printed, _, _ = talk(clock, "next", "next", "follow", "400", "numbers", width=width)
    assert all(len(line) <= width for line in printed.splitlines())
    flat = " ".join(printed.split())
    # A table of five columns has no room below that.
    assert ("replicas: 44 → 435 replicas (×9.89)" in flat) == (width < 72)
    assert "435" in flat
    assert "moved most" in flat


def test_follow_ups_come_by_themselves_and_the_status_announces_them(clock):
    printed, session, _ = talk(clock, "next", "next", 190.0, "", 200.0, "", 200, "")
    assert "Traffic grows tenfold" in printed
    assert session.state.pending == 0
    session = Session(SAMPLE, clock=clock)
    conversation = Conversation(session, Lines(clock), Console(file=io.StringIO()))
    session.next()
    session.next()
    clock.now += 190
    assert "Enter: the interviewer" in conversation.status()


def test_a_pause_stops_the_clock_until_the_next_line(clock):
    printed, session, _ = talk(clock, 10, "a note of before", "pause", 500, "", 5, "a note of after")
    assert "Paused at 0:10" in printed
    assert session.elapsed == pytest.approx(15)


def test_after_the_time_one_more_line_is_taken_and_then_it_is_over(clock):
    printed, session, _ = talk(clock, 1795, "before the end", 10, "as it ends", 5, "the last sentence", "too late")
    assert session.state.own_lines() == ["before the end", "as it ends", "the last sentence"]
    assert session.state.ended == "time"
    assert "Finish your sentence" in printed
    assert "That was it" in printed


def test_what_stood_half_typed_at_ctrl_c_is_a_note(clock):
    session = Session(SAMPLE, clock=clock)
    with pytest.raises(KeyboardInterrupt):
        talk(clock, "whole line", Broken("half a sent"), session=session)
    assert session.state.own_lines() == ["whole line", "half a sent"]


@pytest.mark.parametrize("width", [10, 20, 30, 50, 80])
def test_the_status_fits_its_line_and_shows_the_time(session, clock, width):
    clock.to(session, 75)
    text = speech.status(session, width)
    assert len(text) <= width
    assert "1:15" in text


def test_a_whole_interview_by_pipe(cli, folder):
    result = cli("q1", lines=WHOLE)
    assert result.exit_code == 0, result.output
    (path,) = files("q1")
    state = replay(read(path))
    assert state.done
    assert state.total == 8
    assert "8 of 20 points" in path.with_suffix(".md").read_text()
    assert "8 of 20 points" in result.stdout


def test_an_interview_that_is_left_goes_on(cli):
    assert "--resume` goes on" in cli("q1", lines=WHOLE[:3]).stdout
    result = cli("q1", "--resume", lines=WHOLE[3:])
    assert result.exit_code == 0
    (path,) = files("q1")
    assert replay(read(path)).total == 8


def test_scores_that_were_not_finished_go_on_where_they_stopped(cli):
    cli("q1", lines=WHOLE[:-2])
    result = cli("q1", "--resume", lines=["0", "0"])
    assert "asks before designing" not in result.stdout
    (path,) = files("q1")
    assert replay(read(path)).total == 8


def test_a_wrong_quote_is_told_and_earns_nothing(cli):
    lines = [*WHOLE[:8], "8", "words nobody wrote", "", "4", "1", "0"]
    result = cli("q1", lines=lines)
    assert "the quote is not in the notes" in result.stdout
    assert "4 of 20 points" in result.stdout


def test_points_that_are_no_number_are_asked_for_again(cli):
    result = cli("q1", lines=[*WHOLE[:8], "many", "9", "-1", "8", "1", "0", "0"])
    assert result.stdout.count("a number from 0 to 8") == 3
    assert "8 of 20 points" in result.stdout


@pytest.mark.parametrize(
    ("args", "code", "named"),
    [
        ((), 2, "no question"),
        (("q1", "--minutes", "31"), 2, "--minutes 31"),
        (("q1", "--resume"), 2, "no unfinished"),
    ],
)
def test_a_wrong_command_line_is_told(cli, args, code, named):
    result = cli(*args)
    assert result.exit_code == code
    assert named in result.stderr


def test_an_unknown_question_is_a_usage_error():
    from workbook.cli import app

    for args in (["q9"], ["q9", "--list"]):
        result = CliRunner().invoke(app, ["interview", *args])
        assert result.exit_code == 2
        assert "q9" in result.stderr


def test_the_list_tells_how_each_one_stands(cli, folder):
    assert "No interviews" in cli("--list").stdout
    cli("q1", lines=WHOLE)
    cli("q1", lines=WHOLE[:2])
    (folder / "q1-99990101-000000.jsonl").write_text("{}\n")
    result = cli("--list")
    assert "8 points" in result.stdout
    assert "in high-level architecture: --resume" in result.stdout
    assert "99990101" in result.stderr
    assert result.exit_code == 0


def test_json_has_the_documented_names_and_nothing_else_on_standard_output(cli):
    result = cli("q1", "--json", lines=WHOLE)
    record = json.loads(result.stdout)
    text = DOCUMENT.read_text()
    body = re.search(r"^## interview\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]
    documented = {name for row in re.findall(r"^\| (`.*?) \|", body, re.M) for name in re.findall(r"`([^`]+)`", row)}
    (one,) = record["interviews"]
    found = set()
    for name, value in one.items():
        if isinstance(value, list):
            assert value, name
            found |= {f"interviews[].{name}[].{inner}" for inner in value[0]}
        else:
            found.add(f"interviews[].{name}")
    assert found == documented
    assert json.loads(cli("--list", "--json").stdout)["interviews"] == record["interviews"]
