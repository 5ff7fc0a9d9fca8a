"""The page of one executed notebook: a single file that needs no network."""

from __future__ import annotations

from pathlib import Path

from workbook.runner.execute import Outcome


def write_page(outcome: Outcome, source_folder: Path) -> Path | None:
    """Write the page of an executed notebook beside it; return it, None if nothing was executed.

    source_folder: where pictures of its markdown lie. The outcome keeps its body for the site of the run.
    """
    from workbook.site.build import write_alone
    from workbook.site.cells import render

    if outcome.executed is None:
        return None
    outcome.body = render(outcome.executed, source_folder)
    return write_alone(outcome, outcome.executed.parent)
