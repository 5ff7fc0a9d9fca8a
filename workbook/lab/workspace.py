"""The layout that JupyterLab opens with: a workspace of the workbook's own, beside the reader's.

It is shipped as lab_config/workspace.json and copied once into a state folder, where JupyterLab saves every later
change of it. The reader's own workspaces and settings lie elsewhere, and are neither read nor written.
"""

from __future__ import annotations

import json
from pathlib import Path

from workbook.errors import WorkbookError

NAME = "workbook"
FILE = "workbook-244f.jupyterlab-workspace"  # JupyterLab's name for it; asking would cost every start a second
SHIPPED = Path(__file__).resolve().parents[1] / "lab_config" / "workspace.json"


def state_folder() -> Path:
    """Where layout and logs are kept between starts: the user's state folder (XDG_STATE_HOME)."""
    import platformdirs

    return Path(platformdirs.user_state_dir("ai-design-workbook")) / "lab"


def workspaces_folder(state: Path) -> Path:
    return state / "workspaces"


def layout_file(state: Path) -> Path:
    """Where JupyterLab itself would save the workspace, so that it finds this one and overwrites it."""
    return workspaces_folder(state) / FILE


def prepare(state: Path, reset: bool = False) -> Path:
    """The layout's file, shipped one copied if there is none; what the reader changed stays, unless `reset`.

    A damaged one, on which JupyterLab would fail with an empty page, is replaced. Raises WorkbookError where the folder
    cannot be written.
    """
    file = layout_file(state)
    try:
        if reset or not _is_layout(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise WorkbookError(
            f"the layout of JupyterLab cannot be kept in {error.filename or state}: {error.strerror}",
            "make the folder writable, or name another one in XDG_STATE_HOME",
        ) from None
    return file


def _is_layout(file: Path) -> bool:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return str(found["metadata"]["id"]).strip("/") == NAME and isinstance(found["data"], dict)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
