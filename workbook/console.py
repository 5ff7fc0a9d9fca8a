"""Where commands write: results to stdout, progress and errors to stderr, JSON as one object per command."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

JSON_VERSION = 1  # rises when a field is renamed or removed; new fields alone do not raise it


def stdout() -> Console:
    from rich.console import Console

    # A pipe has no width: 120 columns keep tables readable in a log.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)


def say(console: Console, line: str) -> None:
    """Print a line as it is: paths and messages are neither wrapped nor read as markup."""
    console.print(line, markup=False, soft_wrap=True)


def emit_json(command: str, fields: dict[str, Any]) -> None:
    """Print the one JSON object of a command to stdout; NaN and infinities are refused (ValueError)."""
    record = {"command": command, "version": JSON_VERSION, **fields}
    sys.stdout.write(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
