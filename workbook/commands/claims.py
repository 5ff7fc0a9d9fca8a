"""workbook claims: what the source's answers say, recomputed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.sizing.claims import Claim

_STYLES = {"holds": "green", "does-not-hold": "red", "depends": "yellow"}


def command(
    question: Annotated[int | None, typer.Option("--question", "-q", help="Only this question.")] = None,
    json: Json = False,
) -> None:
    """Print the claims ledger: every figure of the standard answers, recomputed, with a verdict."""
    from reference.sizing import claims as ledger
    from workbook import console
    from workbook.errors import UsageError

    have = ledger.questions()
    if question is not None and question not in have:
        known = ", ".join(str(number) for number in have)
        raise UsageError(f"there are no claims of question {question}", f"questions with claims: {known}")
    found = ledger.claims(question)
    counts = {verdict: sum(claim.verdict == verdict for claim in found) for verdict in _STYLES}
    if json:
        console.emit_json("claims", {"counts": counts, "claims": [claim.to_dict() for claim in found]})
        return
    out = console.stdout()
    out.print(_table(found))
    console.say(out, ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def _table(found: list[Claim]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=True)
    table.add_column("Claim", overflow="fold", width=max(len(claim.id) for claim in found))
    for title in ("Stated", "Computed", "Verdict"):
        table.add_column(title, overflow="fold", max_width=20)
    table.add_column("Why", overflow="fold", ratio=1)
    for claim in found:
        style = _STYLES[claim.verdict]
        statement = f"[bold]{escape(claim.id)}[/]\n{escape(claim.statement)}"
        if claim.implied:
            statement += " [italic](implied)[/]"
        computed = escape(claim.computed_text)
        verdict = f"[{style}]{claim.verdict}[/]\n{claim.evidence.badge}"
        table.add_row(statement, escape(claim.stated_text), computed, verdict, escape(claim.reason))
    return table
