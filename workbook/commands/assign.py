"""workbook assign: a folder per student with notebooks of their own numbers, and the instructor's record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbook.commands import Json


def command(
    questions: Annotated[list[str] | None, typer.Argument(help="q1 to q7.", metavar="QUESTION...")] = None,
    roster: Annotated[
        Path | None, typer.Option("--roster", help="CSV of Canvas or Moodle, or with columns id, name, email.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to make.")] = None,
    name: Annotated[str, typer.Option("--name", help="Of the assignment.")] = "assignment",
    exercises: Annotated[
        str | None, typer.Option("--exercises", help="Ids to hand out, with commas [all of the questions].")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id-column", help="Column of the roster that holds ids.")] = None,
    seed: Annotated[
        str | None, typer.Option("--seed", help="Same numbers again; whoever knows it knows them [a secret one].")
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Hand out to those of the roster who have no folder in --out yet.")
    ] = False,
    layout: Annotated[
        str, typer.Option("--format", help="folders, or nbgrader: one course of instructor notebooks.")
    ] = "folders",
    json: Json = False,
) -> None:
    """Hand out exercises: every student gets notebooks with numbers of their own, without answers.

    DIR/students/ID/ is what a student gets. DIR/instructor/ is for you alone: `workbook grade DIR` needs it.
    """
    from workbook.errors import UsageError, WorkbookError

    if out is None:
        raise UsageError("--out is missing", "name the folder to make")
    if layout not in ("folders", "nbgrader"):
        raise UsageError(f"--format {layout}: there is no such format", "folders or nbgrader")
    try:
        if layout == "nbgrader":
            _refuse("with --format nbgrader", {"--roster": roster, "--add": add, "--id-column": id_column})
            fields = _course(questions or [], out, name, _ids(exercises), seed)
            said = [f"written: {out / 'source' / name}, for nbgrader"]
        elif roster is None:
            raise UsageError("--roster is missing", "name a CSV file with a column of ids")
        elif add:
            _refuse("with --add", {"QUESTION": questions, "--exercises": exercises, "--seed": seed})
            fields = _add(roster, out, id_column)
            said = _written(fields)
        else:
            fields = _hand_out(questions or [], roster, out, name, _ids(exercises), id_column, seed)
            said = _written(fields)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WorkbookError(f"{out} cannot be written: {reason}", "make room, or name another --out") from None
    _tell(fields, said, json)


def _refuse(where: str, given: dict[str, object]) -> None:
    from workbook.errors import UsageError

    for option, value in given.items():
        if value:
            raise UsageError(f"{option} has no meaning {where}", "leave it out")


def _ids(exercises: str | None) -> list[str]:
    return [name.strip() for name in (exercises or "").split(",") if name.strip()]


def _hand_out(
    questions: list[str],
    roster: Path,
    out: Path,
    name: str,
    exercises: list[str],
    id_column: str | None,
    seed: str | None,
) -> dict[str, Any]:
    from workbook.grading.assignment import make, write
    from workbook.grading.roster import read_roster

    students, notes = read_roster(roster, id_column)
    made = make(name, questions, students, exercises, seed)
    write(made, out)
    return _fields(made, out, [student.id for student in students], list(notes))


def _add(roster: Path, out: Path, id_column: str | None) -> dict[str, Any]:
    from workbook.grading import assignment
    from workbook.grading.roster import read_roster

    students, notes = read_roster(roster, id_column)
    added = assignment.add(out, students)
    gone = [f"{student} is no longer on the roster; the folder stays" for student in added.gone]
    return _fields(added.assignment, out, list(added.students), [*notes, *gone])


def _course(questions: list[str], out: Path, name: str, exercises: list[str], seed: str | None) -> dict[str, Any]:
    from workbook.grading.nbgrader_export import write_course

    made = write_course(name, questions, out, exercises, seed)
    return _fields(made, out, [], [])


def _fields(made: Any, out: Path, written: list[str], notes: list[str]) -> dict[str, Any]:
    from exercises.catalogue import exercise

    return {
        "name": made.name,
        "folder": str(out),
        "questions": list(made.questions),
        "exercises": [
            {"id": one.id, "title": one.title, "kind": str(one.kind), "points": one.points}
            for one in map(exercise, made.exercises)
        ],
        "students": written,
        "notes": notes,
    }


def _written(fields: dict[str, Any]) -> list[str]:
    if not fields["students"]:
        return ["nobody was new"]
    return [
        f"written: {fields['folder']}/students, {len(fields['students'])} folders to hand out",
        f"keep to yourself: {fields['folder']}/instructor",
    ]


def _tell(fields: dict[str, Any], said: list[str], as_json: bool) -> None:
    from workbook import console

    if as_json:
        console.emit_json("assign", fields)
        return
    out = console.stdout()
    points = sum(one["points"] for one in fields["exercises"])
    console.say(out, f"{fields['name']}: {len(fields['exercises'])} exercises, {points:g} points")
    for one in fields["exercises"]:
        console.say(out, f"  {one['id']}: {one['title']} ({one['kind']}, {one['points']:g} points)")
    for line in [*fields["notes"], *said]:
        console.say(out, line)
