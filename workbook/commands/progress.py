"""workbook progress: what you have tried, your slips, and what to repeat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from exercises.progress import Summary


def command(
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the share over time to this PNG, SVG or PDF file.")
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete everything that was kept, after a question.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --forget.")] = False,
    json: Json = False,
) -> None:
    """Show your progress: exercises by question, most frequent slips, what to repeat. It never leaves this machine.

    WORKBOOK_PROGRESS names another file, or switches it off ("off").
    """
    from exercises import ExerciseError
    from workbook.errors import UsageError, WorkbookError

    if forget and plot:
        raise UsageError("--forget and --plot contradict each other", "take one of them")
    if yes and not forget:
        raise UsageError("--yes answers the question of --forget", "add --forget, or leave it out")
    if forget and json and not yes:
        raise UsageError("--json asks no questions", "add --yes")
    try:
        if forget:
            _forget(yes, json)
        else:
            _show(plot, json)
    except ExerciseError as error:
        raise WorkbookError(str(error)) from None


def _forget(yes: bool, json: bool) -> None:
    from exercises.progress import forget, path
    from workbook import console

    file = path()
    if not yes and not typer.confirm(f"Delete {file} and all progress in it? Notes of interviews stay."):
        raise typer.Exit(1)
    gone = [str(one) for one in forget()]
    if json:
        console.emit_json("progress", {"file": str(file) if file else None, "forgotten": gone})
        return
    for one in gone or ["nothing was kept"]:
        console.say(console.stdout(), f"deleted {one}" if gone else one)


def _show(plot: Path | None, json: bool) -> None:
    from exercises.progress import path, summary
    from workbook import console

    file, found = path(), summary()
    drawn = str(_plot(found, plot)) if plot else None
    if json:
        console.emit_json("progress", {"file": str(file) if file else None, **_fields(found), "plot": drawn})
        return
    out = console.stdout()
    if file is None:
        console.say(out, "progress is off (WORKBOOK_PROGRESS)")
    _print(out, found)
    for line in ([f"plot: {drawn}"] if drawn else []) + ([f"kept in {file}"] if file else []):
        console.say(out, line)


def _print(out: Any, found: Summary) -> None:
    from rich.table import Table

    from workbook import console
    from workbook.progress import words

    table = Table()
    for name in words.COLUMNS:
        table.add_column(name, justify="left" if name == "question" else "right")
    for row in words.rows(found):
        table.add_row(*row)
    out.print(table)
    for title, lines in (("your most frequent slips", words.slips(found)), ("next", words.next_steps(found))):
        if lines:
            console.say(out, f"{title}:")
            for line in lines:
                console.say(out, f"  {line}")


def _plot(found: Summary, target: Path) -> Path:
    """Writes the figure whole or not at all."""
    import os

    from workbook.errors import UsageError, WorkbookError
    from workbook.figures.progress import drawable, over_time

    kinds = {".png", ".svg", ".pdf"}
    if target.suffix.lower() not in kinds:
        raise UsageError(f"--plot cannot write {target.name}", f"end it in {', '.join(sorted(kinds))}")
    if not drawable(found):
        raise UsageError("there is nothing to plot yet", "check an exercise first")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        over_time(found).savefig(part, format=target.suffix.lower()[1:], dpi=150)
        part.replace(target)
    except OSError as error:
        raise WorkbookError(f"{target} cannot be written: {error.strerror}", "name another file for --plot") from None
    finally:
        part.unlink(missing_ok=True)
    return target


def _fields(found: Summary) -> dict[str, Any]:
    """As docs/cli-json.md has it."""
    return {
        "questions": [
            {
                "question": one.question,
                "exercises": one.exercises,
                "tried": one.tried,
                "marked": one.marked,
                "right_first": one.right_first,
                "best": one.best,
                "due": one.due,
                "interview": one.interview,
            }
            for one in found.rows
        ],
        "slips": [{"slip": key, "say": say, "times": times} for key, say, times in found.slips],
        "due": [
            {
                "exercise": one.exercise.id,
                "since": one.since.isoformat(),
                "last": one.last.isoformat(),
                "recall": one.recall,
                "reason": one.reason,
                "take": one.take,
            }
            for one in found.due
        ],
        "next": [{"exercise": name, "reason": reason} for name, reason in found.next],
        "attempts": len(found.attempts),
        "interviews": [
            {
                "question": one.question,
                "at": one.at.isoformat(),
                "minutes": one.minutes,
                "total": one.total,
                "of": one.of,
            }
            for one in found.interviews
        ],
    }
