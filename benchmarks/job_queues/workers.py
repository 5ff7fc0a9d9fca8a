"""One worker of one library, started by `python -m benchmarks.job_queues.workers LIBRARY`, and how to give it jobs.

Each is set up as its documentation says for work that must survive a dead worker, with the shortest redelivery that
it allows, so that the comparison takes minutes: `REDELIVER_S` after the worker was last heard of.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import redis

from benchmarks.job_queues import work

REDELIVER_S = 5
CONCURRENCY = 4
LIBRARIES = ("arq", "taskiq", "rq", "celery")


async def _waiting(number: int) -> None:
    client = _shared()
    work.begin(client, number)
    await asyncio.sleep(work.SECONDS)
    work.end(client, number)


_clients: dict[str, redis.Redis] = {}


def _shared() -> redis.Redis:
    return _clients.setdefault("one", redis.Redis.from_url(work.URL))


# --- arq: a sorted set; a job whose worker died comes back when its in-progress mark expires (job_timeout + 10 s)


async def _arq_job(ctx: dict[str, Any], number: int) -> None:
    await _waiting(number)


def _arq_pool() -> Any:
    # The release that goes with redis-py 8 (0.25) cannot read the URL of a unix socket; a pool made from it works.
    import redis.asyncio
    from arq.connections import ArqRedis

    pool_class = redis.asyncio.ConnectionPool
    return ArqRedis(pool_or_conn=pool_class.from_url(work.URL))


def _arq_worker() -> None:
    from arq.worker import Worker, func

    Worker(
        [func(_arq_job, name="job")],
        redis_pool=_arq_pool(),
        job_timeout=REDELIVER_S,
        max_jobs=CONCURRENCY,
        max_tries=20,
        keep_result=0,
        poll_delay=0.1,
    ).run()


async def _arq_give(numbers: range) -> None:
    pool = _arq_pool()
    for number in numbers:
        await pool.enqueue_job("job", number)
    await pool.aclose()


# --- taskiq: a Redis stream; what no consumer acknowledged for `idle_timeout` is claimed by another


def _taskiq_broker() -> Any:
    from taskiq_redis import RedisStreamBroker

    # The lock around the claim has no timeout by default: a worker killed while it holds it would stop all recovery.
    return RedisStreamBroker(
        work.URL, idle_timeout=REDELIVER_S * 1000, unacknowledged_lock_timeout=REDELIVER_S, xread_count=CONCURRENCY
    )


def _taskiq_worker() -> None:
    from taskiq.api import run_receiver_task

    broker = _taskiq_broker()
    broker.register_task(_waiting, task_name="job")
    asyncio.run(run_receiver_task(broker, max_async_tasks=CONCURRENCY, run_startup=True))


async def _taskiq_give(numbers: range) -> None:
    broker = _taskiq_broker()
    job = broker.register_task(_waiting, task_name="job")
    await broker.startup()
    for number in numbers:
        await job.kiq(number)
    await broker.shutdown()


# --- rq: a list; a process per job; what died is found in the registry of started jobs and retried


def _rq_worker() -> None:
    from rq import Queue, Worker

    client = redis.Redis.from_url(work.URL)
    worker = Worker(
        [Queue(connection=client)], connection=client, maintenance_interval=REDELIVER_S, job_monitoring_interval=2
    )
    worker.work(logging_level="ERROR")


def _rq_give(numbers: range) -> None:
    from rq import Queue, Retry

    queue = Queue(connection=redis.Redis.from_url(work.URL))
    for number in numbers:
        queue.enqueue(work.blocking, number, job_timeout=REDELIVER_S, retry=Retry(max=20), result_ttl=0)


# --- Celery: a list per queue and a set of unacknowledged messages, given back after the visibility timeout


def _celery_app() -> Any:
    from celery import Celery

    app = Celery("bench", broker=work.URL.replace("unix://", "redis+socket://"))
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"visibility_timeout": REDELIVER_S},
        broker_connection_retry_on_startup=True,
    )
    app.task(name="job")(work.blocking)
    return app


def _celery_worker() -> None:
    _celery_app().worker_main(["worker", "-c", str(CONCURRENCY), "--loglevel=ERROR", "-n", f"w{id(object())}@bench"])


def _celery_give(numbers: range) -> None:
    app = _celery_app()
    for number in numbers:
        app.send_task("job", (number,))


def give(library: str, count: int) -> None:
    """Puts jobs 0..count-1 into the library's queue."""
    numbers = range(count)
    if library == "arq":
        asyncio.run(_arq_give(numbers))
    elif library == "taskiq":
        asyncio.run(_taskiq_give(numbers))
    elif library == "rq":
        _rq_give(numbers)
    else:
        _celery_give(numbers)


def main() -> None:
    {"arq": _arq_worker, "taskiq": _taskiq_worker, "rq": _rq_worker, "celery": _celery_worker}[sys.argv[1]]()


if __name__ == "__main__":
    main()
