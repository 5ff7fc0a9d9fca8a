"""All cells of one notebook: again without the one that ended the process, until each has had its turn."""

from __future__ import annotations

import time
from collections.abc import Sequence

from exercises.builds import Observation
from exercises.model import Value
from workbook.grading.sandbox.attempt import Attempt, Outcome
from workbook.grading.sandbox.kinds import Sandbox
from workbook.grading.types import CellRun, CodeCell, Ended, Limits, NoSandbox, Ran

_LONGEST_ERROR = 2000


def run(cells: Sequence[CodeCell], limits: Limits, sandbox: Sandbox) -> Ran:
    """Run the cells in order in one namespace, each with its own numbers, and bring back what was asked of them.

    A cell that hangs or ends the process is left out and the others run again, so that it costs only itself; its
    numbers are still set. Whatever the code does, this returns. Raises NoSandbox if the sandbox itself does not start.
    """
    until = time.monotonic() + limits.total_s
    done: dict[int, Outcome] = {}
    left_out: set[int] = set()
    failures, why = 0, f"the notebook's {limits.total_s:g} s were over"
    while len(done) < len(cells) and time.monotonic() < until:
        sent = [_sent(cell, skip=number in left_out, ask=number not in done) for number, cell in enumerate(cells)]
        try:
            outcomes = Attempt(sent, [cell.collect for cell in cells], limits, sandbox, until).run()
        except NoSandbox as error:
            failures += 1
            if failures > 1 and not done:  # no student's code has run: this is the machine's doing
                raise
            if failures > 3:
                why = str(error)
                break
            continue
        for number, outcome in outcomes.items():
            done.setdefault(number, outcome)
            if outcome.line is None:
                left_out.add(number)
    return _ran(cells, done, sandbox, why)


def _sent(cell: CodeCell, skip: bool, ask: bool) -> dict[str, Value]:
    collect = cell.collect
    asked = None
    if collect is not None and ask:
        asked = {
            "names": list(collect.names),
            "build": collect.build,
            "driver": collect.driver,
            "driver_name": collect.driver_name,
            "cases": [dict(case) for case in collect.cases],
        }
    return {"key": cell.key, "source": cell.source, "params": dict(cell.params), "collect": asked, "skip": skip}


def _ran(cells: Sequence[CodeCell], done: dict[int, Outcome], sandbox: Sandbox, why: str) -> Ran:
    runs: list[CellRun] = []
    values: dict[str, dict[str, Value]] = {}
    observations: dict[str, list[Observation]] = {}
    reasons: dict[str, str] = {}
    for number, cell in enumerate(cells):
        outcome = done.get(number) or Outcome(Ended.NOT_RUN, why)
        runs.append(
            CellRun(cell.key, outcome.ended, outcome.why[-_LONGEST_ERROR:], outcome.output, round(outcome.seconds, 3))
        )
        if cell.collect is None:
            continue
        exercise, line = cell.collect.exercise, outcome.line
        if line is None:
            reasons[exercise] = outcome.why
            continue
        if line.values:
            values.setdefault(exercise, {}).update(line.values)
        if line.seen is not None:
            observations[exercise] = line.seen
        if line.reasons:
            reasons[exercise] = "; ".join(filter(None, [reasons.get(exercise), *line.reasons]))
    return Ran(tuple(runs), values, observations, reasons, sandbox.name)
