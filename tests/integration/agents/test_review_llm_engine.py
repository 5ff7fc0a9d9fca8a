"""The tiers on the real small model: it answers in the schema, and whatever it says is checked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reference.agents.interfaces import Context
from reference.agents.llm import OpenAIModel, Triage, headline, objection, show
from reference.agents.types import (
    Agent,
    AgentReport,
    Change,
    ChangedFile,
    DiffLine,
    Finding,
    Hunk,
    Role,
    Severity,
    Status,
)
from reference.sizing import files

# Named by import, not by path: a module that moves fails when tests are collected, which the fast tests do too.
SOURCE = Path(files.__file__)
PATIENCE_S = 120.0  # what a busy machine may need: no test is about how fast the engine is


def change() -> Change:
    lines = SOURCE.read_text().splitlines()
    hunk = Hunk(0, 0, 1, len(lines), tuple(DiffLine("added", text, None, n) for n, text in enumerate(lines, 1)))
    file = ChangedFile("files.py", "added", Role.SOURCE, "python", hunks=(hunk,), after=SOURCE.read_text())
    return Change("o/r", "a", "b", (file,), title="Write files whole")


@pytest.mark.engine
def test_a_small_model_gives_a_line_that_passes_the_check_or_none(engine):
    one = asyncio.run(_with(engine, lambda model: headline(change(), model, PATIENCE_S)))
    assert one.reply is not None
    assert one.reply.output_tokens > 0
    assert bool(one.text) != bool(one.dropped)
    assert not one.text or objection(one.text, show(change(), ["files.py"]).text + "Write files whole") == ""


@pytest.mark.engine
def test_triage_by_a_small_model_keeps_every_finding(engine):
    found = tuple(
        Finding(Agent.QUALITY, "quality/proposed", Severity.WARNING, "files.py", n, n, {"claim": "c"}) for n in (14, 18)
    )
    report = AgentReport(Agent.QUALITY, found)
    context = Context(change(), ("files.py",), timeout_s=PATIENCE_S)
    better = asyncio.run(_with(engine, lambda model: Triage().improve(context, report, model, 1.0)))
    assert better.status is Status.OK, better.reason
    assert [one.line for one in better.findings] == [14, 18]
    assert better.calls == 1
    assert better.input_tokens > 100


async def _with(engine, use):
    return await use(OpenAIModel.of_engine(engine))
