"""Jobs and batches count what the engine said of them, once each, whatever dies in between."""

import io
import json
import time

import pytest
from modes_parts import CHAT, MODEL

from reference.serving.gateway.usage.export import usage_rows
from reference.serving.redis_store import connect

COUNTED = {"usage_prefix": "wb"}


@pytest.fixture
def metered(start):
    return lambda jobs=None, **given: start(jobs={**COUNTED, **(jobs or {})}, usage_enabled=True, **given)


def rows(service, count=None):
    """Rows of all tenants, once so many requests are counted."""
    deadline = time.monotonic() + 60
    while True:
        with connect(service.settings.redis_url) as client:
            found = list(usage_rows(client, "wb"))
        if count is None or sum(row["num_model_requests"] for row in found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.01)


def total(found, name):
    return sum(row[name] for row in found)


def test_a_job_counts_once_under_its_key_and_feature(metered, fake):
    fake.cached_tokens = 2
    service = metered(worker=True)
    job_id = service.job({"metadata": {"feature": "reports"}}).json()["id"]
    service.ended(job_id)
    (row,) = rows(service)
    assert (row["num_model_requests"], row["input_tokens"], row["output_tokens"]) == (1, 7, 5)
    assert row["input_cached_tokens"] == 2
    assert (row["model"], row["feature"], row["batch"], row["tier"]) == (MODEL, "reports", False, "strong")
    assert row["project_id"] == "local"
    assert service.gateway.api_key.split("-")[1] == row["api_key_id"]


def test_a_batch_counts_as_one_and_its_feature_is_that_of_its_lines_or_its_own(metered, fake):
    service = metered(worker=True)
    client = service.gateway.client()
    entry = {"method": "POST", "url": "/v1/chat/completions"}
    lines = [
        {"custom_id": f"row-{n}", **entry, "body": {**CHAT, **({"metadata": {"feature": "own"}} if n < 2 else {})}}
        for n in range(6)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = client.files.create(file=("rows.jsonl", io.BytesIO(content)), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"feature": "nightly"}
    )
    deadline = time.monotonic() + 60
    while client.batches.retrieve(batch.id).status != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    found = rows(service)
    assert {row["batch"] for row in found} == {True}
    by_feature = {}
    for row in found:  # two rows where the hour changed
        by_feature[row["feature"]] = by_feature.get(row["feature"], 0) + row["num_model_requests"]
    assert by_feature == {"own": 2, "nightly": 4}
    assert total(found, "input_tokens") == sum(usage["prompt_tokens"] for usage in fake.said) == 42


@pytest.mark.slow
def test_a_job_whose_worker_is_killed_twice_counts_once(metered, fake):
    fake.held = True
    service = metered(processes=1, jobs={"lease_s": 0.9, "redeliver_s": 1})
    job_id = service.job(max_attempts=20).json()["id"]
    attempt = 0
    for _ in range(2):
        deadline = time.monotonic() + 60
        while True:
            status = service.call("GET", f"/v1/jobs/{job_id}").json()
            if status["status"] == "running" and status["attempts"] > attempt:
                attempt = status["attempts"]
                break
            assert time.monotonic() < deadline, status
            time.sleep(0.01)
        service.fleet.kill()
        service.fleet.start()
    fake.held = False
    assert service.ended(job_id)["attempts"] > attempt
    found = rows(service)
    assert (total(found, "num_model_requests"), total(found, "input_tokens")) == (1, 7)


def test_an_end_that_did_not_take_effect_counts_nothing(metered, modes_redis):
    """Two tries of one job both finish: the one that lost its lease is not counted."""
    import asyncio

    from reference.serving.jobs.model import Lane, NewJob, State
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.jobs.store import JobStore
    from reference.serving.redis_store import connect_async

    service = metered()
    answer = json.dumps({"usage": {"prompt_tokens": 3, "completion_tokens": 2}}).encode()

    async def run():
        client = connect_async(modes_redis.url)
        store = JobStore(client, JobSettings(redis_url=modes_redis.url, **COUNTED))
        job, _ = await store.submit(NewJob("t", "chat", json.dumps({"model": MODEL}).encode(), Lane.NORMAL))
        claimed, fence = await store.claim(job.id, Lane.NORMAL, "w")
        ends = [
            await store.finish(claimed, number, State.SUCCEEDED, result=answer) for number in (fence + 1, fence, fence)
        ]
        await client.aclose()
        return ends

    assert asyncio.run(run()) == [False, True, False]
    (row,) = rows(service)
    assert (row["num_model_requests"], row["input_tokens"], row["output_tokens"]) == (1, 3, 2)


@pytest.mark.parametrize("said", [b"{}", b"[]", b"no json", b'{"usage": {"prompt_tokens": "many"}}'])
def test_an_engine_that_says_nothing_of_tokens_ends_the_job_all_the_same(said):
    from reference.serving.jobs.model import Job, Lane, State
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.jobs.usage import counted

    job = Job("j", "t", "chat", b'{"model": "m"}', Lane.LOW, State.RUNNING, 1, 4, 0, 0, 0, b"", "", "", "g", 0)
    keys, arguments = counted(job, State.SUCCEEDED, said, JobSettings(**COUNTED), 7200.5)
    assert keys == ["wb:usage:{t}:7200", "wb:usage:{t}:7200:features"]
    assert arguments[-2:] == ["num_model_requests", 1]
    assert counted(job, State.DEAD, said, JobSettings(**COUNTED), 7200.5) == ([], [])
    assert counted(job, State.SUCCEEDED, said, JobSettings(), 7200.5) == ([], [])


def test_jobs_that_failed_or_were_cancelled_count_nothing(metered, fake):
    service = metered()
    waiting = service.job().json()["id"]
    service.call("POST", f"/v1/jobs/{waiting}/cancel")
    fake.statuses = [400]
    service = metered(worker=True)
    assert service.ended(service.job().json()["id"])["status"] == "dead"
    assert rows(service) == []


def test_a_stream_that_is_read_twice_counts_once(metered):
    service = metered()
    with service.stream() as events:
        first = list(events)
        with service.stream(f"/v1/streams/{events.stream_id}") as again:
            assert list(again) == first
    found = rows(service, 1)
    assert (total(found, "num_model_requests"), total(found, "output_tokens")) == (1, 5)


def test_without_a_prefix_workers_count_nothing(start):
    service = start(worker=True)
    assert service.ended(service.job().json()["id"])["status"] == "succeeded"
    with connect(service.settings.redis_url) as client:
        assert list(client.scan_iter("*:usage:*")) == []
