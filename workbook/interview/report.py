"""One interview to read afterwards: Markdown for a person, fields for `--json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exercises.interviews.model import Criterion, Interview
from workbook.interview.log import Event, read
from workbook.interview.state import Change, State, replay
from workbook.interview.tables import moved, moved_text, number_text, same_text, with_unit
from workbook.interview.timing import PHASES, clock_text, lengths

ENDS = {"done": "all phases done", "time": "the time was over", "": "not finished"}


def report_path(log: Path) -> Path:
    """The report's file, beside the interview's."""
    return log.with_suffix(".md")


def write_report(state: State, interview: Interview, log: Path) -> Path:
    """Beside the log; replaced whole. Raises OSError."""
    from reference.sizing.files import write_whole

    return write_whole(report_path(log), markdown(state, interview))


def markdown(state: State, interview: Interview) -> str:
    """The report of an interview as Markdown."""
    parts = [
        f"# Mock interview: {state.title}",
        f"{state.question}, begun {state.started.replace('T', ' ')}, {state.minutes} minutes, "
        f"{ENDS.get(state.ended, state.ended)} after {clock_text(state.spent_s)}.",
        _scores(state, interview.rubric),
        _opinion(state, interview.rubric),
        _times(state),
        _estimates(state),
        "## Follow-ups",
        *(_change(change, interview) for change in state.changes),
        _not_put(state, interview),
        "## Notes",
        *(f"### {phase.capitalize()}\n\n{_quoted(state.notes[phase])}" for phase in PHASES if state.notes.get(phase)),
        "" if any(state.notes.values()) else "None were taken.",
        "## Timeline",
        _timeline(state),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scores(state: State, rubric: tuple[Criterion, ...]) -> str:
    of = sum(one.points for one in rubric)
    rows = []
    for one in rubric:
        score = state.scores.get(one.name)
        said = "" if score is None else f"“{score.quote}”" if score.quote else "no quote"
        reason = f" ({score.reason})" if score and score.reason else ""
        points = "-" if score is None else f"{score.points:g} of {one.points:g}"
        rows.append((one.name, points, said + reason))
    missing = "" if len(state.scores) == len(rubric) else " so far"
    head = f"## Rubric: {state.total:g} of {of:g} points{missing}"
    return f"{head}\n\n" + _table(("criterion", "points", "own words"), rows)


def _opinion(state: State, rubric: tuple[Criterion, ...]) -> str:
    if not state.opinion:
        return ""
    opinion = state.opinion
    head = f"## Second opinion: {opinion['total']:g} of {sum(one.points for one in rubric):g} points\n\n"
    rows = [
        (line["criterion"], f"{line['points']:g}", f"“{line['quote']}”" if line["quote"] else "", line["void"])
        for line in opinion["lines"]
    ]
    table = _table(("criterion", "points", "quoted", "voided because"), rows)
    return f"{head}By {_cell(opinion['model'])}; it changes nothing above.\n\n{table}"


def _times(state: State) -> str:
    given = lengths(state.minutes)
    rows = [(phase, clock_text(used), clock_text(given[phase])) for phase, used in state.spent().items()]
    return "## Time\n\n" + _table(("phase", "used", "given"), rows)


def _estimates(state: State) -> str:
    if not state.estimates:
        return "## Estimates\n\nNone were made."
    rows = [
        (
            one.figure,
            "" if one.follow_up is None else f"after follow-up {one.follow_up + 1}",
            with_unit(one.value, one.unit),
            with_unit(one.computed, one.unit),
            "-" if one.ratio is None else number_text(one.ratio),
        )
        for one in state.estimates
    ]
    return "## Estimates\n\n" + _table(("figure", "when", "estimated", "computed", "estimated / computed"), rows)


def _change(change: Change, interview: Interview) -> str:
    lines = [f"### {clock_text(change.at)}: {change.say}"]
    lines += [f"- {line}" for line in change_lines(change, interview)]
    if change.reason:
        lines.append(f"\nNo design exists with these numbers: {change.reason}")
    else:
        rows = [
            (row.name, with_unit(row.before, row.unit), with_unit(row.after, row.unit), row.change, row.badge, row.note)
            for row in moved(change.rows)
        ]
        lines += ["", _table(("figure", "before", "after", "change", "", "why"), rows), "", moved_text(change.rows)]
        lines.append(same_text(change.rows))
    listen = interview.follow_ups[change.follow_up].listen_for if change.follow_up < len(interview.follow_ups) else ""
    return "\n".join([*lines, f"\nA strong answer: {listen}" if listen else ""]).rstrip()


def change_lines(change: Change, interview: Interview) -> list[str]:
    """The parameters that changed, in words, with their new values."""
    found = []
    for name, value in change.changes.items():
        parameter = interview.parameters.get(name)
        what, unit = (parameter.what, parameter.unit) if parameter else (name, "")
        found.append(f"{with_unit(value, unit)} ({what})")
    return found


def _not_put(state: State, interview: Interview) -> str:
    left = [one for number, one in enumerate(interview.follow_ups) if number not in state.follow_ups]
    if not left:
        return ""
    return "Not put this time:\n\n" + "\n".join(f"- {one.say} (a strong answer: {one.listen_for})" for one in left)


def _timeline(state: State) -> str:
    rows = [(clock_text(event["at"]), text) for event in state.timeline if (text := _happened(event))]
    return _table(("time", "what"), rows)


def _happened(event: Event) -> str:
    match event["kind"]:
        case "phase":
            return f"**{event['phase']}**"
        case "said" | "follow_up":
            return f"interviewer: {event['text']}"
        case "note":
            return f"note: {event['text']}"
        case "asked":
            return f"asked: {event['text']}"
        case "estimate":
            value = "shown without an estimate" if event["value"] is None else with_unit(event["value"], event["unit"])
            return f"estimate, {event['figure']}: {value}"
        case "numbers":
            return "looked at the figures"
        case "pause":
            return "paused"
        case "go_on" | "resumed":
            return "went on"
        case "ended":
            return f"end: {ENDS.get(event['reason'], event['reason'])}"
    return ""


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _quoted(text: str) -> str:
    """As the candidate wrote it, line by line."""
    return "\n".join(f"> {line}  " if line.strip() else ">" for line in text.splitlines())


# ---- for --json and --list -------------------------------------------------------------------------------------------
def record_of(log: Path) -> dict[str, Any]:
    """The fields of docs/cli-json.md. Raises WorkbookError or ValueError for a damaged file."""
    state = replay(read(log))
    stage = "done" if state.done else "rubric" if state.ended else "running"
    report = report_path(log)
    return {
        "file": str(log),
        "question": state.question,
        "title": state.title,
        "minutes": state.minutes,
        "started": state.started,
        "stage": stage,
        "phase": state.phase.value if state.phase else "",
        "seconds": round(state.spent_s, 1),
        "phases": [{"phase": phase.value, "seconds": round(used, 1)} for phase, used in state.spent().items()],
        "estimates": [
            {
                "figure": one.figure,
                "unit": one.unit,
                "estimate": one.value,
                "computed": one.computed,
                "ratio": one.ratio,
            }
            for one in state.estimates
        ],
        "scores": [
            {"criterion": one.criterion, "points": one.points, "quote": one.quote, "reason": one.reason}
            for one in state.scores.values()
        ],
        "total": state.total if state.scores else None,
        "report": str(report) if report.is_file() else None,
    }
