"""Fixtures that every test may ask for. The engine is started once for the whole run and stopped at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def engine() -> Iterator:
    """The shared vLLM engine; stopped at the end only if this run started it."""
    from reference.serving.engine import shared_engine, status

    was_up = status().phase in ("ready", "starting", "external")
    started = shared_engine(progress=None)
    yield started
    if not was_up:
        started.stop()
