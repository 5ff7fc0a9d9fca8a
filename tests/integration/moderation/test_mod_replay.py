from __future__ import annotations

from pathlib import Path

import pytest

from reference.moderation.experiments.replay import replay
from reference.moderation.record import SqliteDecisionLog
from reference.moderation.types import ModerationError, Post

FAKES = Path(__file__).parents[2] / "unit" / "moderation"


@pytest.fixture
def fakes(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    return "mod_parts_fakes:rules_moderator"


def posts(count):
    return [Post(f"r{i}", "rule:spam" if i % 50 == 0 else f"text {i}") for i in range(count)]


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(fakes, tmp_path):
    result = replay(
        posts(6000), rate=6000, kill_after=0.4, per_message=50, moderator=fakes, folder=tmp_path, claim_after_s=0.3
    )
    assert (result.killed, result.lost, result.duplicated, result.unmeasured) == (1, 0, 0, 0)
    assert result.actions == {"approve": 5880, "reject": 120}
    log = SqliteDecisionLog(tmp_path / "decisions.db")
    log.verify()
    assert log.counts()["statements"] == 120
    assert 0 < result.p50_ms <= result.p99_ms <= result.max_ms


def test_a_worker_that_cannot_start_says_why(monkeypatch):
    with pytest.raises(ModerationError, match="did not start"):
        replay(posts(10), workers=1, moderator="no_such_module:x")
    with pytest.raises(ModerationError, match="take over"):
        replay(posts(10), workers=1, kill_after=0.5)
