"""A review for people at a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from reference.agents.types import Finding, Review, Severity, Status

from .escape import visible
from .text import counts, plain_text

if TYPE_CHECKING:
    from rich.padding import Padding
    from rich.text import Text

_COLOUR = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.SUGGESTION: "cyan"}


def terminal_of(review: Review, *, width: int = 100, color: bool = False) -> str:
    """Lines of at most `width` columns. Control sequences of the change are shown as U+FFFD, never sent."""
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None, highlight=False
    )
    number = f"#{review.change.number}" if review.change.number else ""
    console.print(Text(f"{visible(review.change.repository)}{number} {visible(review.change.title)}".strip(), "bold"))
    if review.plan.skip:
        console.print(Text(f"No review needed: {visible(review.plan.skip, 300)}"))
    for comment in review.comments:
        for one in comment.findings:
            title, why, mend = plain_text(one)
            console.print()
            head = Text.assemble((one.severity.word, _COLOUR[one.severity]), f"  {_where(one)}  ", (title, "bold"))
            console.print(head)
            console.print(_indented(Text(why)))
            console.print(_indented(Text(f"Mend: {mend}")))
            console.print(_indented(Text(f"{one.rule}, {one.agent.value}, id {one.fingerprint}", "dim")))
    console.print()
    for reason, left in sorted(review.left_out.items()):
        if left:
            console.print(Text(f"not posted, {visible(reason)}: {counts(left)}"))
    for report in review.reports:
        if report.status not in (Status.OK, Status.SKIPPED):
            console.print(Text(f"{report.agent.value}: {report.status.value}: {visible(report.reason, 300)}", "yellow"))
    for note in dict.fromkeys((*review.notes, *review.change.problems)):
        console.print(Text(visible(note, 400)))
    cost = f"${review.cost:.4f}" if review.cost else "no language model"
    console.print(Text(f"{counts(review.findings)}; {review.seconds:.1f} s, {cost}; {review.event}", "bold"))
    return out.getvalue()


def _indented(text: Text) -> Padding:
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, 4), expand=False)


def _where(finding: Finding) -> str:
    return f"{visible(finding.path, 200)}:{finding.line}"
