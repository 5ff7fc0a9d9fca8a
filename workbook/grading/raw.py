"""Notebook files as they come back: any nbformat, any damage, nothing believed, nothing raised."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Outputs of an honest notebook with plots take a few megabytes.
LARGEST_BYTES = 50_000_000
LARGEST_SOURCE = 200_000
MOST_SOURCE = 1_000_000
MOST_CELLS = 2_000


@dataclass(frozen=True)
class RawCell:
    """number: from 1, as a person counts. kind: code, markdown or raw. marks: the workbook's own metadata."""

    number: int
    kind: str
    source: str
    marks: Mapping[str, Any] = field(default_factory=dict)
    grade_id: str = ""
    id: str = ""

    @property
    def code(self) -> bool:
        return self.kind == "code"


@dataclass(frozen=True)
class RawNotebook:
    """marks: the notebook's own. trouble: why nothing could be read. dropped: cells that are too large to be read."""

    cells: tuple[RawCell, ...] = ()
    marks: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    dropped: tuple[str, ...] = ()


def read_raw(path: Path, root: Path | None = None) -> RawNotebook:
    """The cells of `path`. root: the folder that a link may not lead out of; the file's own by default."""
    try:
        if leads_out(path, root or path.parent):
            return RawNotebook(trouble="it is a link that leads out of its folder")
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        )  # opening a pipe must not wait for its writer
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                return RawNotebook(trouble="it is no file")
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        return RawNotebook(trouble=f"it cannot be opened ({type(error).__name__})")
    if len(data) > LARGEST_BYTES:
        return RawNotebook(trouble=f"it is larger than {LARGEST_BYTES // 1_000_000} MB: its outputs must be cleared")
    try:
        told = json.loads(_text(data))
    except (ValueError, RecursionError):
        return RawNotebook(trouble="it is empty" if not data.strip() else "it is no JSON")
    return _notebook(told)


def leads_out(path: Path, root: Path) -> bool:
    """Whether `path` is, behind its links, outside `root`. Raises OSError for a link that goes round."""
    try:
        return not path.resolve().is_relative_to(root.resolve())
    except RuntimeError as error:
        raise OSError(str(error)) from None


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _notebook(told: Any) -> RawNotebook:
    cells = _list_of_cells(told)
    if cells is None:
        return RawNotebook(trouble="it is no notebook: it has no cells")
    if len(cells) > MOST_CELLS:
        return RawNotebook(trouble=f"it has more than {MOST_CELLS:,} cells")
    read, dropped, total = [], [], 0
    for number, cell in enumerate(cells, 1):
        one = _cell(number, cell)
        if one is None or len(one.source) > LARGEST_SOURCE:
            what = "is no cell" if one is None else f"holds more than {LARGEST_SOURCE:,} characters"
            dropped.append(f"cell {number} {what}")
            continue
        total += len(one.source)
        if total > MOST_SOURCE:
            dropped.append(f"cell {number} and those below it: more than {MOST_SOURCE:,} characters in all")
            break
        read.append(one)
    metadata = told.get("metadata")
    return RawNotebook(tuple(read), _marks(metadata), dropped=tuple(dropped))


def _list_of_cells(told: Any) -> list[Any] | None:
    """nbformat 4 has cells; 3 and 2 have worksheets that have them."""
    if not isinstance(told, dict):
        return None
    if isinstance(told.get("cells"), list):
        return list(told["cells"])
    sheets = told.get("worksheets")
    if not isinstance(sheets, list):
        return None
    return [
        cell
        for sheet in sheets
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
        for cell in sheet["cells"]
    ]


def _cell(number: int, cell: Any) -> RawCell | None:
    if not isinstance(cell, dict):
        return None
    source = cell.get("source", cell.get("input", ""))  # nbformat 3 calls that of code "input"
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return None
    kind = cell.get("cell_type")
    kind = kind if kind in ("code", "raw") else "markdown"
    metadata = cell.get("metadata")
    grader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = grader.get("grade_id") if isinstance(grader, dict) else None
    return RawCell(
        number,
        kind,
        # A lone surrogate can be in JSON, but in no file and no pipe.
        source.encode("utf-8", "replace").decode("utf-8"),
        _marks(metadata),
        grade_id if isinstance(grade_id, str) else "",
        cell["id"] if isinstance(cell.get("id"), str) else "",
    )


def _marks(metadata: Any) -> Mapping[str, Any]:
    own = metadata.get("workbook") if isinstance(metadata, dict) else None
    return own if isinstance(own, dict) else {}
