"""workbook doctor: what was found, and how to mend what is missing."""

from __future__ import annotations

from typing import Annotated

import typer

from workbook.commands import Json


def command(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what needs no installation, then check.")] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also import torch and vLLM; with --security, read the history and run pip-audit."),
    ] = False,
    security: Annotated[
        bool, typer.Option("--security", help="Check what is open to others: servers, files, keys, packages, licences.")
    ] = False,
    json: Json = False,
) -> None:
    """Tell what this machine has (Python, CPU, memory, GPU, torch, vLLM, model, Redis, ports) and how to mend it."""
    from workbook import console, doctor
    from workbook.errors import FAILED

    fixed = doctor.fix() if fix else []
    checks = []
    out = console.stdout()
    styles = {"ok": "green", "warn": "yellow", "fail": "bold red", "not checked": "magenta"}
    width, named = (11, 13) if security else (4, 10)
    if not json:
        for line in fixed:
            console.say(out, f"fixed: {line}")
    if security:
        from workbook.doctor import security as secure

        found = secure.run_checks(deep)
    else:
        found = doctor.run_checks(deep)
    for check in found:
        checks.append(check)
        if not json:
            from rich.markup import escape

            shown = f"[{styles[check.status]}]{check.status:<{width}}[/] {check.name:<{named}} {escape(check.found)}"
            out.print(shown, soft_wrap=True)
            if check.mend:
                console.say(out, f"{'':{width + named + 2}}mend: {check.mend}")
    counts = {status.replace(" ", "_"): sum(check.status == status for check in checks) for status in styles}
    if not security:
        del counts["not_checked"]  # every check of the machine can be made
    if json:
        console.emit_json("doctor", {"counts": counts, "fixed": fixed, "checks": [check.to_dict() for check in checks]})
    else:
        out.print(", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items()))
    if counts["fail"]:
        raise typer.Exit(FAILED)
