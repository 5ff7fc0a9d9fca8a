"""The shared engine around a run: up before the first notebook that needs it, stopped after if this run started it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbook.errors import WorkbookError
from workbook.runner.listing import Notebook

Say = Callable[[str], None]


@contextmanager
def engine_for(notebooks: list[Notebook], say: Say) -> Iterator[None]:
    """Start or attach to the engine if one of the notebooks needs it; WorkbookError if that fails."""
    if not any("engine" in notebook.needs for notebook in notebooks):
        yield
        return
    from reference.serving import engine

    running_before = engine.status().phase in ("starting", "ready", "external")
    try:
        attached = engine.shared_engine(say)
    except engine.EngineError as error:
        raise WorkbookError(f"the engine does not start: {error}", "`workbook doctor` shows what is missing") from error
    try:
        yield
    finally:
        if attached.ours and not running_before:
            say("stopping the engine")
            engine.stop_shared()
