"""workbook serve: the shared engine in the foreground."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def command(
    port: Annotated[
        int | None, typer.Option("--port", min=1024, max=65535, help="Loopback port [default: a free one].")
    ] = None,
) -> None:
    """Start the shared engine and keep it up until Ctrl-C; notebooks and tests attach to it."""
    from reference.serving import engine

    if port is not None:
        os.environ["WORKBOOK_ENGINE_PORT"] = str(port)
    code = engine.serve_foreground()
    if code:
        raise typer.Exit(code)
