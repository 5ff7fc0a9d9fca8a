"""A clock that stands until it is moved, and a folder for the files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sample_interview import SAMPLE

from workbook.interview.log import Log
from workbook.interview.session import Session


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def to(self, session, seconds):
        """Move on until the interview is `seconds` old."""
        self.now += seconds - session.elapsed


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_INTERVIEWS", str(tmp_path / "interviews"))
    monkeypatch.setenv("WORKBOOK_PROGRESS", "off")
    for name in ("URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"WORKBOOK_SECOND_OPINION_{name}", raising=False)
    return tmp_path / "interviews"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def session(clock):
    """Without a file."""
    return Session(SAMPLE, clock=clock)


@pytest.fixture
def kept(clock):
    """With a file; closed at the end."""
    made = Session(SAMPLE, log=Log.create("q1"), clock=clock)
    yield made
    made.close()


@pytest.fixture
def sample(monkeypatch):
    """`interview_of` gives the sample, whatever is asked for."""
    import exercises.interviews.catalogue as catalogue

    monkeypatch.setattr(catalogue, "interview_of", lambda question: SAMPLE)
    return SAMPLE
