"""Paired notebooks: NAME.py (py:percent) is the source, NAME.ipynb is written from it; both are committed.

The .ipynb holds nothing that the .py does not determine: no outputs, no execution counts, cell ids derived from the
cells themselves, one fixed kernel entry. So `workbook pair --write` twice gives the same bytes, and a difference means
that somebody edited one side only.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbook.errors import ListingError

KEPT_CELL_METADATA = ("tags", "nbgrader")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Difference:
    """The first way in which a pair differs; cell is 1-based, counting all cells, None for the notebook as a whole."""

    name: str
    cell: int | None
    what: str

    def __str__(self) -> str:
        where = f"cell {self.cell}: " if self.cell is not None else ""
        return f"{self.name}: {where}{self.what}"


def pairs(folder: Path) -> list[Path]:
    """The .py sources in the folder and its subfolders, and those that should exist for an .ipynb; sorted."""
    sources = {path for path in folder.rglob("*.py") if is_source(path)}
    sources |= {path.with_suffix(".py") for path in folder.rglob("*.ipynb")}
    return sorted(path for path in sources if ".ipynb_checkpoints" not in path.parts)


def is_source(path: Path) -> bool:
    """A .py beside the notebooks is one of them if it has cell markers."""
    return any(line.startswith("# %%") for line in path.read_text(encoding="utf-8").splitlines())


def read_source(text: str, name: str) -> Any:
    """The notebook that a py:percent text describes (nbformat node), normalised; ListingError if it is none."""
    import jupytext

    try:
        notebook = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # jupytext raises what its parsers raise
        raise ListingError(f"{name}.py cannot be read as py:percent: {error}", "mend its cell markers") from None
    return normalised(notebook)


def normalised(notebook: Any) -> Any:
    """A copy reduced to what a pair shares: cells with type, source and kept metadata; fixed ids, no outputs."""
    import nbformat.v4 as v4

    makers = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}
    cells: list[Any] = []
    seen: set[str] = set()
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if cell.metadata.get(key)}
        fresh = makers[cell.cell_type](source=cell.source.rstrip("\n"), metadata=kept)
        fresh["id"] = cell_id(cell.cell_type, fresh.source, seen)
        cells.append(fresh)
    return v4.new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)


def section_id(number: str) -> str:
    """The id of the cell that opens section "4.3": a link leads there as `file.ipynb#cell-id=section-4-3`."""
    return f"section-{number.replace('.', '-')}"


def cell_id(kind: str, source: str, seen: set[str]) -> str:
    """The section that a text opens, else eight hexadecimal digits that depend on the cell alone.

    So inserting a cell leaves the other ids as they were. Equal cells are told apart by their order; `seen` collects
    the ids given so far.
    """
    if kind == "markdown" and (opened := re.match(r"###? (\d+(?:\.\d+)*)\.? ", source)):
        found = section_id(opened[1])
        if found not in seen:
            seen.add(found)
            return found
    attempt = 0
    while True:
        found = hashlib.sha256(f"{kind}\0{attempt}\0{source}".encode()).hexdigest()[:8]
        if found not in seen:
            seen.add(found)
            return found
        attempt += 1


def text_of(notebook: Any) -> str:
    import nbformat

    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, indent=1, ensure_ascii=False)).rstrip("\n") + "\n"


def write(source: Path) -> bool:
    """Write the .ipynb of a source, whole or not at all; True if it changed."""
    target = source.with_suffix(".ipynb")
    if not source.is_file():
        raise ListingError(
            f"{target.name} has no {source.name}", f"make it once: jupytext --to py:percent {target}, then commit both"
        )
    text = text_of(read_source(source.read_text(encoding="utf-8"), source.stem))
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return False
    draft = target.with_name(target.name + ".part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, target)
    return True


def check(source: Path, strict: bool = True) -> Difference | None:
    """The first difference between a source and its .ipynb on disk, or None if they agree; see `compare`."""
    target = source.with_suffix(".ipynb")
    if not source.is_file():
        return Difference(source.stem, None, f"{source.name} is missing, {target.name} has no source")
    if not target.is_file():
        return Difference(source.stem, None, f"{target.name} is missing")
    return compare(source.stem, source.read_text(encoding="utf-8"), target.read_text(encoding="utf-8"), strict)


def compare(name: str, source: str, target: str, strict: bool = True) -> Difference | None:
    """The first difference between the text of a .py and that of its .ipynb.

    strict: also outputs, execution counts, ids and metadata, so that the .ipynb is the one that `write` makes to the
    byte. Otherwise only the cells' types, texts and tags: what a reader has run in JupyterLab still agrees.
    """
    import nbformat

    try:
        found = nbformat.reads(target, as_version=4)
    except Exception as error:  # nbformat raises a dozen kinds
        return Difference(name, None, f"{name}.ipynb is no notebook: {str(error).splitlines()[0]}")
    wanted = read_source(source, name)
    for number, (ours, theirs) in enumerate(zip(wanted.cells, found.cells, strict=False), 1):
        if what := _cell_difference(ours, theirs, strict):
            return Difference(name, number, what)
    if len(wanted.cells) != len(found.cells):
        number = min(len(wanted.cells), len(found.cells)) + 1
        ending = "ipynb" if len(wanted.cells) > len(found.cells) else "py"
        counts = f"({len(wanted.cells)} and {len(found.cells)} cells)"
        return Difference(name, number, f"{name}.{ending} ends before it {counts}")
    if strict and target != text_of(wanted):
        return Difference(name, None, f"{name}.ipynb has ids, metadata or a layout of its own")
    return None


def _cell_difference(ours: Any, theirs: Any, strict: bool) -> str | None:
    if ours.cell_type != theirs.cell_type:
        return f"{ours.cell_type} in the .py, {theirs.cell_type} in the .ipynb"
    if ours.source != theirs.source:
        return f"the text differs: {_first_difference(ours.source, theirs.source)}"
    for key in KEPT_CELL_METADATA:
        a, b = ours.metadata.get(key), theirs.metadata.get(key)
        if a != b and (a or b):
            return f"{key} differ: {a} in the .py, {b} in the .ipynb"
    if strict and theirs.cell_type == "code":
        if theirs.outputs:
            return "the .ipynb has outputs"
        if theirs.execution_count is not None:
            return "the .ipynb has an execution count"
    return None


def _first_difference(ours: str, theirs: str) -> str:
    a, b = ours.splitlines(), theirs.splitlines()
    for number in range(max(len(a), len(b))):
        left = a[number] if number < len(a) else "(no line)"
        right = b[number] if number < len(b) else "(no line)"
        if left != right:
            return f"line {number + 1} is {left[:60]!r} in the .py, {right[:60]!r} in the .ipynb"
    return "trailing blank lines"
