"""What the interviewer does of themselves as the clock runs."""

from __future__ import annotations

from workbook.interview.session import Session
from workbook.interview.timing import clock_text


def remarks(session: Session) -> list[str]:
    """What is said of the time, each once: that a phase's is over, that all of it is."""
    state = session.state
    if state.ended or state.paused:
        return []
    if session.is_over:
        if any(word.startswith("time ") for word in state.warned):
            return []
        return [session.say("time", "The time is over. Finish your sentence.")]
    length = session.lengths[session.phase]
    if session.in_phase < length or f"over {session.phase}" in state.warned:
        return []
    return [session.say("over", f"The {clock_text(length)} for {session.phase} are over; go on when it suits.")]


def due(session: Session) -> str:
    """ "question" or "follow_up" if one would be put now, else "".

    What belongs to a phase is spread evenly over its time; what the candidate asked for earlier counts as put. Nothing
    comes while a follow-up waits for its estimate.
    """
    state, phase = session.state, session.phase
    if state.ended or state.paused or state.pending is not None or session.is_over:
        return ""
    questions, follow_ups = session.questions_left(), len(session.follow_ups_left())
    left = questions + follow_ups
    changes = sum(one.phase is phase for one in session.interview.follow_ups)
    of = len(session.interview.prompts[phase]) - 1 + changes
    if not left or session.in_phase < session.lengths[phase] * (of - left + 1) / (of + 1):
        return ""
    # The kind of which the greater share is left, so that follow-ups and questions take turns.
    share = questions / max(1, of - changes)
    return "follow_up" if follow_ups and follow_ups / changes >= share else "question"
