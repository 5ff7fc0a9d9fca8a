"""The job of the comparison: it counts its starts and its ends in Redis, and takes 50 ms in between."""

from __future__ import annotations

import os
import time

import redis

URL = os.environ.get("JOB_QUEUES_URL", "")
SECONDS = float(os.environ.get("JOB_QUEUES_SECONDS", "0.05"))
STARTS, ENDS, BEGUN, DONE = "bench:starts", "bench:ends", "bench:begun", "bench:done"


def begin(client: redis.Redis, number: int) -> None:
    client.hincrby(STARTS, str(number), 1)
    client.hsetnx(BEGUN, str(number), str(time.time()))


def end(client: redis.Redis, number: int) -> None:
    client.hincrby(ENDS, str(number), 1)
    client.hsetnx(DONE, str(number), str(time.time()))


def blocking(number: int) -> None:
    """For the libraries that run a job in a process of its own (rq, Celery)."""
    with redis.Redis.from_url(URL) as client:
        begin(client, number)
        time.sleep(SECONDS)
        end(client, number)
