"""notebooks.toml: what every notebook is, what it needs, and how it runs in each profile.

    [[notebook]]
    file = "q1_serve_an_llm.ipynb"     # beside notebooks.toml
    title = "Serve an LLM to one million users"
    question = 1                       # optional; the index has none
    needs = ["engine"]                 # parts started before the run: "engine"
    min_code_cells = 12                # fewer means cells were lost
    min_values = 5                     # values that a run must record
    runs = { "vLLM" = "reference.serving.engine" }  # optional: real parts, each with a module that the notebook imports

    [notebook.profiles.ci]
    cell_timeout = 120                 # seconds per cell
    parameters = { requests = 40 }     # names of the cell tagged `parameters`

Every notebook on disk must be listed and every listed one must exist: a notebook that nobody lists is one that nobody
runs.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbook.errors import ListingError, UsageError

PROFILES = ("ci", "laptop", "gpu")
NEEDS = ("engine",)
LISTING = "notebooks.toml"


@dataclass(frozen=True)
class Profile:
    """How a notebook runs: seconds allowed per cell, and the parameters that differ from the notebook's defaults."""

    cell_timeout: int
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Notebook:
    """One row of the listing."""

    path: Path
    title: str
    question: int | None
    needs: tuple[str, ...]
    min_code_cells: int
    min_values: int
    profiles: dict[str, Profile]
    runs: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def short_name(self) -> str:
        """q1 for q1_serve_an_llm; the whole name otherwise."""
        match = re.match(r"q\d+(?=_)", self.name)
        return match[0] if match else self.name

    @property
    def source(self) -> Path:
        """The py:percent file that the notebook is paired with."""
        return self.path.with_suffix(".py")


def on_disk(folder: Path) -> list[Path]:
    """Every notebook under the folder, checkpoints excepted."""
    return sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def load(folder: Path) -> list[Notebook]:
    """The listing of the folder, checked against what is on disk.

    Raises ListingError for a missing or damaged notebooks.toml, an unlisted notebook, or a listed one that is missing.
    """
    file = folder / LISTING
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ListingError(f"{file} is missing", "list every notebook there") from None
    except tomllib.TOMLDecodeError as error:
        raise ListingError(f"{file} is not valid TOML: {error}", "mend the line that the message names") from None
    rows = table.get("notebook", [])
    if not isinstance(rows, list) or not rows:
        raise ListingError(f"{file} lists no notebook", "add a [[notebook]] table for each")
    unknown = set(table) - {"notebook"}
    if unknown:
        raise ListingError(f"{file}: unknown table {sorted(unknown)[0]!r}", "only [[notebook]] tables belong there")
    notebooks = [_row(folder, row, number) for number, row in enumerate(rows, 1)]

    listed = [notebook.path for notebook in notebooks]
    for path in listed:
        if listed.count(path) > 1:
            raise ListingError(f"{path.name} is listed twice in {file}", "keep one of the two tables")
        if not path.is_file():
            raise ListingError(
                f"{path.name} is listed in {file} but is not there",
                "run `workbook pair --write` if only its .py exists, or take it off the list",
            )
    for path in on_disk(folder):
        if path not in listed:
            raise ListingError(
                f"{path.relative_to(folder)} is not listed in {file}", "add a [[notebook]] table for it, or remove it"
            )
    return notebooks


def select(notebooks: list[Notebook], names: list[str] | None) -> list[Notebook]:
    """The notebooks asked for by short name (q1), full name or file name, in listing order; all if none is named."""
    if not names:
        return notebooks
    chosen = []
    for name in names:
        stem = Path(name).stem if name.endswith((".ipynb", ".py")) else name
        hits = [n for n in notebooks if stem in (n.short_name, n.name)]
        if not hits:
            known = ", ".join(n.short_name for n in notebooks)
            raise UsageError(f"no notebook is called {name!r}", f"known: {known}")
        chosen += hits
    return [n for n in notebooks if n in chosen]


_FIELDS = {"file", "title", "question", "needs", "min_code_cells", "min_values", "profiles", "runs"}


def _row(folder: Path, row: dict[str, Any], number: int) -> Notebook:
    where = f"{folder / LISTING}, notebook {number}"
    if not isinstance(row.get("file"), str):
        raise ListingError(f"{where}: `file` is missing", 'write file = "NAME.ipynb"')
    where = f"{folder / LISTING}, {row['file']}"
    for key in row:
        if key not in _FIELDS:
            raise ListingError(f"{where}: unknown field {key!r}", f"known: {', '.join(sorted(_FIELDS))}")
    path = folder / row["file"]
    if path.suffix != ".ipynb" or path.parent != folder:
        raise ListingError(f"{where}: `file` must be the name of an .ipynb beside notebooks.toml", "mend the name")
    title = row.get("title")
    if not isinstance(title, str) or not title.strip():
        raise ListingError(f"{where}: `title` is missing", "give it a title in one line")
    needs = row.get("needs", [])
    for need in needs:
        if need not in NEEDS:
            raise ListingError(f"{where}: `needs` has {need!r}", f"known: {', '.join(NEEDS)}")
    question = row.get("question")
    if question is not None and not _is_count(question):
        raise ListingError(f"{where}: `question` is {question!r}", "write the question's number, 1 or more")
    runs = row.get("runs", {})
    if not isinstance(runs, dict) or not all(isinstance(module, str) for module in runs.values()):
        raise ListingError(f"{where}: `runs` is no table of texts", 'write { "PART" = "reference.MODULE" }')
    profiles = row.get("profiles", {})
    for name in PROFILES:
        if name not in profiles:
            raise ListingError(f"{where}: profile {name!r} is missing", f"add [notebook.profiles.{name}]")
    for name in profiles:
        if name not in PROFILES:
            raise ListingError(f"{where}: unknown profile {name!r}", f"known: {', '.join(PROFILES)}")
    for key in ("min_code_cells", "min_values"):
        if key in row and not (_is_count(row[key]) or (key == "min_values" and row[key] == 0)):
            raise ListingError(f"{where}: `{key}` is {row[key]!r}", "write a whole number")
    return Notebook(
        path=path,
        title=title,
        question=question,
        needs=tuple(needs),
        min_code_cells=row.get("min_code_cells", 1),
        min_values=row.get("min_values", 0),
        profiles={name: _profile(where, name, profiles[name]) for name in PROFILES},
        runs=dict(runs),
    )


def _profile(where: str, name: str, table: dict[str, Any]) -> Profile:
    for key in table:
        if key not in {"cell_timeout", "parameters"}:
            raise ListingError(
                f"{where}: profile {name} has an unknown field {key!r}", "known: cell_timeout, parameters"
            )
    timeout = table.get("cell_timeout")
    if not isinstance(timeout, int) or not _is_count(timeout):
        raise ListingError(f"{where}: profile {name} has cell_timeout = {timeout!r}", "write whole seconds, 1 or more")
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ListingError(f"{where}: profile {name} has parameters that are no table", "write { name = value }")
    return Profile(timeout, dict(parameters))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
