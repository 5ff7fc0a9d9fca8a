"""Progress of `workbook ingest` in a log file."""

from __future__ import annotations

import io

from rich.console import Console

from reference.rag.ingest.progress import Progress
from workbook.commands.ingest import _LineNowAndThen, _shown


def console():
    return Console(file=io.StringIO(), width=200)


def test_a_log_file_gets_a_line_now_and_then_with_the_time_left():
    log, now = console(), [0.0]
    tell = _LineNowAndThen(log, every_s=15, clock=lambda: now[0])
    for second in range(0, 40, 5):
        now[0] = float(second)
        tell(Progress("embed", 9, 100, second, 100, second, 100, 50.0, 125.0))
    lines = log.file.getvalue().splitlines()
    assert lines == [
        "15 of 100 chunks embedded, 50 tokens/s, 2 min 05 s left",
        "30 of 100 chunks embedded, 50 tokens/s, 2 min 05 s left",
    ]


def test_no_bar_is_drawn_where_nobody_sees_it():
    log = console()
    with _shown(log) as tell:
        tell(Progress("read", 3))
    assert log.file.getvalue() == ""
