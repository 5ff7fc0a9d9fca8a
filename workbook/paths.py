"""Where things are: the project folder, its notebooks, and the runs."""

from __future__ import annotations

import os
from pathlib import Path

from workbook.errors import WorkbookError


def project_root() -> Path:
    """The folder that holds notebooks/: WORKBOOK_ROOT, the checkout this package lies in, or the current one."""
    named = os.environ.get("WORKBOOK_ROOT")
    if named:
        root = Path(named).expanduser().resolve()
        if not (root / "notebooks").is_dir():
            raise WorkbookError(f"WORKBOOK_ROOT is {root}, which has no notebooks/", "point it at the project folder")
        return root
    for root in (Path(__file__).resolve().parent.parent, Path.cwd()):
        if (root / "notebooks").is_dir():
            return root
    raise WorkbookError("no notebooks/ found", "run the command in the project folder, or set WORKBOOK_ROOT to it")


def notebooks_dir() -> Path:
    return project_root() / "notebooks"


def runs_dir() -> Path:
    """Executed copies go here and nowhere else; git ignores it."""
    return project_root() / "runs"


def shown(path: Path) -> str:
    """The path as a reader would type it: relative to the current folder where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return relative if len(relative) < len(str(path)) else str(path)
