"""workbook doctor: what was found, and how to mend what is missing."""

from __future__ import annotations

from typing import Annotated

import typer

from workbook.commands import Json


def command(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what needs no installation, then check.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Also import torch and vLLM (about 20 s).")] = False,
    json: Json = False,
) -> None:
    """Tell what this machine has (Python, CPU, memory, GPU, torch, vLLM, model, Redis, ports) and how to mend it."""
    from workbook import console, doctor
    from workbook.errors import FAILED

    fixed = doctor.fix() if fix else []
    checks = []
    out = console.stdout()
    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    if not json:
        for line in fixed:
            console.say(out, f"fixed: {line}")
    for check in doctor.run_checks(deep):
        checks.append(check)
        if not json:
            from rich.markup import escape

            shown = f"[{styles[check.status]}]{check.status:<4}[/] {check.name:<10} {escape(check.found)}"
            out.print(shown, soft_wrap=True)
            if check.mend:
                console.say(out, f"{'':16}mend: {check.mend}")
    counts = {status: sum(check.status == status for check in checks) for status in styles}
    if json:
        console.emit_json("doctor", {"counts": counts, "fixed": fixed, "checks": [check.to_dict() for check in checks]})
    else:
        out.print(", ".join(f"{count} {status}" for status, count in counts.items()))
    if counts["fail"]:
        raise typer.Exit(FAILED)
