"""All pages of a run, written into its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbook.site import claims
from workbook.site.body import Body, page_name
from workbook.site.frame import Entry, page
from workbook.site.markdown import resolve

if TYPE_CHECKING:
    from workbook.runner.execute import Outcome
    from workbook.runner.run import Run

FRONT = "index.html"


def build(run: Run) -> Path:
    """Write the site of a run into its folder; return its front, index.html.

    One page per notebook that has a body, the claims ledger if there is any notebook, and the front.
    """
    shown = [(outcome, outcome.body) for outcome in run.notebooks if outcome.body is not None]
    front = Entry(FRONT, "This run")
    own = {outcome.name: _entry(outcome, body) for outcome, body in shown}
    entries = [front, *own.values(), *([claims.ENTRY] if run.notebooks else [])]
    for outcome, body in shown:
        outcome.page = run.folder / own[outcome.name].href
        write(outcome.page, notebook_html(outcome, body, own[outcome.name], entries))
    if run.notebooks:
        by_question = {o.question: (own[o.name], body) for o, body in shown if o.question is not None}
        write(run.folder / claims.ENTRY.href, claims.claims_html(entries, by_question))
    write(run.folder / FRONT, front_html(run, entries, front))
    return run.folder / FRONT


def write_alone(outcome: Outcome, folder: Path) -> Path:
    """The page of one notebook before the others are known; links to notebooks are text. Needs the outcome's body."""
    if outcome.body is None:
        raise ValueError(f"{outcome.name} has no body: render its executed copy first")
    entry = _entry(outcome, outcome.body)
    write(folder / entry.href, notebook_html(outcome, outcome.body, entry, []))
    return folder / entry.href


def notebook_html(outcome: Outcome, body: Body, here: Entry, entries: Sequence[Entry]) -> str:
    """The page of a notebook inside the frame of a site; `entries` empty: a page that stands alone."""
    pages = {Path(entry.download).stem: entry.href for entry in (here, *entries) if entry.download}
    has_title = any(section.level == 1 for section in body.sections)
    return page(
        "notebook.html", entries, here, body=resolve(body.html, pages), has_title=has_title, failure=outcome.failure
    )


def front_html(run: Run, entries: Sequence[Entry], here: Entry) -> str:
    """The front: status, machine, notebooks, verdicts of the ledger, legend, and every recorded value."""
    verdicts = claims.verdicts() if run.notebooks else {}
    return page("front.html", entries, here, run=run, verdicts=verdicts, shown=shown_value, kind=kind, summary=summary)


def write(file: Path, text: str) -> None:
    """Whole or not at all."""
    draft = file.with_name(file.name + ".part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, file)


def shown_value(value: Any) -> str:
    """A recorded value as the front shows it: three or four significant digits, thousands separated."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return json.dumps(value, ensure_ascii=False)


def kind(evidence: Any) -> str:
    """The badge of a recorded value's evidence."""
    return str(evidence.get("kind", "")) if isinstance(evidence, dict) else str(evidence or "")


def summary(evidence: Any) -> str:
    return str(evidence.get("summary", "")) if isinstance(evidence, dict) else ""


def _entry(outcome: Outcome, body: Body) -> Entry:
    title = f"{outcome.question}. {outcome.title}" if outcome.question is not None else outcome.title
    download = outcome.executed.name if outcome.executed else None
    return Entry(page_name(outcome.name), title, body.sections, download, outcome.status != "passed")
