"""The second opinion, asked for and put into words: the same in the terminal and in the panel."""

from __future__ import annotations

from workbook.interview.opinion.calibration import second_opinion
from workbook.interview.opinion.client import Model
from workbook.interview.opinion.judging import Opinion
from workbook.interview.session import Session


def ask_for(session: Session, model: Model) -> Opinion:
    """Ask, and keep the answer with the interview. Raises OpinionError; then nothing has changed."""
    opinion = second_opinion(model, session.interview.rubric, session.state.words())
    session.keep_opinion(opinion.fields())
    return opinion


def opinion_lines(opinion: Opinion) -> list[str]:
    """What it gave, with its quotes; what is void stands there as void, with the reason."""
    lines = [f"{opinion.model} would give {opinion.total:g} points; your own scores stand."]
    for line in opinion.lines:
        if line.void:
            quote = f" It quoted “{line.quote}”." if line.quote else ""
            lines.append(f"  {line.criterion}: VOID, {line.claimed:g} points not counted: {line.void}.{quote}")
        elif line.points:
            lines.append(f"  {line.criterion}: {line.points:g}, for “{line.quote}”")
        else:
            lines.append(f"  {line.criterion}: 0")
    return lines
