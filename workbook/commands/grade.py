"""workbook grade: what students handed in, run apart and marked; tables, feedback, what waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from workbook.grading.grade import Report


def command(
    folder: Annotated[Path, typer.Argument(help="The folder that `workbook assign` made.", metavar="DIR")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Table of points; NAME-canvas.csv and NAME-moodle.csv come beside it. "
            "Without it DIR/graded/grades.csv.",
            metavar="FILE",
        ),
    ] = None,
    submissions: Annotated[
        Path | None, typer.Option("--submissions", help="Where the notebooks are; without it DIR/submitted.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, help="Students at a time; 0 is one per core.")] = 0,
    seconds_per_cell: Annotated[float, typer.Option("--seconds-per-cell", help="Wall seconds of one cell.")] = 10.0,
    memory: Annotated[int, typer.Option("--memory", help="MiB that one notebook may use.")] = 1024,
    unprotected: Annotated[
        bool,
        typer.Option(
            "--unprotected", help="Run students' code where no sandbox works: it can then read and change what you can."
        ),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also run what has not changed since it was graded.")] = False,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="No names and ids in review.html and marks.csv.")
    ] = False,
    json: Json = False,
) -> None:
    """Grade an assignment: a table, feedback per student, open answers to mark, and how the exercises did.

    Each notebook runs in a sandbox with limits; the key never enters it. Points for open answers come from
    DIR/graded/marks.csv: fill it in a spreadsheet and run the command again. What has not changed is not run again, and
    nothing that you typed is lost. Canvas' and Moodle's tables hold final totals only.

    Exit code 1 if somebody could not be graded. Files that could not be placed are listed.
    """  # fmt: skip
    from workbook import console
    from workbook.errors import FAILED, UsageError
    from workbook.grading.grade import GRADED, Options, grade
    from workbook.grading.types import Limits

    if not 0.1 <= seconds_per_cell <= 3600:
        raise UsageError(f"--seconds-per-cell {seconds_per_cell:g} cannot be", "name 0.1 to 3600 seconds")
    if not 64 <= memory <= 1 << 20:
        raise UsageError(f"--memory {memory} cannot be", "name 64 to 1048576 MiB")
    table = out if out is not None else folder / GRADED / "grades.csv"
    if table.is_dir() or (out is not None and not table.absolute().parent.is_dir()):
        raise UsageError(f"{table} cannot be written", "--out names a file in a folder that exists")
    limits = Limits(cell_s=seconds_per_cell, total_s=max(60.0, 6 * seconds_per_cell), memory_mb=memory)
    err = console.stderr()
    report = grade(
        folder, table, Options(submissions, jobs, limits, unprotected, again, anonymous),
        tell=lambda line: console.say(err, line),
    )  # fmt: skip
    if json:
        console.emit_json("grade", fields_of(report))
    else:
        _show(report, console)
    if report.failed or report.problems:
        raise typer.Exit(FAILED)


def fields_of(report: Report) -> dict[str, Any]:
    """The JSON object; its names are those of docs/cli-json.md."""
    from workbook.grading.marking import total, total_points

    return {
        "assignment": report.assignment.name,
        "of": total_points(report.assignment),
        "sandbox": report.sandbox,
        "jobs": report.jobs,
        "seconds": round(report.seconds, 2),
        "graded_now": list(report.fresh),
        "students": [
            {
                "id": one.student.id,
                "name": one.student.name,
                "submitted": one.submitted,
                "total": None if one.failure else round(total(one.marked), 4),
                "final": one.final,
                "failure": one.failure,
                "waiting": [mark.exercise for mark in one.marked.marks if mark.waits_for_person],
                "flags": [{"flag": flag.name, "what": what} for flag, what in one.marked.flags],
                "exercises": [
                    {
                        "id": mark.exercise,
                        "earned": round(mark.earned, 4),
                        "points": mark.points,
                        "parts": [
                            {"name": part.name, "verdict": str(part.verdict), "share": part.earned, "slip": part.slip}
                            for part in mark.parts
                        ],
                    }
                    for mark in one.marked.marks
                ],
                "seconds": one.seconds,
            }
            for one in report.results
        ],
        "unplaced": [{"file": str(path), "reason": reason} for path, reason in report.unplaced],
        "strange_marks": [
            {"line": row.line, "student": row.student, "exercise": row.exercise, "criterion": row.criterion}
            for row in report.strange
        ],
        "problems": list(report.problems),
        "files": {name: str(path) for name, path in sorted(report.files.items())},
        "backup": str(report.backup) if report.backup else None,
        "analysis": report.analysis.to_dict(),
    }


def _show(report: Report, console: Any) -> None:
    from rich.table import Table
    from rich.text import Text

    from workbook.grading.csv_files import points
    from workbook.grading.marking import total, total_points

    out = console.stdout()
    of = points(total_points(report.assignment))
    table = Table(title=f"{report.assignment.name}, {of} points", title_justify="left")
    for column in ("student", "points", "waits", "what was odd"):
        table.add_column(column, justify="right" if column == "points" else "left")
    for one in report.results:
        odd = [one.remark] if one.remark else []
        odd += [f"{flag.value}: {what}" if what else flag.value for flag, what in dict.fromkeys(one.marked.flags)]
        waits = sum(mark.waits_for_person for mark in one.marked.marks)
        cells = ("-" if one.failure else points(total(one.marked)), str(waits or ""), "; ".join(odd))
        table.add_row(Text(one.student.id), *(Text(cell) for cell in cells))  # what students named is no markup
    out.print(table)
    say = lambda line: console.say(out, line)  # noqa: E731
    for path, reason in report.unplaced:
        say(f"not graded: {path}: {reason}")
    for row in report.strange:
        say(f"marks.csv, line {row.line}: {row.student} / {row.exercise} / {row.criterion} is not of this assignment")
    for problem in report.problems:
        say(problem)
    say(
        f"{len(report.fresh)} of {len(report.results)} graded now, {report.jobs} at a time, in {report.seconds:.0f} s, "
        f"sandbox: {report.sandbox}"
    )
    waiting = sum(one.waits for one in report.results)
    if waiting:
        say(f"{waiting} with open answers to mark: {report.files['review']}, then {report.files['marks']}")
    if report.backup:
        say(f"the former marks.csv: {report.backup}")
    for name in ("grades", "canvas", "moodle", "feedback", "analysis"):
        say(f"{name}: {report.files[name]}")
