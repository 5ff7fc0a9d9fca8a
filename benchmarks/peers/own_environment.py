"""The Python of a peer that pins other packages than the workbook: one that a variable names, else `.venv-peers`'."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".venv-peers"


def python_of(variable: str, name: str, folder: Path = FOLDER) -> str:
    """Path of the interpreter; "" where there is none. Raises ValueError if the variable names none."""
    named = os.environ.get(variable, "")
    if named:
        if not Path(named).is_file():
            raise ValueError(f"{variable}={named}: no such file; name a Python, or unset it and call `make bench`")
        return named
    made = folder / name / "bin" / "python"
    # Without this mark the set-up was interrupted.
    return str(made) if made.exists() and (folder / name / ".made-from").is_file() else ""
