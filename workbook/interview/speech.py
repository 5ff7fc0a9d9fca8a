"""What the interviewer says, in plain words: the same in the terminal and in the panel."""

from __future__ import annotations

from exercises.interviews.model import Phase
from workbook.interview.report import change_lines
from workbook.interview.session import Session
from workbook.interview.state import Change, Estimate
from workbook.interview.tables import ratio_text, with_unit
from workbook.interview.timing import clock_text


def to_questions(session: Session, names: list[str]) -> str:
    """The answer to a clarifying question."""
    if not names:
        return "That is yours to decide: state an assumption, and go on from it."
    return " ".join(f"{parameter_text(session, name)}." for name in names)


def parameter_text(session: Session, name: str) -> str:
    """`1,000,000 users a day (who chat on a day)`, as it is now."""
    one = session.interview.parameters[name]
    return f"{with_unit(session.state.numbers.get(name, one.value), one.unit)} ({one.what})"


def given(session: Session) -> list[str]:
    """All parameters: what the interviewer lays down once the clarifying is over."""
    return [parameter_text(session, name) for name in session.interview.parameters]


def beginning(session: Session) -> str:
    """Of a phase: its name, its time, and the first thing that the interviewer says."""
    return f"{session.phase.capitalize()}, {clock_text(session.lengths[session.phase])}. {session.opening()}"


def before_estimate(session: Session) -> str:
    """What is asked for after a follow-up was put."""
    figure = session.to_estimate()[0]
    return f"Until now, {figure.name}: {with_unit(figure.value, figure.unit)}. And now? Your estimate first."


def after_estimate(estimate: Estimate) -> str:
    """The computed figure beside the candidate's."""
    said, computed = with_unit(estimate.value, estimate.unit), with_unit(estimate.computed, estimate.unit)
    return f"{estimate.figure}: you said {said}, computed {computed}{_off(estimate)}."


def after_change(session: Session, change: Change) -> list[str]:
    """The parameters that changed, and the estimate beside what came out; the table is not in it."""
    lines = [f"Now {line}." for line in change_lines(change, session.interview)]
    if change.reason:
        return [*lines, f"No design exists with these numbers: {change.reason}. We go on with the earlier ones."]
    mine = [one for one in session.state.estimates if one.follow_up == change.follow_up]
    return [*lines, *(after_estimate(one) for one in mine)]


def _off(estimate: Estimate) -> str:
    ratio = estimate.ratio
    if ratio is None or ratio <= 0:
        return ""
    return " (the same)" if abs(ratio - 1) < 0.005 else f" (yours: {ratio_text(ratio)})"


def skipped(session: Session) -> str:
    """Said when a phase ends with follow-ups that were not put; "" without any."""
    left = len(session.follow_ups_left())
    return (
        f"{left} follow-up{'s' if left > 1 else ''} of this phase {'were' if left > 1 else 'was'} not put."
        if left
        else ""
    )


def status(session: Session, width: int = 80) -> str:
    """One line with the running times, no longer than `width`: `deep dive 3:10 / 15:00 · total 10:40 / 30:00`."""
    state = session.state
    if state.ended:
        return f"over after {clock_text(state.ended_at)}"[:width]
    here, of = clock_text(session.in_phase), clock_text(session.lengths[session.phase])
    total, all_of = clock_text(session.elapsed), clock_text(session.total_s)
    late = " over" if session.in_phase > session.lengths[session.phase] else ""
    hold = "paused · " if state.paused else ""
    for text in (
        f"{hold}{session.phase} {here} / {of}{late} · total {total} / {all_of}",
        f"{hold}{short(session.phase)} {here}/{of}{late} · {total}/{all_of}",
        f"{here}/{of} {total}/{all_of}",
    ):
        if len(text) <= width:
            return text
    return f"{here}/{of}"[:width]


def short(phase: Phase) -> str:
    """The word of a phase's name that tells it from the others."""
    return {
        Phase.ARCHITECTURE: "architecture",
        Phase.SCALING: "scaling",
        Phase.OPERATIONS: "operations",
    }.get(phase, phase.value)
