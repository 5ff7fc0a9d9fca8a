"""workbook bill: what usage exports cost at dated list prices, and what would save how much of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbook.commands import Json


def command(
    files: Annotated[
        list[str],
        typer.Argument(help="Usage exports: CSV, JSON lines or JSON, .gz or not.", metavar="FILE..."),
    ],
    html: Annotated[str | None, typer.Option("--html", help="Write a page without scripts here.")] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="openai, litellm, openai-batch or rows; without it each row is looked at."),
    ] = None,
    price_as: Annotated[
        list[str] | None,
        typer.Option(
            "--price-as", help="Give a model another one's list price; may be repeated.", metavar="NAME=MODEL"
        ),
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", help="Days that the files cover; without it by their times.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan/--no-plan", help="Say what would save how much.")] = True,
    assumptions: Annotated[
        str | None, typer.Option("--assumptions", help="TOML file with the plan's assumptions.", metavar="FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Price usage exports of OpenAI, LiteLLM or this workbook's gateway, and plan what to do about the bill.

    Reads the usage API's pages, the dashboard's activity CSV, LiteLLM's spend logs, output files of the batch API, and
    plain rows with a model and token counts. Nothing leaves this machine.

    Exit code 1 if a row could not be used; all others are counted.
    """
    from workbook import console
    from workbook.bill.as_json import fields_of
    from workbook.bill.reading import plan_for, read_assumptions, read_bill
    from workbook.errors import FAILED

    if html:
        _writable(html, files)
    given = read_assumptions(assumptions)
    errors = console.stderr()
    reading = read_bill(
        files, format=format, price_as=price_as or (), days=days, tell=lambda line: console.say(errors, line)
    )
    made = plan_for(reading.bill, given) if plan else None
    if html:
        from workbook.bill.page import html_of

        _write(Path(html), html_of(reading, made))
    if json:
        console.emit_json("bill", fields_of(reading, made, html))
    else:
        from workbook.bill.terminal import show

        show(console.stdout(), reading, made)
        if html:
            console.say(console.stdout(), f"page written to {html}")
    if reading.faults.total:
        raise typer.Exit(FAILED)


def _writable(target: str, files: list[str]) -> None:
    """Before the work, not after it."""
    from workbook.errors import UsageError

    path = Path(target)
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of {target} does not exist", "make it, or name another file")
    if path.is_dir():
        raise UsageError(f"{target} is a folder", "name a file in it")
    if path.resolve() in {Path(name).resolve() for name in files}:
        raise UsageError(f"{target} is one of the exports", "name another file for the page")


def _write(target: Path, text: str) -> None:
    """All of it or nothing."""
    import os
    import tempfile

    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".bill-") as folder:
        whole = Path(folder) / "page.html"
        whole.write_text(text, encoding="utf-8")
        os.replace(whole, target)
