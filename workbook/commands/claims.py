"""workbook claims: what the source's answers say, recomputed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbook.commands import Json

_STYLES = {"holds": "green", "does-not-hold": "red", "depends": "yellow"}


def command(
    question: Annotated[int | None, typer.Option("--question", "-q", min=1, help="Only this question.")] = None,
    json: Json = False,
) -> None:
    """Print the claims ledger: every figure of the standard answers, recomputed, with a verdict."""
    from reference.sizing.claims import ledger
    from workbook import console
    from workbook.errors import UsageError

    found = [claim.to_dict() for claim in ledger.claims(question)]
    if not found:
        have = sorted({claim.question for claim in ledger.claims()})
        raise UsageError(f"there are no claims of question {question}", f"questions with claims: {have}")
    if json:
        console.emit_json("claims", {"claims": found})
        return
    console.stdout().print(_table(found))
    counts = {verdict: sum(claim["verdict"] == verdict for claim in found) for verdict in _STYLES}
    console.stdout().print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def _table(found: list[dict[str, Any]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=True)
    for title in ("Claim", "Stated", "Computed", "Verdict", "Why"):
        table.add_column(title, ratio={"Claim": 3, "Why": 4}.get(title), overflow="fold")
    for claim in found:
        style = _STYLES.get(claim["verdict"], "")
        verdict = f"[{style}]{claim['verdict']}[/]" if style else escape(str(claim["verdict"]))
        table.add_row(
            f"[bold]{escape(claim['id'])}[/] {escape(claim['statement'])}",
            escape(_figure(claim["stated"], claim["unit"])),
            escape(_figure(claim["computed"], claim["unit"])),
            verdict,
            escape(claim["reason"]),
        )
    return table


def _figure(value: Any, unit: str | None) -> str:
    from workbook.runner.run import shown_value

    if value is None:
        return "not stated"
    if isinstance(value, list | tuple) and len(value) == 2:
        text = f"{shown_value(value[0])} to {shown_value(value[1])}"
    else:
        text = shown_value(value)
    return f"{text} {unit or ''}".strip()
