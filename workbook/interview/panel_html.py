"""What the panel shows that is not a control: markup, with everything that was typed escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from exercises.interviews.model import Figure
from workbook.figures.style import AMBER, BLUE, GREY, INK, LIGHT, RED
from workbook.interview import speech
from workbook.interview.session import Session
from workbook.interview.tables import Row, moved, moved_most, moved_text, same_text, with_unit
from workbook.interview.timing import PHASES, clock_text

# JupyterLab's own colours where it has them: the panel follows a dark theme.
TEXT, SOFT, LINE = (
    f"var(--jp-ui-font-color1, {INK})",
    f"var(--jp-ui-font-color2, {GREY})",
    f"var(--jp-border-color2, {LIGHT})",
)
_CELL = f"padding:3px 12px 3px 0;border-bottom:1px solid {LINE};vertical-align:top;"


def box(inside: str, style: str = "") -> str:
    """A paragraph in the panel's look; `inside` is HTML."""
    # `pre-line` would keep line breaks of markup as well: texts bring their own <br>.
    return f"<div style='color:{TEXT};line-height:1.45;font-size:14px;{style}'>{inside}</div>"


def text(words: str) -> str:
    """Words as HTML: escaped, with their line breaks."""
    return escape(words).replace("\n", "<br>")


def clock(session: Session) -> str:
    """The phases as a strip with their times, and the total."""
    state = session.state
    spent = state.spent(session.elapsed)
    parts = []
    for phase in PHASES:
        used, given = spent.get(phase, 0.0), session.lengths[phase]
        here = phase is state.phase and not state.ended
        late = used > given
        colour = AMBER if late else BLUE
        share = min(100.0, 100 * used / given)
        weight, shade = ("700", TEXT) if here else ("400", SOFT)
        parts.append(
            f"<div style='flex:1 1 0;min-width:96px'>"
            f"<div style='height:6px;background:{LINE};border-radius:3px;overflow:hidden'>"
            f"<div style='height:6px;width:{share:.1f}%;background:{colour}'></div></div>"
            f"<div style='font-weight:{weight};color:{shade};margin-top:4px'>{escape(speech.short(phase))}</div>"
            f"<div style='color:{AMBER if late else SOFT};font-variant-numeric:tabular-nums'>"
            f"{clock_text(used)} / {clock_text(given)}</div></div>"
        )
    hold = "paused" if state.paused else "over" if state.ended else speech.short(session.phase)
    big = (
        f"<div style='min-width:118px;text-align:right'><div class='wb-clock' style='font-size:26px;line-height:1.1;"
        f"font-weight:700;font-variant-numeric:tabular-nums;color:{RED if session.is_over else TEXT}'>"
        f"{clock_text(session.elapsed)}</div><div style='color:{SOFT}'>of {clock_text(session.total_s)}, "
        f"{escape(hold)}</div></div>"
    )
    return box(f"<div style='display:flex;gap:12px;align-items:flex-start'>{''.join(parts)}{big}</div>")


def speech_list(lines: Sequence[tuple[str, str]]) -> str:
    """(who, what) with the latest at the end; who: "interviewer", "you" or "" for the workbook."""
    rows = []
    for number, (who, what) in enumerate(lines):
        latest = number == len(lines) - 1
        shade = TEXT if latest or who == "interviewer" else SOFT
        name = f"<span style='color:{SOFT}'>{escape(who)}: </span>" if who == "you" else ""
        weight = "600" if who == "interviewer" and latest else "400"
        rows.append(f"<div style='margin:3px 0;color:{shade};font-weight:{weight}'>{name}{text(what)}</div>")
    # Turned round, the list keeps its end in sight as it grows.
    return box(
        f"<div style='display:flex;flex-direction:column-reverse;max-height:230px;overflow-y:auto'>"
        f"<div>{''.join(rows)}</div></div>"
    )


def figures_table(figures: Sequence[Figure]) -> str:
    """The figures as an HTML table: name, value with unit, badge, why."""
    rows = "".join(
        f"<tr><td style='{_CELL}'>{escape(one.name)}</td>{_number(with_unit(one.value, one.unit))}"
        f"{_badge(one.badge)}<td style='{_CELL}color:{SOFT}'>{escape(one.note)}</td></tr>"
        for one in figures
    )
    return _table(("figure", "value", "", "why"), rows)


def change_table(rows: Sequence[Row]) -> str:
    """What moved, before and after; the figure that moved most stands out."""
    if not rows:
        return ""
    most = moved_most(rows)
    body = "".join(
        f"<tr style='font-weight:{700 if row is most else 400}'><td style='{_CELL}'>{escape(row.name)}</td>"
        f"{_number(with_unit(row.before, row.unit))}{_number(with_unit(row.after, row.unit))}"
        f"{_number(row.change, BLUE if row.moved else SOFT)}{_badge(row.badge)}"
        f"<td style='{_CELL}color:{SOFT};font-weight:400'>{escape(row.note)}</td></tr>"
        for row in moved(rows)
    )
    said = box(text("\n".join(filter(None, (moved_text(rows), same_text(rows))))))
    return _table(("figure", "before", "after", "change", "", "why"), body) + said


def _table(heads: Sequence[str], rows: str) -> str:
    right = {"value", "before", "after", "change"}
    head = "".join(
        f"<th style='{_CELL}text-align:{'right' if name in right else 'left'};color:{SOFT};font-weight:400'>{name}</th>"
        for name in heads
    )
    return box(
        f"<div style='overflow-x:auto'><table style='border-collapse:collapse'><tr>{head}</tr>{rows}</table></div>"
    )


def _number(shown: str, colour: str = TEXT) -> str:
    return (
        f"<td style='{_CELL}text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;color:{colour}'>"
        f"{escape(shown)}</td>"
    )


def _badge(badge: str) -> str:
    return f"<td style='{_CELL}color:{SOFT};font-size:11px;font-weight:400'>{escape(badge)}</td>"


def earlier_notes(session: Session) -> str:
    """The notes of the phases before, folded."""
    notes = session.state.notes
    inside = "".join(
        f"<div style='margin-top:4px'><b>{escape(speech.short(phase))}</b><br>{text(notes[phase])}</div>"
        for phase in PHASES
        if phase is not session.phase and notes.get(phase)
    )
    if not inside:
        return ""
    return box(f"<details><summary style='color:{SOFT};cursor:pointer'>Earlier notes</summary>{inside}</details>")
