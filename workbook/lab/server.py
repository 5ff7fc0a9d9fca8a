"""`python -m workbook.lab.server LOG ARGUMENT...`: JupyterLab with everything it says in a log file.

The terminal gets the address and what to do. Extensions that warn, requests that fail and kernels that print write to
the same two descriptors, so these are turned to the log before anything of Jupyter is imported.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from workbook.lab.words import did_not_start, greeting
from workbook.quick import skip_slow_format_check


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C; the exit status. The first argument is the log's path, the others are JupyterLab's."""
    log = Path(arguments[0])
    terminal = turned_to(log)
    skip_slow_format_check()
    try:
        from jupyterlab.labapp import LabApp

        server = LabApp.initialize_server(argv=arguments[1:])
        server.start_app()
    except (Exception, SystemExit) as failure:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr, flush=True)
        print(did_not_start(log), file=terminal, flush=True)
        return 3
    stop_at_ctrl_c(server)
    told: list[str] = []

    def tell() -> None:
        told.append(greeting(server.public_url, log, server.open_browser, os.environ))
        print(told[0], file=terminal, flush=True)

    # Jupyter listens in the first turn of its loop, and leaves the loop if it cannot: before, nobody is at the address.
    server.io_loop.add_callback(tell)
    try:
        server.start_ioloop()
    except SystemExit:
        if told:
            raise
        print(did_not_start(log), file=terminal, flush=True)
        return 3
    print("JupyterLab has stopped.", file=terminal, flush=True)
    return 0


def stop_at_ctrl_c(server: Any) -> None:
    """The first Ctrl-C ends server and kernels in order, a second one at once.

    Jupyter's own handler asks a question, in the log; without a terminal it leaves its threads behind and hangs.
    """

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server.stop(from_signal=True)

    signal.signal(signal.SIGINT, stop)


def turned_to(log: Path) -> TextIO:
    """Standard output and error of this process and its children go to the log; what standard output was before.

    The log holds the address with its token: it is its owner's only.
    """
    terminal = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(target, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    return terminal


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
