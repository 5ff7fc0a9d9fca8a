"""Execute one notebook with papermill and say in one sentence what went wrong, where."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbook.errors import ListingError
from workbook.runner.listing import Notebook, Profile
from workbook.values import Value, numbered_code_cells, read

if TYPE_CHECKING:
    from workbook.site.body import Body

START_ATTEMPTS = 3
START_TIMEOUT = 60  # seconds for the kernel to answer

# (code cell, of how many, heading) as a cell starts
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Failure:
    """kind: error | timeout | kernel | values. cell: code cell, 1-based, None where no one cell is to blame."""

    kind: str
    cell: int | None
    heading: str
    first_line: str
    error: str
    message: str

    def __str__(self) -> str:
        where = ""
        if self.cell is not None:
            named = f"under {self.heading!r}, " if self.heading else ""
            where = f"code cell {self.cell} ({named}`{self.first_line}`): "
        return f"{where}{self.error}: {self.message}" if self.message else f"{where}{self.error}"


@dataclass
class Outcome:
    """One executed notebook. status: passed | failed; executed and page: its files in the run's folder.

    body: the executed copy as markup, kept so that the site of the run need not make it twice.
    """

    name: str
    title: str
    question: int | None
    status: str
    seconds: float
    code_cells: int
    parameters: dict[str, Any]
    executed: Path | None = None
    page: Path | None = None
    failure: Failure | None = None
    values: list[Value] = field(default_factory=list)
    body: Body | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "question": self.question,
            "status": self.status,
            "seconds": round(self.seconds, 2),
            "code_cells": self.code_cells,
            "parameters": self.parameters,
            "executed": str(self.executed) if self.executed else None,
            "page": str(self.page) if self.page else None,
            "failure": asdict(self.failure) | {"summary": str(self.failure)} if self.failure else None,
            "values": [value.to_dict() for value in self.values],
        }


def load_notebook(notebook: Notebook) -> Any:
    """The notebook as an nbformat node; ListingError if it cannot be read or has too few code cells."""
    import nbformat

    try:
        node = nbformat.read(notebook.path, as_version=4)
    except Exception as error:  # nbformat raises a dozen kinds
        raise ListingError(
            f"{notebook.path.name} is no notebook: {_one_line(error)}", "write it anew from its .py"
        ) from None
    filled = sum(1 for _, cell in numbered_code_cells(node.cells) if cell.source.strip())
    if filled < notebook.min_code_cells:
        amount = (
            "no code cell"
            if filled == 0
            else f"only {filled} code cell{'s' * (filled > 1)} of {notebook.min_code_cells}"
        )
        raise ListingError(f"{notebook.path.name} has {amount}", "run `workbook pair --write`, or mend min_code_cells")
    return node


def execute(
    notebook: Notebook, profile: Profile, parameters: dict[str, Any], folder: Path, progress: Progress | None = None
) -> Outcome:
    """Execute a notebook into `folder`; never raises for a fault of the notebook, the Outcome has it."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    source = load_notebook(notebook)
    headings = cell_headings(source)
    total = len(headings)
    copy = folder / notebook.path.name
    log = copy.with_suffix(".kernel.log")
    started: list[int] = []  # code cells, in the order they started

    def on_cell_start(cell: Any, cell_index: int) -> None:
        if cell.cell_type != "code" or "injected-parameters" in cell.metadata.get("tags", []):
            return
        started.append(len(started) + 1)
        if progress:
            progress(started[-1], total, headings[started[-1] - 1])

    def failure(kind: str, error: str, message: str) -> Failure:
        if not started:
            return Failure(kind, None, "", "", error, message)
        number = started[-1]
        line = first_line(next(cell for n, cell in numbered_code_cells(source.cells) if n == number).source)
        return Failure(kind, number, headings[number - 1], line, error, message)

    begin = time.perf_counter()
    outcome = Outcome(notebook.name, notebook.title, notebook.question, "failed", 0.0, total, parameters)
    try:
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                _papermill(notebook, copy, log, parameters, profile.cell_timeout, {"on_cell_start": on_cell_start})
                break
            except (RuntimeError, OSError) as error:
                # A kernel that dies before its first cell was starved or lost a race; later, the cell did it.
                if started or isinstance(error, CellTimeoutError) or attempt == START_ATTEMPTS:
                    raise
    except CellTimeoutError:
        message = f"still running after {profile.cell_timeout} s, the cell's time-out"
        outcome.failure = failure("timeout", "TimeoutError", message)
    except DeadKernelError:
        message = f"the kernel died (out of memory, or the process was killed){_last_words(log)}"
        outcome.failure = failure("kernel", "KernelDied", message)
    except PapermillExecutionError as error:
        outcome.failure = failure("error", error.ename, _one_line(error.evalue))
    except (RuntimeError, OSError) as error:
        message = f"{_one_line(error)} ({START_ATTEMPTS} attempts){_last_words(log)}"
        outcome.failure = failure("kernel", "KernelNotStarted", message)
    finally:
        if log.exists() and log.stat().st_size == 0:
            log.unlink()
    outcome.seconds = time.perf_counter() - begin
    outcome.executed = copy if copy.exists() else None
    _collect_values(notebook, outcome)
    outcome.status = "failed" if outcome.failure else "passed"
    return outcome


def _papermill(
    notebook: Notebook, copy: Path, log: Path, parameters: dict[str, Any], timeout: int, hooks: dict[str, Any]
) -> None:
    import papermill

    from workbook.runner import kernel

    logging.getLogger("papermill").setLevel(logging.ERROR)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    papermill.execute_notebook(
        # papermill formats paths with str.format
        str(notebook.path).replace("{", "{{").replace("}", "}}"),
        str(copy).replace("{", "{{").replace("}", "}}"),
        parameters=parameters,
        engine_name=kernel.ENGINE,
        kernel_name=kernel.KERNEL,
        language="python",
        progress_bar=False,
        start_timeout=START_TIMEOUT,
        execution_timeout=timeout,
        hooks=hooks,
        folder=str(notebook.path.parent),
        log=str(log),
    )


def _collect_values(notebook: Notebook, outcome: Outcome) -> None:
    import nbformat

    if outcome.executed is None:
        return
    try:
        outcome.values = read(nbformat.read(outcome.executed, as_version=4))
    except ValueError as error:
        outcome.failure = outcome.failure or Failure("values", None, "", "", "ValueError", str(error))
        return
    if outcome.failure is None and len(outcome.values) < notebook.min_values:
        message = f"recorded {len(outcome.values)} values, notebooks.toml expects {notebook.min_values} or more"
        outcome.failure = Failure("values", None, "", "", "MissingValues", message)


def cell_headings(notebook: Any) -> list[str]:
    """For every code cell, the last markdown heading above it ("" above the first heading)."""
    heading, found = "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in _outside_fences(cell.source):
                if match := re.match(r"#{1,6}\s+(.+?)\s*#*\s*$", line):
                    heading = match[1]
        elif cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", []):
            found.append(heading)
    return found


def _outside_fences(text: str) -> list[str]:
    lines, inside = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            lines.append(line)
    return lines


def first_line(source: str, width: int = 60) -> str:
    """The first line of code that is no comment, cut to `width`."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    line = next((text for text in lines if not text.startswith("#")), lines[0] if lines else "")
    return line if len(line) <= width else line[: width - 1] + "…"


def _last_words(log: Path) -> str:
    """The last line that the kernel's process printed."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    said = [line for line in lines if line.strip()]
    return f"; its last words: {_one_line(said[-1])}" if said else ""


def _one_line(error: object, width: int = 300) -> str:
    text = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(str(error).split()))
    return text if len(text) <= width else text[: width - 1] + "…"
