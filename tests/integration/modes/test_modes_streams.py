"""Streams go on after their connection, for their tenant, through any process."""

import time

import pytest
from modes_parts import CHAT, text_of

ANSWER = "Hello from the engine."


def test_a_stream_is_numbered_from_one_and_ends_with_done(start):
    with start().stream() as events:
        seen = list(events)
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][1] == "[DONE]"
    assert text_of(seen) == ANSWER


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_a_client_that_lost_its_connection_gets_exactly_the_rest(start, fake, cut):
    fake.itl = 0.1
    service = start()
    with service.stream() as events:
        first = []
        for event in events:
            first.append(event)
            if len(first) == cut:
                break
        stream_id = events.stream_id
    with service.stream(f"/v1/streams/{stream_id}", headers={"last-event-id": str(first[-1][0])}) as events:
        rest = list(events)
    assert text_of(first + rest) == ANSWER
    assert [number for number, _ in first + rest] == list(range(1, len(first + rest) + 1))
    assert fake.calls == 1


def test_a_complete_answer_can_be_read_again_from_the_start(start, fake):
    service = start()
    with service.stream() as events:
        first, stream_id = list(events), events.stream_id
    with service.stream(f"/v1/streams/{stream_id}") as events:
        assert list(events) == first
    assert fake.calls == 1


def test_another_process_goes_on_with_a_running_stream(start, fake):
    fake.itl = 0.15
    one, two = start(), start()
    with one.stream() as events:
        iterator = iter(events)
        first, stream_id = [next(iterator)], events.stream_id
        key = one.gateway.api_key
        with two.stream(
            f"/v1/streams/{stream_id}", headers={"last-event-id": "1", "authorization": f"Bearer {key}"}
        ) as later:
            rest = list(later)
    assert text_of(first + rest) == ANSWER


def test_a_stream_whose_process_is_gone_ends_with_an_error_event(start, modes_redis):
    from reference.serving import redis_store

    service = start()
    with redis_store.connect(modes_redis.url) as client:
        client.hset("wb:{modes}:stream-meta:stream-x", mapping={"tenant": "local", "alive": "1.0", "ended": "0"})
        client.rpush("wb:{modes}:stream-log:stream-x", '{"choices": []}')
    with service.stream("/v1/streams/stream-x") as events:
        seen = list(events)
    assert "stream_lost" in seen[-1][1]
    assert seen[-1][0] == 2


def test_an_idle_stream_gets_heartbeats(start, fake):
    fake.stall_after = 1
    service = start(modes={"heartbeat_s": 0.1, "orphan_s": 30})
    beats = 0
    with service.stream() as events:
        for line in events.reply.iter_lines():
            beats += line.startswith(":")
            if beats == 3:
                break
    assert beats == 3


def test_an_answer_that_nobody_reads_is_stopped(start, fake):
    fake.pieces, fake.itl = (lambda body: ["word "] * 1000), 0.05
    service = start(modes={"orphan_s": 0.4})
    with service.stream(json={**CHAT, "max_tokens": 1000}) as events:
        next(iter(events))
    deadline = time.monotonic() + 60
    while not fake.cancelled and time.monotonic() < deadline:
        time.sleep(0.05)
    assert fake.cancelled == 1
    with service.stream(f"/v1/streams/{events.stream_id}") as again:
        assert "abandoned" in list(again)[-1][1]


def test_an_engine_that_breaks_off_is_an_error_event_not_an_end(start, fake):
    fake.die_after = 2
    with start().stream() as events:
        seen = list(events)
    assert "error" in seen[-1][1]
    assert all(data != "[DONE]" for _, data in seen)


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "9" * 10, "²"])
def test_a_last_event_id_that_is_no_number_is_refused(start, value):
    reply = start().call("GET", "/v1/streams/stream-x", headers={"last-event-id": value.encode("utf-8")})
    assert reply.status_code == 400
    assert "Last-Event-ID" in reply.json()["error"]["message"]


def test_a_stream_of_another_tenant_is_not_found(start):
    service = start()
    with service.stream() as events:
        list(events)
    assert service.call("GET", f"/v1/streams/{events.stream_id}", key=service.other_tenant()).status_code == 404
    assert service.call("GET", "/v1/streams/stream-none").status_code == 404


def test_a_client_that_waits_for_its_first_token_gets_heartbeats(start, fake):
    fake.held = True
    service = start(modes={"heartbeat_s": 0.1})
    lines = []
    with service.stream() as events:
        for line in events.reply.iter_lines():
            lines.append(line)
            fake.held = sum(line.startswith(":") for line in lines) < 3
    first = next(place for place, line in enumerate(lines) if line.startswith("data:"))
    assert sum(line.startswith(":") for line in lines[:first]) >= 3
    assert lines[-2] == "data: [DONE]"


def test_a_request_that_fails_after_the_heartbeats_began_ends_with_an_error_event(start, fake):
    fake.held, fake.die_after = True, 0
    with start(modes={"heartbeat_s": 0.1}, max_retries=0).stream() as events:
        assert events.reply.status_code == 200
        fake.held = False
        seen = list(events)
    assert "error" in seen[-1][1]


def test_a_request_that_is_refused_at_once_keeps_its_status(start):
    reply = start().call("POST", "/v1/streams", json={**CHAT, "model": "none"})
    assert reply.status_code == 404


def test_a_client_that_leaves_before_the_first_token_frees_the_engine(start, fake):
    fake.ttft = 30.0
    service = start(modes={"heartbeat_s": 0.05, "orphan_s": 0.3})
    with service.stream() as events:
        assert events.stream_id
    deadline = time.monotonic() + 60
    while not fake.cancelled and time.monotonic() < deadline:
        time.sleep(0.05)
    assert fake.cancelled == 1
