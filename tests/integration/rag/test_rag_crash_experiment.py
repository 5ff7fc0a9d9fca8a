"""The notebook's crash experiment, on the real indexes."""

from __future__ import annotations

import pytest

from reference.rag.experiments.crash import kill_and_resume
from reference.rag.types import Document, RagError, Section


def documents(n):
    return [
        Document(f"d{i}", f"d{i}", "text", "", (Section((f"d{i}",), f"Number {i} is known by word{i}. " * 60),), "")
        for i in range(n)
    ]  # fmt: skip


@pytest.mark.slow  # three ingestions
def test_a_killed_ingestion_ends_as_if_never_killed():
    crash = kill_and_resume(documents(8), window=8)
    assert 0 < crash.killed_at < crash.chunks
    assert crash.embedded_after < crash.chunks  # what was done before is not done again
    assert crash.intact


def test_an_ingestion_that_is_over_before_the_kill_is_said():
    with pytest.raises(RagError, match="more documents"):
        kill_and_resume(documents(1), kill_after=50)
