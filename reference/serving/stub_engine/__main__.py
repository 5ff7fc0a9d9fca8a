"""Command line of the stub engine; serves until interrupted."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields
from typing import get_args

from reference.serving.listening import KEEP_ALIVE_S, listening_socket
from reference.serving.stub_engine.app import Fault, FaultKind, StubApp, StubSettings


def serve(settings: StubSettings, port: int = 0, *, die_with_stdin: bool = False) -> None:
    """Serve on 127.0.0.1 until interrupted; prints ``port N`` when the socket listens (port 0 picks a free one).

    With `die_with_stdin` the process ends when its standard input closes: a parent that is killed leaves no orphan.
    """
    import uvicorn

    listener = listening_socket("127.0.0.1", port, error=SystemExit, mend="give another --port, or 0 for a free one")
    config = uvicorn.Config(
        StubApp(settings),
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    if die_with_stdin:
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(f"port {listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reference.serving.stub_engine", description="OpenAI-compatible server of known latency"
    )
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    for f in fields(StubSettings):
        if f.name != "fault":
            parser.add_argument("--" + f.name.replace("_", "-"), type=type(f.default), default=f.default)
    parser.add_argument("--fault", choices=get_args(FaultKind), default="none")
    parser.add_argument("--fault-after-tokens", type=int, default=0)
    parser.add_argument("--fault-rate", type=float, default=1.0)
    parser.add_argument("--die-with-stdin", action="store_true", help="exit when standard input closes")
    given = vars(parser.parse_args(argv))
    port, die = given.pop("port"), given.pop("die_with_stdin")
    try:
        fault = Fault(given.pop("fault"), given.pop("fault_after_tokens"), given.pop("fault_rate"))
        settings = StubSettings(fault=fault, **given)
    except ValueError as error:
        parser.error(str(error))
    serve(settings, port, die_with_stdin=die)


if __name__ == "__main__":
    main()
