"""Progress of a run: a live bar on a terminal, one plain line per cell in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from workbook import console, paths

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from workbook.runner.execute import Outcome


class Reporter(Protocol):
    """What a run tells while it goes on."""

    def say(self, line: str) -> None: ...
    def notebook(self, name: str, number: int, of: int, cells: int) -> None: ...
    def cell(self, number: int, of: int, heading: str) -> None: ...
    def done(self, outcome: Outcome) -> None: ...


class Silent:
    """For programs and tests."""

    def say(self, line: str) -> None: ...
    def notebook(self, name: str, number: int, of: int, cells: int) -> None: ...
    def cell(self, number: int, of: int, heading: str) -> None: ...
    def done(self, outcome: Outcome) -> None: ...


class ConsoleReporter:
    """Bar if the console is a terminal, lines otherwise; use as a context manager."""

    def __init__(self, target: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = target
        self.name = ""
        self.begin = time.monotonic()
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        if target.is_terminal:
            self.bar = Progress(
                TextColumn("[bold]{task.fields[name]}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=target,
                transient=True,
            )

    def __enter__(self) -> ConsoleReporter:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def say(self, line: str) -> None:
        console.say(self.console, line)

    def notebook(self, name: str, number: int, of: int, cells: int) -> None:
        self.name, self.begin = name, time.monotonic()
        if self.bar:
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task("starting the kernel", total=cells, name=f"{name} ({number}/{of})")
        else:
            self.say(f"{name} ({number} of {of}): {cells} code cells")

    def cell(self, number: int, of: int, heading: str) -> None:
        if self.bar and self.task is not None:
            self.bar.update(self.task, completed=number - 1, description=_plain(heading))
        elif not self.bar:
            self.say(f"  {time.monotonic() - self.begin:6.1f} s  cell {number}/{of}  {heading}")

    def done(self, outcome: Outcome) -> None:
        if self.bar and self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None
        mark, style = ("passed", "green") if outcome.status == "passed" else ("FAILED", "bold red")
        figures = f"{outcome.seconds:.1f} s, {len(outcome.values)} values"
        self.console.print(f"[{style}]{mark}[/] {outcome.name}  {figures}", soft_wrap=True)
        if outcome.failure:
            self.say(f"  {outcome.failure}")
            if outcome.executed:
                self.say(f"  executed copy: {paths.shown(outcome.executed)}")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
