"""The console script `workbook`. One module per command in workbook/commands; each brings a function `command`.

To add a command: write workbook/commands/NAME.py with `command` (typer reads its signature and docstring), and name it
in COMMANDS; a hyphen of the name is an underscore in the file's. Keep heavy imports inside `command`, so that
`workbook --help` stays quick.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from workbook.errors import INTERNAL, INTERRUPTED, WorkbookError

# In the order of --help.
COMMANDS = (
    "doctor",
    "lab",
    "run",
    "claims",
    "corpus",
    "ingest",
    "ask",
    "moderate",
    "bill",
    "review-queue",
    "review",
    "review-serve",
    "review-feedback",
    "review-eval",
    "calibrate",
    "plan",
    "progress",
    "assign",
    "grade",
    "serve",
    "stop",
    "pair",
    "interview",
)


class Group(TyperGroup):
    """Turns every failure into one short message and an exit code; --debug shows the traceback instead."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta["workbook.json"] = "--json" in args  # known before the command itself parses its options
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, KeyboardInterrupt) as stop:
            if isinstance(stop, KeyboardInterrupt):
                print("interrupted", file=sys.stderr)
                raise typer.Exit(INTERRUPTED) from None
            raise
        except Exception as error:
            if ctx.params.get("debug") or _is_usage_error(error):
                raise
            failure = as_failure(error)
            if ctx.meta["workbook.json"]:
                from workbook.console import emit_json

                emit_json(ctx.invoked_subcommand or "workbook", {"error": failure})
            print(_text(failure), file=sys.stderr)
            raise typer.Exit(int(str(failure["exit_code"]))) from None


def as_failure(error: Exception) -> dict[str, object]:
    """message, mend and exit_code of any exception."""
    if isinstance(error, WorkbookError):
        return error.to_dict()
    if type(error).__module__.startswith("reference."):
        # The errors of reference/ say in their message what to do.
        return {"message": str(error), "mend": "", "exit_code": WorkbookError.exit_code}
    return {
        "message": f"a fault of the workbook: {type(error).__name__}: {error}",
        "mend": "`workbook --debug ...` shows where",
        "exit_code": INTERNAL,
    }


def _text(failure: dict[str, object]) -> str:
    return f"{failure['message']}\n  {failure['mend']}" if failure["mend"] else str(failure["message"])


def _is_usage_error(error: Exception) -> bool:
    """typer's own complaints about the command line know how to show themselves."""
    return hasattr(error, "exit_code") and hasattr(error, "show")


app = typer.Typer(
    cls=Group,
    name="workbook",
    help="Seven AI-system-design questions as notebooks that compute, measure and run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback when something fails.")] = False,
) -> None:
    """Options of every command."""


for _name in COMMANDS:
    app.command(name=_name)(importlib.import_module(f"workbook.commands.{_name.replace('-', '_')}").command)

# Subcommands of one name: `workbook rollout gates`.
GROUPS = ("rollout",)
for _name in GROUPS:
    app.add_typer(importlib.import_module(f"workbook.commands.{_name}").app, name=_name)


if __name__ == "__main__":
    app()
