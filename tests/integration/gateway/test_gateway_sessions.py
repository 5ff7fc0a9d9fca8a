"""Sessions: what the engine sees, one turn at a time, whole turns only, and never over the budget."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from fake_engine import MODEL
from helpers import assert_openai_error, body, metric, post, wait_until

from reference.serving import redis_store
from reference.serving.gateway.keys import KeyStore

S1 = {"x-session-id": "s1"}


def say(gateway, text, headers=S1, **fields):
    return post(gateway, body(messages=[{"role": "user", "content": text}], **fields), headers)


def stored(redis_server, session="s1", tenant="local"):
    with redis_store.connect(redis_server.url) as client:
        raw = client.get(f"wb:session:{{{tenant}:{session}}}")
    return None if raw is None else json.loads(raw)


def test_the_engine_sees_the_whole_conversation(start, fake):
    gateway = start()
    assert say(gateway, "one").status_code == 200
    assert say(gateway, "two").status_code == 200
    assert fake.bodies[-1]["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "Hello from the engine."},
        {"role": "user", "content": "two"},
    ]


def test_metadata_names_the_session_too(start, fake):
    client = start().client()
    for text in ("one", "two"):
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": text}], metadata={"session_id": "s9"}
        )
    assert len(fake.bodies[-1]["messages"]) == 3
    assert "metadata" not in fake.bodies[-1]


def test_header_and_metadata_that_differ_are_refused(start):
    reply = post(start(), body(metadata={"session_id": "a"}), {"x-session-id": "b"})
    assert_openai_error(reply, 400, "invalid_session_id")


def test_a_system_message_stays_until_it_is_set_anew(start, fake):
    gateway = start()
    for system in ("be brief", None, "be long"):
        messages = [{"role": "system", "content": system}] if system else []
        assert post(gateway, body(messages=[*messages, {"role": "user", "content": "x"}]), S1).status_code == 200
    seen = [call["messages"][0] for call in fake.bodies]
    assert [m["content"] for m in seen] == ["be brief", "be brief", "be long"]


def test_history_in_a_session_request_is_refused(start):
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert_openai_error(post(start(), body(messages=messages), S1), 400, "invalid_value", "messages")


def test_tenants_with_the_same_session_id_do_not_meet(start, fake, redis_server):
    gateway = start()
    with redis_store.connect(redis_server.url) as client:
        key, _ = KeyStore(client).create("other")
    say(gateway, "secret of local")
    assert say(gateway, "hello", {**S1, "authorization": f"Bearer {key}"}).status_code == 200
    assert fake.bodies[-1]["messages"] == [{"role": "user", "content": "hello"}]


def test_the_ttl_slides_with_each_turn(start, fake, redis_server):
    gateway, key = start(session_ttl_s=100), "wb:session:{local:s1}"
    say(gateway, "one")
    with redis_store.connect(redis_server.url) as client:
        for text in ("two", "three"):
            client.pexpire(key, 5000)
            say(gateway, text)
            assert 90_000 < client.pttl(key) <= 100_000
        assert len(fake.bodies[-1]["messages"]) == 5
        client.pexpire(key, 1)
        assert wait_until(lambda: stored(redis_server) is None, 5)
    say(gateway, "four")
    assert len(fake.bodies[-1]["messages"]) == 1


def test_a_turn_that_fails_keeps_the_session_alive_too(start, fake, redis_server):
    gateway = start(session_ttl_s=100)
    say(gateway, "one")
    with redis_store.connect(redis_server.url) as client:
        client.pexpire("wb:session:{local:s1}", 5000)
        fake.statuses = [400]
        assert say(gateway, "two").status_code == 400
        assert client.pttl("wb:session:{local:s1}") > 90_000


def test_concurrent_turns_of_a_session_do_not_interleave(start, fake, redis_server):
    fake.ttft, fake.itl = 0.05, 0.01
    gateway = start()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: say(gateway, f"turn {i}", stream=bool(i % 2)), range(8)))
    assert {r.status_code for r in replies} == {200}
    assert fake.most_running == 1
    turns = stored(redis_server)["turns"]
    assert sorted(user[0] for user, _ in turns) == [f"turn {i}" for i in range(8)]
    assert sorted(len(call["messages"]) for call in fake.bodies) == [1, 3, 5, 7, 9, 11, 13, 15]


def test_turns_of_two_gateways_do_not_interleave_either(start, fake):
    fake.ttft = 0.1
    gateways = [start(), start()]
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda i: say(gateways[i % 2], f"turn {i}"), range(4)))
    assert {r.status_code for r in replies} == {200}
    assert fake.most_running == 1


def test_sessions_run_beside_each_other(start, fake):
    fake.held = True
    gateway = start()
    with ThreadPoolExecutor(4) as pool:
        for number in range(4):
            pool.submit(say, gateway, "x", {"x-session-id": f"s{number}"})
        assert wait_until(lambda: fake.running == 4)
        fake.held = False


def test_a_turn_that_waits_too_long_is_409(start, fake):
    fake.held = True
    gateway = start(session_wait_s=0.2)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(say, gateway, "one")
        assert wait_until(lambda: fake.running == 1)
        second = say(gateway, "two")
        assert_openai_error(second, 409, "session_busy")
        assert second.headers["retry-after"] == "1"
        fake.held = False
        assert first.result().status_code == 200


def test_a_long_turn_keeps_its_lock(start, fake, redis_server):
    """The lease is seen to grow again in the same hands: a machine that pauses may let a shorter one lapse."""
    fake.held = True
    gateway, key = start(session_lock_s=3), "wb:session:{local:s1}:lock"
    with ThreadPoolExecutor(2) as pool, redis_store.connect(redis_server.url) as client:
        first = pool.submit(say, gateway, "one")
        assert wait_until(lambda: fake.running == 1)
        second = pool.submit(say, gateway, "two")
        holder, left = client.get(key), [client.pttl(key)]

        def renewed():
            left.append(client.pttl(key))
            return left[-1] > left[-2]

        assert wait_until(renewed)
        assert client.get(key) == holder
        assert fake.running == 1
        fake.held = False
        assert first.result().status_code == second.result().status_code == 200
    assert fake.most_running == 1


def test_a_turn_whose_lock_was_taken_over_is_not_written(start, fake, redis_server):
    fake.held = True
    gateway = start()
    with redis_store.connect(redis_server.url) as client, ThreadPoolExecutor(1) as pool:
        late = pool.submit(say, gateway, "late")
        assert wait_until(lambda: fake.running == 1)
        client.set("wb:session:{local:s1}:lock", "somebody else", px=300)
        client.incr("wb:session:{local:s1}:fence")
        fake.held = False
        assert_openai_error(late.result(), 409, "session_conflict")
    assert stored(redis_server) is None


def test_a_client_that_leaves_in_the_middle_leaves_no_turn(start, fake, redis_server):
    gateway = start()
    say(gateway, "one")
    fake.itl, fake.pieces = 0.05, lambda body: ["x "] * 200
    client = gateway.client()
    stream = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "two"}], stream=True, extra_headers=S1, max_tokens=200
    )
    next(iter(stream))
    stream.close()
    assert wait_until(lambda: fake.cancelled == 1)
    fake.itl, fake.pieces = 0, lambda body: ["fine"]
    assert say(gateway, "three").status_code == 200
    assert [user[0] for user, _ in stored(redis_server)["turns"]] == ["one", "three"]


def test_who_has_seen_the_end_of_the_stream_finds_the_turn_written(start, fake, redis_server):
    gateway = start()
    for number in range(5):
        reply = say(gateway, f"turn {number}", stream=True)
        assert reply.text.endswith("data: [DONE]\n\n")
        assert len(stored(redis_server)["turns"]) == number + 1


def test_old_turns_are_folded_and_the_budget_is_never_exceeded(start, fake, redis_server):
    gateway = start(token_budget=400, summary_tokens=60)
    count = gateway.app.state.services.counter.count_prompt
    fake.pieces = lambda body: ["the quick brown fox answers about topic "] * 3
    for number in range(12):
        assert say(gateway, f"please tell me about topic {number} and the lazy dog", max_tokens=60).status_code == 200
        sent = fake.bodies[-1]
        assert count(sent["messages"]) + sent["max_tokens"] <= 400
        assert sent["messages"][-1]["content"].endswith(f"please tell me about topic {number} and the lazy dog")
    state = stored(redis_server)
    assert state["folded"] + len(state["turns"]) == 12
    assert "topic" in state["summary"]
    assert state["summary"] in fake.bodies[-1]["messages"][0]["content"]
    assert metric(gateway, "gateway_session_folds_total", method="extract_weak") >= 1


def test_the_models_own_limit_is_the_budget_where_it_is_smaller(start, fake):
    fake.max_model_len = 100
    gateway = start(token_budget=8192, summary_tokens=10)
    assert_openai_error(say(gateway, "x", max_tokens=100), 400, "context_length_exceeded", "messages")
    assert_openai_error(post(gateway, body(max_tokens=100)), 400, "context_length_exceeded", "messages")
    assert say(gateway, "x", max_tokens=50).status_code == 200


def test_a_message_too_long_for_the_budget_is_400_and_changes_nothing(start, fake, redis_server):
    gateway = start(token_budget=200, summary_tokens=40)
    say(gateway, "one")
    before = stored(redis_server)
    assert_openai_error(say(gateway, "word " * 500), 400, "context_length_exceeded")
    assert stored(redis_server) == before


def test_the_engine_writes_the_summary_within_a_bound_and_a_weak_one_is_replaced(start, fake, redis_server):
    summaries = ["The user asked about topic and lazy brown things.", "Zebras conquered Saturn yesterday evening."]
    seen = []

    def pieces(request):
        if request["messages"][0]["role"] != "system":
            return ["brown fox "] * 8
        seen.append(request)
        return [summaries[len(seen) - 1]]

    fake.pieces = pieces
    gateway = start(token_budget=400, summary_tokens=60, summariser="engine")
    for number in range(14):
        assert (
            say(gateway, f"please tell me about topic {number} and the lazy brown things", max_tokens=60).status_code
            == 200
        )
        if len(seen) == 1:
            assert stored(redis_server)["summary"].startswith("The user asked about topic")
        if len(seen) == 2:
            break
    assert len(seen) == 2
    assert all(call["max_tokens"] == 60 and call["temperature"] == 0 for call in seen)
    assert "Zebras" not in stored(redis_server)["summary"]
    assert metric(gateway, "gateway_session_folds_total", method="summariser") == 1
    assert metric(gateway, "gateway_session_folds_total", method="extract_weak") == 1


def test_n_above_one_is_refused_in_a_session(start):
    assert_openai_error(post(start(), body(n=2), S1), 400, "invalid_value", "n")


def test_a_session_can_be_deleted_by_its_tenant_only(start, redis_server):
    import httpx

    gateway = start()
    say(gateway, "one")
    with redis_store.connect(redis_server.url) as client:
        other, _ = KeyStore(client).create("other")
    url = f"{gateway.base_url}/sessions/s1"
    assert_openai_error(httpx.delete(url, headers={"authorization": f"Bearer {other}"}), 404, "session_not_found")
    assert httpx.delete(url, headers={"authorization": f"Bearer {gateway.api_key}"}).json()["deleted"] is True
    assert stored(redis_server) is None


def test_a_damaged_session_is_a_clear_error(start, redis_server):
    with redis_store.connect(redis_server.url) as client:
        client.set("wb:session:{local:s1}", b"{")
    assert_openai_error(say(start(), "x"), 500, "session_damaged")


def test_the_lock_is_free_after_every_kind_of_failure(start, fake, redis_server):
    gateway = start(max_retries=0, breaker_failures=100, session_lock_s=120)
    with redis_store.connect(redis_server.url) as client:
        fake.statuses = [500, 400]
        assert say(gateway, "x").status_code == 502
        assert say(gateway, "x").status_code == 400
        fake.stall_after = 0
        with pytest.raises(openai.APIStatusError):
            gateway.client().chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "x"}],
                extra_headers={**S1, "x-request-timeout-ms": "200"},
            )
        assert wait_until(lambda: not client.exists("wb:session:{local:s1}:lock"))
        assert wait_until(lambda: fake.running == 0)
    assert threading.active_count() < 100
