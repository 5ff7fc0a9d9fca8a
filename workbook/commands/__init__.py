"""One module per command of the console script; see workbook/cli.py."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (fields: docs/cli-json.md).")]
