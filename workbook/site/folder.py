"""A run read back from its folder, so that its site can be made anew without running anything."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from workbook.errors import UsageError
from workbook.runner.execute import Failure, Outcome, cell_headings
from workbook.runner.listing import Notebook
from workbook.runner.run import Run
from workbook.site.body import page_name
from workbook.values import read


def read_run(folder: Path, listed: list[Notebook], source_folder: Path) -> Run:
    """The run whose executed notebooks lie in `folder`, with bodies, in the order of the listing.

    What run.json says is kept; without it, times and failures come from papermill's own notes in each notebook.
    listed: titles and questions; source_folder: where pictures of markdown lie. Raises UsageError if the folder has no
    executed notebook.
    """
    order = {notebook.name: place for place, notebook in enumerate(listed)}
    executed = sorted(folder.glob("*.ipynb"), key=lambda path: (order.get(path.stem, len(order)), path.name))
    if not executed:
        raise UsageError(f"{folder} holds no executed notebook", "name the folder of a run, such as runs/latest")
    report = folder / "run.json"
    said = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    known = {row["name"]: row for row in said.get("notebooks", [])}
    by_name = {notebook.name: notebook for notebook in listed}
    outcomes = [_outcome(path, by_name.get(path.stem), known.get(path.stem), source_folder) for path in executed]
    return Run(
        profile=said.get("profile", ""),
        folder=folder,
        started=said.get("started") or min(_started(path) for path in executed),
        seconds=said.get("seconds") or sum(outcome.seconds for outcome in outcomes),
        machine=said.get("machine", {}),
        notebooks=outcomes,
    )


def _outcome(path: Path, listed: Notebook | None, said: dict[str, Any] | None, source_folder: Path) -> Outcome:
    import nbformat

    from workbook.site.cells import render

    node = nbformat.read(path, as_version=4)
    notes = node.metadata.get("papermill", {})
    failure = _failure((said or {}).get("failure")) or _exception(node, notes)
    return Outcome(
        name=path.stem,
        title=listed.title if listed else path.stem,
        question=listed.question if listed else None,
        status="failed" if failure else "passed",
        seconds=said["seconds"] if said else float(notes.get("duration") or 0.0),
        code_cells=len(cell_headings(node)),
        parameters=dict(notes.get("parameters", {})),
        executed=path,
        page=path.with_name(page_name(path.stem)),
        failure=failure,
        values=read(node),
        body=render(path, source_folder),
    )


def _failure(said: dict[str, Any] | None) -> Failure | None:
    return Failure(**{name: said[name] for name in Failure.__dataclass_fields__}) if said else None


def _exception(node: Any, notes: dict[str, Any]) -> Failure | None:
    """What papermill noted: the first cell with an error, or a run that was cut off."""
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and notes.get("exception") is not None:
                return Failure("error", None, "", "", output.ename, output.evalue)
    if notes.get("exception") or "duration" not in notes:
        return Failure("error", None, "", "", "NotFinished", "the notebook was not executed to its end")
    return None


def _started(path: Path) -> str:
    """When papermill began, to the second; "" for a copy that it did not make."""
    found = json.loads(path.read_text(encoding="utf-8")).get("metadata", {}).get("papermill", {}).get("start_time")
    return dt.datetime.fromisoformat(found).isoformat(timespec="seconds") if found else ""
