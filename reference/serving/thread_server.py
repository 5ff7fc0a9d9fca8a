"""A uvicorn server on a thread of this process, for notebooks and tests: up before the block, ended behind it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from reference.serving.waiting import wait_until


@contextlib.contextmanager
def on_thread(
    server: Any,
    run: Callable[[], object],
    *,
    name: str,
    error: Callable[[str], Exception],
    start_s: float = 30.0,
    end_s: float = 15.0,
) -> Iterator[None]:
    """Calls `run`, which serves with `server` (a `uvicorn.Server`), on a thread until the block ends.

    Args:
        name: what is served, for messages and the thread.
        error: makes the exception from a message if it does not come up within `start_s` seconds.
        end_s: seconds for it to end.
    """
    failure: list[BaseException] = []

    def serve() -> None:
        try:
            run()
        except SystemExit:
            pass  # uvicorn's way to say that the application refused to start; it has logged why
        except BaseException as problem:
            failure.append(problem)

    thread = threading.Thread(target=serve, name=name, daemon=True)

    def started() -> bool:
        if not server.started and (failure or not thread.is_alive()):
            cause = failure[0] if failure else None
            raise error(f"{name} did not start: {cause or 'see the log above'}") from cause
        return bool(server.started)

    thread.start()
    try:
        if not wait_until(started, start_s, every_s=0.01):
            raise error(f"{name} did not start within {start_s:g} s")
        yield
    finally:
        server.should_exit = True
        thread.join(end_s)
