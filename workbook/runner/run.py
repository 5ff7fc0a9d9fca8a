"""A run: plan everything, then execute, then report. Executed copies stay in the run's folder."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbook.errors import ListingError, UsageError
from workbook.runner import listing
from workbook.runner.execute import Outcome, execute, load_notebook
from workbook.runner.listing import PROFILES, Notebook, Profile
from workbook.runner.parameters import Parameter, declared, parse_assignments, resolve
from workbook.runner.progress import Reporter, Silent


@dataclass(frozen=True)
class Step:
    """One notebook of a plan, with everything that is injected into it."""

    notebook: Notebook
    profile: Profile
    parameters: dict[str, Any]
    code_cells: int


@dataclass
class Run:
    """A finished run. status: passed if every notebook passed; folder holds index.html, values.json and run.json."""

    profile: str
    folder: Path
    started: str
    seconds: float = 0.0
    machine: dict[str, Any] = field(default_factory=dict)
    notebooks: list[Outcome] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "passed" if self.notebooks and all(o.status == "passed" for o in self.notebooks) else "failed"

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "profile": self.profile,
            "started": self.started,
            "seconds": round(self.seconds, 2),
            "folder": str(self.folder),
            "index": str(self.folder / "index.html"),
            "machine": self.machine,
            "notebooks": [outcome.to_dict() for outcome in self.notebooks],
        }


def plan(
    folder: Path,
    names: list[str] | None = None,
    profile: str = "ci",
    parameters: list[str] | None = None,
    cell_timeout: int | None = None,
) -> list[Step]:
    """Everything a run will do, checked before anything runs.

    parameters: name=value texts; a name must belong to at least one chosen notebook. cell_timeout: seconds, instead of
    the listing's. Raises UsageError or ListingError.
    """
    if profile not in PROFILES:
        raise UsageError(f"no profile is called {profile!r}", f"known: {', '.join(PROFILES)}")
    if cell_timeout is not None and cell_timeout < 1:
        raise UsageError(f"--timeout {cell_timeout} is no time", "give whole seconds, 1 or more")
    given = parse_assignments(parameters or [])
    chosen = listing.select(listing.load(folder), names)
    known: dict[str, dict[str, Parameter]] = {}
    cells: dict[str, int] = {}
    for notebook in chosen:
        node = load_notebook(notebook)
        known[notebook.name] = declared(node, notebook.path.name)
        cells[notebook.name] = sum(cell.cell_type == "code" for cell in node.cells)
    for name in given:
        if not any(name in of_notebook for of_notebook in known.values()):
            lists = "; ".join(f"{nb}: {', '.join(sorted(of)) or 'none'}" for nb, of in known.items())
            raise UsageError(f"no chosen notebook has a parameter {name!r}", f"known: {lists}")
    steps = []
    for notebook in chosen:
        settings = notebook.profiles[profile]
        own = {name: raw for name, raw in given.items() if name in known[notebook.name]}
        values = resolve(known[notebook.name], notebook.path.name, profile, settings.parameters, own)
        if cell_timeout is not None:
            settings = Profile(cell_timeout, settings.parameters)
        steps.append(Step(notebook, settings, values, cells[notebook.name]))
    return steps


def run_steps(steps: list[Step], profile: str, out: Path, reporter: Reporter | None = None) -> Run:
    """Execute a plan into a new folder under `out` and write its report; a failed notebook does not stop the others.

    The engine is not started here (see engine_for). An interrupt leaves a report of what was done, then propagates.
    """
    from workbook import machine

    reporter = reporter or Silent()
    run = Run(profile, _new_folder(out, profile), dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    run.machine = machine.describe()
    begin = time.perf_counter()
    try:
        for number, step in enumerate(steps, 1):
            run.notebooks.append(run_step(step, run.folder, reporter, number, len(steps)))
    finally:
        run.seconds = time.perf_counter() - begin
        write_report(run)
        _point_latest(out, run.folder)
    return run


def run_step(step: Step, folder: Path, reporter: Reporter | None = None, number: int = 1, of: int = 1) -> Outcome:
    """Execute one notebook of a plan into `folder` and write its page."""
    from workbook.runner.page import write_page

    reporter = reporter or Silent()
    reporter.notebook(step.notebook.name, number, of, step.code_cells)
    outcome = execute(step.notebook, step.profile, step.parameters, folder, reporter.cell)
    outcome.page = write_page(outcome, step.notebook.path.parent)
    reporter.done(outcome)
    return outcome


def write_report(run: Run) -> None:
    """values.json, run.json and the site of a run."""
    from workbook.site.build import build, write

    values = {
        outcome.name: {
            value.name: {"value": value.value, "unit": value.unit, "evidence": value.evidence}
            for value in outcome.values
        }
        for outcome in run.notebooks
    }
    write(run.folder / "values.json", json.dumps(values, indent=2, allow_nan=False) + "\n")
    write(run.folder / "run.json", json.dumps(run.to_dict(), indent=2, allow_nan=False) + "\n")
    build(run)


def _new_folder(out: Path, profile: str) -> Path:
    stamp = dt.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for attempt in range(1000):
        folder = out / (f"{stamp}_{profile}" + (f"_{attempt}" if attempt else ""))
        try:
            folder.mkdir(parents=True)
            return folder.resolve()
        except FileExistsError:
            if not out.is_dir():
                raise UsageError(f"--out {out} is not a folder", "name a folder") from None
        except OSError as error:
            raise ListingError(f"cannot write to {out}: {error.strerror}", "name another folder with --out") from None
    raise ListingError(f"{out} is full of runs of this second", "remove old runs")


def _point_latest(out: Path, folder: Path) -> None:
    """out/latest always leads to the newest run; file systems without links go without."""
    link = out / "latest"
    with contextlib.suppress(OSError):
        if link.is_symlink():
            link.unlink()
        link.symlink_to(folder.name, target_is_directory=True)
