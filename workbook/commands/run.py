"""workbook run: execute notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbook.commands import Json


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Notebooks: q1, a full name or a file name. All if none is named.")
    ] = None,
    profile: Annotated[str, typer.Option("--profile", help="ci (minutes on 2 cores), laptop or gpu.")] = "ci",
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Set a parameter; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the runs [default: runs/].")] = None,
    timeout: Annotated[
        int | None, typer.Option("--timeout", help="Seconds per cell [default: as notebooks.toml says].")
    ] = None,
    json: Json = False,
) -> None:
    """Execute notebooks with papermill; write executed copies, HTML pages and values to runs/."""
    from workbook import console, paths
    from workbook.errors import FAILED
    from workbook.quick import skip_slow_format_check
    from workbook.runner.engine import engine_for
    from workbook.runner.progress import ConsoleReporter
    from workbook.runner.run import plan, run_steps

    skip_slow_format_check()
    steps = plan(paths.notebooks_dir(), names, profile, parameter, timeout)
    log = console.stderr() if json else console.stdout()
    notebooks = [step.notebook for step in steps]
    with engine_for(notebooks, lambda line: console.say(log, line)), ConsoleReporter(log) as reporter:
        run = run_steps(steps, profile, out or paths.runs_dir(), reporter)
    if json:
        console.emit_json("run", {"run": run.to_dict()})
    else:
        console.say(log, f"{run.status} in {run.seconds:.0f} s; the site: {paths.shown(run.folder / 'index.html')}")
    if run.status != "passed":
        raise typer.Exit(FAILED)
