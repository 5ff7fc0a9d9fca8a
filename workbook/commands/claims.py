"""workbook claims: what the source's answers say, recomputed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.sizing.claims import Claim, JudgedFigure, Surprise

_STYLES = {"holds": "green", "does-not-hold": "red", "depends": "yellow"}


def command(
    question: Annotated[int | None, typer.Option("--question", "-q", help="Only this question.")] = None,
    surprising: Annotated[
        bool, typer.Option("--surprising", help="Only the verdict of each question that is furthest off.")
    ] = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="Every figure that the answers state, with what judges it.")
    ] = False,
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
    listed = ledger.judged_figures(question, found)
    asked = have if question is None else [question]
    surprises = [one for number in asked if (one := ledger.most_surprising(number, found)) is not None]
    counts = {verdict: sum(claim.verdict == verdict for claim in found) for verdict in _STYLES}
    coverage = ledger.figure_counts(judged=listed)
    if json:
        fields = {
            "counts": counts,
            "coverage": coverage,
            "surprising": [one.to_dict() for one in surprises],
            "claims": [claim.to_dict() for claim in found],
            "figures": [one.to_dict() for one in listed],
        }
        console.emit_json("claims", fields)
        return
    out = console.stdout()
    out.print(_surprises(surprises) if surprising else _figures(listed) if figures else _table(found))
    console.say(out, _covered(coverage))
    console.say(out, ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def _covered(coverage: dict[str, int]) -> str:
    parts = [f"{coverage[verdict]} {verdict}" for verdict in (*_STYLES, "given")]
    return (
        f"{coverage['figures']} figures of the usual answers, {coverage['with-verdict']} with a verdict "
        f"({', '.join(parts)}); the records that judge them:"
    )


def _surprises(found: list[Surprise]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_lines=True)
    table.add_column("Claim", overflow="fold", max_width=40)
    for title in ("Stated", "Computed"):
        table.add_column(title, overflow="fold", max_width=16)
    table.add_column("Off by", justify="right")
    table.add_column("Why", overflow="fold", ratio=1)
    for one in found:
        claim = one.claim
        name = f"[bold]{escape(claim.id)}[/]\n{escape(claim.statement)}"
        pair = ("", "", "")
        if one.factor is not None:
            name += f"\n[italic]{escape(one.says)}[/]"
            pair = (escape(claim.stated_text), escape(claim.computed_text), f"{one.factor:,.1f}x")
        table.add_row(name, *pair, escape(claim.reason))
    return table


def _figures(found: list[JudgedFigure]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    from reference.sizing.units import show

    table = Table()
    table.add_column("Figure", overflow="fold", ratio=1)
    table.add_column("Stated", overflow="fold", max_width=30)
    table.add_column("Verdict")
    table.add_column("Judged by", overflow="fold", max_width=34)
    for one in found:
        figure = one.figure
        values = f"{', '.join(show(value) for value in figure.values)} {figure.unit}".strip()
        style = _STYLES.get(one.verdict or "", "cyan")
        by = ", ".join(figure.records) or figure.field
        name = f"[bold]{escape(figure.id)}[/] {escape(figure.says)}"
        table.add_row(name, escape(values), f"[{style}]{one.verdict or 'none'}[/]", escape(by))
    return table


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
