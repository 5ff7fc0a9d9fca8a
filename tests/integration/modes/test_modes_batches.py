"""The batch API works with OpenAI's own client, line by line, whatever dies in the middle."""

import io
import json
import time

import openai
import pytest
from modes_parts import CHAT

from reference.serving import redis_store


def lines(count, **chat):
    entry = {"method": "POST", "url": "/v1/chat/completions", "body": {**CHAT, **chat}}
    return "".join(json.dumps({"custom_id": f"row-{n}", **entry}) + "\n" for n in range(count)).encode()


def begin(client, content):
    file = client.files.create(file=("rows.jsonl", io.BytesIO(content)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"team": "a"}
    )


def ended(client, batch_id, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while (batch := client.batches.retrieve(batch_id)).status not in {"completed", "cancelled"}:
        assert time.monotonic() < deadline, batch
        time.sleep(0.01)
    return batch


def test_openais_client_gets_every_line_answered_in_the_order_of_the_file(start):
    client = start(worker=True).gateway.client()
    batch = ended(client, begin(client, lines(30)).id)
    assert (batch.request_counts.completed, batch.request_counts.failed, batch.request_counts.total) == (30, 0, 30)
    assert batch.metadata == {"team": "a"}
    rows = [json.loads(row) for row in client.files.content(batch.output_file_id).text.splitlines()]
    assert [row["custom_id"] for row in rows] == [f"row-{n}" for n in range(30)]
    assert {row["response"]["body"]["choices"][0]["message"]["content"] for row in rows} == {"Hello from the engine."}
    assert [one.id for one in client.batches.list().data] == [batch.id]


def test_lines_that_fail_are_in_the_error_file_and_the_rest_in_the_output(start, fake):
    fake.statuses = [400, 400]
    client = start(worker=True).gateway.client()
    batch = ended(client, begin(client, lines(6)).id)
    assert (batch.request_counts.completed, batch.request_counts.failed) == (4, 2)
    errors = [json.loads(row) for row in client.files.content(batch.error_file_id).text.splitlines()]
    assert len(errors) == 2
    assert all("refuses" in row["error"]["message"] for row in errors)


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (b"{not json", "JSON"),
        (b'{"custom_id": "row-0"}', "body"),
        (b'{"custom_id": "", "body": {}}', "custom_id"),
        (lines(1).strip(), "came before"),
        (b'{"custom_id": "z", "url": "/v1/embeddings", "body": {}}', "url"),
        (lines(1, max_tokens=-1).replace(b"row-0", b"row-x").strip(), "max_tokens"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_nothing_is_begun(start, fake, row, word):
    client = start().gateway.client()
    with pytest.raises(openai.BadRequestError) as refused:
        begin(client, lines(2) + row + b"\n")
    assert "line 3" in refused.value.body["message"]
    assert word in refused.value.body["message"]
    assert client.batches.list().data == []


def test_a_cancelled_batch_keeps_what_was_done(start, fake):
    fake.ttft = 0.05
    client = start(worker=True, jobs={"slots_low": 1}).gateway.client()
    batch = begin(client, lines(40))
    while client.batches.retrieve(batch.id).request_counts.completed < 2:
        time.sleep(0.01)
    client.batches.cancel(batch.id)
    batch = ended(client, batch.id)
    assert batch.status == "cancelled"
    assert 2 <= batch.request_counts.completed < 40
    assert batch.request_counts.completed + batch.request_counts.failed == 40
    assert len(client.files.content(batch.output_file_id).text.splitlines()) == batch.request_counts.completed


def test_a_batch_that_was_begun_by_a_process_that_died_is_ended_by_the_next(start, modes_redis, monkeypatch):
    service = start(modes={"batch_keep_s": 3600})  # this process never brings it forward
    batch = begin(service.gateway.client(), lines(5))
    other = start(worker=True)
    client = other.gateway.client(api_key=service.gateway.api_key)
    assert ended(client, batch.id).request_counts.completed == 5


def test_a_line_that_was_handed_over_twice_is_answered_once(start, modes_redis, fake):
    service = start(worker=True)
    client = service.gateway.client()
    batch = begin(client, lines(5))
    with redis_store.connect(modes_redis.url) as redis:  # as if the process had died before noting how far it was
        redis.hset(f"wb:{{modes}}:batch:{batch.id}", "next", 0)
    batch = ended(client, batch.id)
    assert batch.request_counts.completed == 5
    assert fake.calls == 5


def test_files_and_batches_of_another_tenant_do_not_exist(start):
    service = start()
    client = service.gateway.client()
    file = client.files.create(file=("rows.jsonl", io.BytesIO(lines(1))), purpose="batch")
    batch = begin(client, lines(1))
    stranger = service.gateway.client(api_key=service.other_tenant())
    for attempt in (
        lambda: stranger.files.retrieve(file.id),
        lambda: stranger.files.content(file.id),
        lambda: stranger.files.delete(file.id),
        lambda: stranger.batches.retrieve(batch.id),
        lambda: stranger.batches.cancel(batch.id),
        lambda: stranger.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        ),
    ):
        with pytest.raises(openai.NotFoundError):
            attempt()
    client.files.delete(file.id)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


def test_files_have_limits(start):
    service = start(modes={"max_file_bytes": 500, "max_batch_lines": 2})
    client = service.gateway.client()
    with pytest.raises(openai.APIStatusError) as refused:
        client.files.create(file=("big.jsonl", io.BytesIO(b"x" * 20_000)), purpose="batch")
    assert refused.value.status_code == 413
    with pytest.raises(openai.BadRequestError, match="empty"):
        begin(client, b"\n\n")
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("a.jsonl", io.BytesIO(b"{}")), purpose="fine-tune")
    assert service.call("POST", "/v1/files", content=b"x", headers={"content-type": "text/plain"}).status_code == 400


def test_batches_wait_while_live_traffic_keeps_the_engine_busy(start, fake):
    fake.waiting = 50  # what the engine's gauge says
    service = start(worker=True, jobs={"yield_running": 5, "yield_most_s": 60})
    client = service.gateway.client()
    batch = begin(client, lines(3))
    live = service.job(priority="high").json()["id"]
    assert service.ended(live)["status"] == "succeeded"
    assert client.batches.retrieve(batch.id).request_counts.completed == 0
    fake.waiting = 0
    assert ended(client, batch.id).request_counts.completed == 3
