"""Jobs are taken once, run at least once, and answered once, whatever dies."""

import json
import time

import pytest
from modes_parts import CHAT, Service
from thread_worker import worker_on_a_thread

from reference.serving import redis_store
from reference.serving.jobs import fleet as fleets


@pytest.mark.slow
def test_a_job_is_taken_with_202_and_its_result_is_the_engines_answer(start):
    service = start(processes=1)
    taken = service.job()
    assert taken.status_code == 202
    assert taken.headers["location"] == f"/v1/jobs/{taken.json()['id']}"
    status = service.ended(taken.json()["id"])
    assert status["status"] == "succeeded"
    result = service.call("GET", f"{taken.headers['location']}/result").json()
    assert result["choices"][0]["message"]["content"] == "Hello from the engine."


def test_a_result_that_is_not_there_yet_says_so(start):
    service = start()
    taken = service.job().json()
    reply = service.call("GET", f"/v1/jobs/{taken['id']}/result")
    assert reply.status_code == 409
    assert reply.json()["error"]["code"] == "job_not_finished"
    assert "retry-after" in reply.headers


def test_the_same_idempotency_key_gives_the_same_job_and_another_body_409(start, fake):
    service = start(worker=True)
    key = {"idempotency-key": "order-1"}
    first, second = service.job(headers=key), service.job(headers=key)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    other = service.job({"max_tokens": 3}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    service.ended(first.json()["id"])
    assert fake.calls == 1


def test_idempotency_keys_of_tenants_are_apart(start):
    service = start()
    first = service.job(headers={"idempotency-key": "k"}).json()
    headers = {"idempotency-key": "k"}
    other = service.call("POST", "/v1/jobs", json={"request": CHAT}, key=service.other_tenant(), headers=headers)
    assert other.status_code == 202
    assert other.json()["id"] != first["id"]


@pytest.mark.parametrize("path", ["", "/result", "/cancel", "/retry"])
def test_another_tenants_job_does_not_exist(start, path):
    service = start()
    job_id = service.job().json()["id"]
    method = "POST" if path in {"/cancel", "/retry"} else "GET"
    reply = service.call(method, f"/v1/jobs/{job_id}{path}", key=service.other_tenant())
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "request"),
        ({"request": 1}, "request"),
        ({"request": {"model": "tiny-model"}}, "messages"),
        ({"request": CHAT, "priority": "urgent"}, "priority"),
        ({"request": CHAT, "max_attempts": 0}, "max_attempts"),
        ({"request": CHAT, "colour": "red"}, "colour"),
    ],
)
def test_bad_bodies_name_the_field(start, body, param):
    reply = start().call("POST", "/v1/jobs", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_a_payload_over_the_limit_is_413(start):
    service = start(jobs={"max_payload_bytes": 200})
    reply = service.job({"messages": [{"role": "user", "content": "x" * 300}]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "payload_too_large")


def test_a_full_queue_pushes_back_and_takes_jobs_again_when_it_drains(start):
    service = start(jobs={"max_waiting": 2})
    assert [service.job().status_code for _ in range(3)] == [202, 202, 429]
    reply = service.job()
    assert reply.json()["error"]["code"] == "queue_full"
    assert int(reply.headers["retry-after"]) >= 1
    assert service.job(priority="high").status_code == 202  # a lane of its own


def test_a_tenant_cannot_fill_the_queue_for_others(start):
    service = start(jobs={"max_open_per_tenant": 1})
    assert [service.job().status_code for _ in range(2)] == [202, 429]
    other = service.call("POST", "/v1/jobs", json={"request": CHAT}, key=service.other_tenant())
    assert other.status_code == 202


def test_a_request_that_the_engine_refuses_is_a_dead_letter_at_once(start, fake):
    fake.statuses = [400]
    service = start(worker=True)
    job_id = service.job().json()["id"]
    status = service.ended(job_id)
    assert (status["status"], status["attempts"]) == ("dead", 1)
    assert "refuses" in status["error"]
    assert [letter["id"] for letter in service.call("GET", "/v1/jobs/dead").json()["data"]] == [job_id]
    assert service.call("GET", f"/v1/jobs/{job_id}/result").json()["error"]["code"] == "job_failed"


def test_a_dead_letter_can_be_tried_anew_once(start, fake):
    fake.statuses = [400]
    service = start(worker=True)
    job_id = service.job().json()["id"]
    service.ended(job_id)
    again = service.call("POST", f"/v1/jobs/{job_id}/retry")
    assert again.status_code == 202
    assert service.ended(again.json()["id"])["status"] == "succeeded"
    assert service.call("POST", f"/v1/jobs/{job_id}/retry").json()["id"] == again.json()["id"]


def test_a_failing_engine_is_tried_again_and_given_up_with_a_count(start, fake):
    fake.statuses = [500, 500]
    service = start(worker=True)
    status = service.ended(service.job().json()["id"])
    assert (status["status"], status["attempts"]) == ("succeeded", 3)
    fake.statuses = [500] * 2
    status = service.ended(service.job(max_attempts=2).json()["id"])
    assert (status["status"], status["attempts"]) == ("dead", 2)
    assert "2 tries" in status["error"]


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_at_its_next_sign_of_life(start, fake):
    service = start()
    waiting = service.job().json()["id"]
    assert service.call("POST", f"/v1/jobs/{waiting}/cancel").json()["status"] == "cancelled"
    fake.ttft = 30
    service = start(worker=True, jobs={"lease_s": 0.6, "redeliver_s": 2})
    running = service.job().json()["id"]
    _until(service, running, "running")
    asked = service.call("POST", f"/v1/jobs/{running}/cancel").json()
    assert asked["cancelling"] or asked["status"] == "cancelled"  # the sign of life may come before the answer
    assert service.ended(running)["status"] == "cancelled"


def _until(service: Service, job_id: str, state: str) -> None:
    deadline = time.monotonic() + 60
    while service.call("GET", f"/v1/jobs/{job_id}").json()["status"] != state:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_job_whose_worker_is_killed_is_answered_by_another(start, fake):
    fake.held = True
    service = start(processes=1, jobs={"lease_s": 0.9, "redeliver_s": 1})
    job_id = service.job().json()["id"]
    _until(service, job_id, "running")
    service.fleet.kill()
    fake.held = False
    service.fleet.start()
    status = service.ended(job_id)
    assert (status["status"], status["attempts"]) == ("succeeded", 2)


def test_a_message_that_never_reached_the_queue_is_sent_again(start, modes_redis):
    service = start(jobs={"resend_s": 0.3})
    job_id = service.job().json()["id"]
    with redis_store.connect(modes_redis.url) as client:
        client.xtrim("wb:{jobs}:stream:normal", 0)  # as if the service had died between storing and sending
    with worker_on_a_thread(service.modes.job_settings):
        assert service.ended(job_id)["status"] == "succeeded"


@pytest.mark.slow
def test_a_job_that_kills_its_worker_is_given_up_and_the_others_are_done(modes_redis):
    from reference.serving.jobs.model import State
    from reference.serving.jobs.settings import JobSettings

    settings = JobSettings(redis_url=modes_redis.url, lease_s=0.9, redeliver_s=1, reconcile_s=0.1, retry_s=0.05)
    poisoned, others = _hand_over(settings, [{"die": True}], 2), _hand_over(settings, [{"seconds": 0.01}] * 8, 50)
    with fleets.running(settings, 1, drills=True) as fleet:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            jobs = _jobs(settings, poisoned + others)
            if all(job.state.final for job in jobs):
                break
            if fleet.reap():
                fleet.start()
            time.sleep(0.02)
    assert jobs[0].state is State.DEAD
    assert "lost" in jobs[0].error
    assert jobs[0].attempts == 2
    assert {job.state for job in jobs[1:]} == {State.SUCCEEDED}
    assert {job.effects for job in jobs} == {1}


def _hand_over(settings, payloads, attempts):
    import asyncio

    from reference.serving.jobs.model import NewJob
    from reference.serving.jobs.queue import Sender
    from reference.serving.jobs.store import JobStore

    async def run():
        client = redis_store.connect_async(settings.redis_url)
        store, sender = JobStore(client, settings), Sender(settings)
        await sender.start()
        ids = []
        for payload in payloads:
            job, _ = await store.submit(NewJob("t", "sleep", json.dumps(payload).encode(), max_attempts=attempts))
            await sender.send(job.lane, job.id)
            ids.append(job.id)
        await sender.close()
        await client.aclose()
        return ids

    return asyncio.run(run())


def _jobs(settings, ids):
    import asyncio

    from reference.serving.jobs.store import JobStore

    async def run():
        client = redis_store.connect_async(settings.redis_url)
        found = [await JobStore(client, settings).get(one) for one in ids]
        await client.aclose()
        return found

    return asyncio.run(run())


@pytest.mark.slow
def test_no_job_is_lost_or_done_twice_while_workers_are_killed(modes_redis):
    import asyncio

    from reference.serving.jobs.drill import drill
    from reference.serving.jobs.settings import JobSettings

    settings = JobSettings(redis_url=modes_redis.url, lease_s=0.9, redeliver_s=1, reconcile_s=0.1, retry_s=0.05)
    report = asyncio.run(drill(settings, jobs=120, workers=2, kill_every_s=0.5, job_s=0.1))
    assert report.killed >= 2
    assert (report.lost, report.duplicated, report.dead) == (0, 0, 0)


def test_what_a_lost_worker_had_fetched_is_done_though_no_new_job_comes(start, modes_redis):
    quick = {"lease_s": 0.9, "redeliver_s": 0.5}
    service = start(jobs=quick)
    ids = [service.job().json()["id"] for _ in range(3)]
    with redis_store.connect(modes_redis.url) as client:
        # As a worker does that is killed before it begins them: the messages are its own, and never acknowledged.
        got = client.xreadgroup("workers", "gone", {"wb:{jobs}:stream:normal": ">"}, count=10)
        assert len(got[0][1]) == 3
    with worker_on_a_thread(service.modes.job_settings):
        assert [service.ended(one)["status"] for one in ids] == ["succeeded"] * 3


def test_a_job_that_goes_back_to_its_queue_counts_as_unfinished_at_every_moment(modes_redis):
    import asyncio

    from reference.serving.jobs.model import Lane, NewJob
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.jobs.store import JobStore

    settings = JobSettings(redis_url=modes_redis.url, retry_s=0)

    async def run():
        looking, moving = (redis_store.connect_async(modes_redis.url, timeout_s=30) for _ in range(2))
        store = JobStore(moving, settings)
        job, _ = await store.submit(NewJob("t", "sleep", b"{}", max_attempts=10_000))

        async def back_and_forth():
            for _ in range(200):
                claimed = await store.claim(job.id, Lane.NORMAL, "w")
                assert claimed is not None
                await store.fail(*claimed, "again")

        moves, seen = asyncio.create_task(back_and_forth()), []
        while not moves.done():
            seen.append(await JobStore(looking, settings).unfinished())
        await moves
        await looking.aclose()
        await moving.aclose()
        return seen

    assert set(asyncio.run(run())) == {1}


def test_a_drill_looks_once_more_after_its_last_job_was_handed_over(modes_redis, monkeypatch):
    import asyncio

    from reference.serving.jobs import drill
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.jobs.store import JobStore

    fed, looked, found = asyncio.Event(), asyncio.Event(), []
    unfinished, feed = JobStore.unfinished, drill._feed

    async def look(self):
        """The first look comes before all jobs, and its answer after them."""
        found.append(await unfinished(self))
        looked.set()
        await fed.wait()
        return found[-1]

    async def feeding(*given):
        await looked.wait()
        await feed(*given)
        fed.set()

    monkeypatch.setattr(JobStore, "unfinished", look)
    monkeypatch.setattr(drill, "_feed", feeding)
    settings = JobSettings(redis_url=modes_redis.url)
    asyncio.run(drill.drill(settings, jobs=3, workers=0, kill_every_s=0, give_up_s=0.1))
    assert found[0] == 0
    assert found[-1] == 3
