"""The console script on a real pseudo-terminal: the clock runs while somebody types, Ctrl-C loses nothing."""

from __future__ import annotations

import os
import re
import signal
import sys
import time

import pytest
from lab_parts import ROOT, SAMPLES

from exercises.interviews.model import Phase
from workbook.interview.log import files, read
from workbook.interview.state import replay

pexpect = pytest.importorskip("pexpect")

SCRIPT = """
import sys
from sample_interview import SAMPLE
import exercises.interviews.catalogue as catalogue
catalogue.interview_of = lambda question: SAMPLE
from workbook.cli import app
app()
"""


class Terminal:
    """Answers what prompt_toolkit asks a terminal, and keeps what it prints without its control sequences."""

    def __init__(self, columns, *args):
        path = os.pathsep.join([str(ROOT), str(SAMPLES)])
        env = {**os.environ, "PYTHONPATH": path, "TERM": "xterm-256color", "WORKBOOK_PROGRESS": "off"}
        command = ["-c", SCRIPT, "interview", *args]
        self.child = pexpect.spawn(sys.executable, command, env=env, dimensions=(24, columns), encoding="utf-8")
        self.text, self._rest = "", ""

    def pump(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                got = self.child.read_nonblocking(65536, timeout=0.05)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                return
            # A read may end within a control sequence: its beginning waits for the rest.
            got, self._rest = re.fullmatch(r"(.*?)((?:\x1b(?:\[[0-9;?]*)?)?)", self._rest + got, re.DOTALL).groups()
            for _ in range(got.count("\x1b[6n")):
                self.child.send("\x1b[1;1R")
            self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", got)

    def until(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            if time.monotonic() > end:
                pytest.fail(f"{pattern!r} did not come:\n{self.text[-2000:]}")
            self.pump(0.2)

    def until_kept(self, true, what, seconds=20):
        """Until `true` holds of the interview as its file has it: what was typed is handled whenever it is."""
        end = time.monotonic() + seconds
        while not true(replay(read(files("q1")[-1]))):
            if time.monotonic() > end:
                pytest.fail(f"{what!r} was not kept:\n{self.text[-2000:]}")
            self.pump(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [100, 40])
def test_the_clock_runs_while_somebody_types_and_ctrl_c_keeps_the_half_line(interviews, columns):
    terminal = Terminal(columns, "q1")
    terminal.until("What do you want")
    terminal.until(r"0:0\d ?/ ?2:00")
    terminal.child.send("half a sentence")
    terminal.until("half a sentence")
    before, until, drawn = len(terminal.text), time.monotonic() + 20, []
    # Only what changed is drawn anew: the last digit of both clocks, once a second.
    while (len(drawn) < 6 or len(set(drawn)) < 3) and time.monotonic() < until:
        terminal.pump(0.1)
        drawn = re.findall(r"\d", terminal.text[before:])
    assert len(drawn) >= 6, terminal.text[before:]
    assert len(set(drawn)) >= 3
    terminal.child.sendcontrol("c")
    terminal.until("--resume")
    terminal.pump(20)  # to its end
    terminal.child.wait()
    assert terminal.child.exitstatus == 130
    (path,) = files("q1")
    assert replay(read(path)).notes == {Phase.CLARIFY: "half a sentence"}


@pytest.mark.slow
def test_what_was_entered_survives_kill_9_and_goes_on(interviews):
    terminal = Terminal(100, "q1")
    terminal.until("What do you want")
    for line, came in (
        ("a million users a day", lambda state: "a million users" in state.words()),
        ("next", lambda state: state.phase is Phase.ARCHITECTURE),
        ("the gateway keeps the sessions", lambda state: "the gateway keeps" in state.words()),
    ):
        terminal.child.send(line + "\r")
        terminal.until_kept(came, line)
    terminal.child.kill(signal.SIGKILL)
    terminal.child.wait()
    again = Terminal(100, "q1", "--resume")
    again.until("We go on after")
    again.child.send("notes\r")
    again.until("gateway keeps the sessions")
    again.child.send("quit\r")
    again.until("Not finished")
    (path,) = files("q1")
    state = replay(read(path))
    assert state.phase is Phase.ARCHITECTURE
    assert state.words() == "a million users a day\n\nthe gateway keeps the sessions"
