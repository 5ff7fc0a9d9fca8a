"""A worker of jobs on a thread of this process: one of its own imports its libraries for two seconds."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from reference.serving.jobs.__main__ import work
from reference.serving.jobs.settings import JobSettings


@contextmanager
def worker_on_a_thread(settings: JobSettings) -> Iterator[None]:
    """It ends with the block, as a process does after SIGTERM."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(work(settings, stop),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
