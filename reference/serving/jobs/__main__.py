"""A worker process: `python -m reference.serving.jobs`. SIGTERM lets running jobs end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys

from reference.serving.jobs.settings import JobSettings, JobSettingsError


async def work(settings: JobSettings, stop: asyncio.Event, *, drills: bool = False, webhooks: bool = True) -> None:
    """Works until `stop` is set, in the running loop; `main` says what `drills` and `webhooks` are."""
    import httpx

    from reference.serving.ending import end_tasks
    from reference.serving.jobs.handlers import ChatHandler, handlers
    from reference.serving.jobs.store import JobStore
    from reference.serving.jobs.webhooks import Deliverer
    from reference.serving.jobs.worker import Worker
    from reference.serving.jobs.yielding import Yielding, engine_load
    from reference.serving.redis_store import connect_async

    client = connect_async(settings.redis_url or None, timeout_s=5.0)
    store = JobStore(client, settings)
    known = handlers(settings, drills=drills)
    if not drills:
        # Now: loading it holds the loop for a second or more, and the lease of the first job with it.
        import openai  # noqa: F401
    async with httpx.AsyncClient(trust_env=False) as http:
        gate = Yielding(engine_load(http, settings.engine_url), settings.yield_running, settings.yield_most_s)
        worker = Worker(store, known, None if drills else gate)
        deliverer = asyncio.create_task(Deliverer(store).run()) if webhooks else None
        try:
            await worker.run(stop)
        finally:
            if deliverer is not None:
                await end_tasks(deliverer)
            if isinstance(chat := known["chat"], ChatHandler):
                await chat.close()
            await client.aclose()
    print(f"worker {worker.name}: {worker.counts}", file=sys.stderr)


async def _run(settings: JobSettings, drills: bool, webhooks: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await work(settings, stop, drills=drills, webhooks=webhooks)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m reference.serving.jobs", description=__doc__)
    parser.add_argument("--drills", action="store_true", help="also run jobs of kind 'sleep', which may end the worker")
    parser.add_argument("--no-webhooks", action="store_true", help="leave webhooks to other workers")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = JobSettings.from_env()
    except JobSettingsError as error:
        print(error, file=sys.stderr)
        return 2
    asyncio.run(_run(settings, options.drills, not options.no_webhooks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
