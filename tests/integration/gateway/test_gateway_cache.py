"""The exact cache: what is a hit, what must not be one, and one generation for many equal requests."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers import HELLO, assert_openai_error, body, metric, post, raw_request, wait_until

from reference.serving import redis_store
from reference.serving.gateway.keys import KeyStore


def outcome(gateway, headers=None, **fields):
    reply = post(gateway, body(**{"temperature": 0, **fields}), headers)
    assert reply.status_code == 200, reply.text
    return reply.headers["x-cache"]


def test_an_equal_request_is_a_hit_with_the_same_answer(start, fake):
    gateway = start()
    first, second = (post(gateway, body(temperature=0)).json() for _ in range(2))
    assert fake.calls == 1
    assert first["choices"] == second["choices"]
    assert first["usage"] == second["usage"]
    assert first["id"] != second["id"]


def test_a_streamed_hit_replays_the_answer_of_a_plain_request(start, fake):
    gateway = start()
    client = gateway.client()
    plain = client.chat.completions.create(model=body()["model"], messages=HELLO, temperature=0)
    chunks = list(
        client.chat.completions.create(
            model=body()["model"], messages=HELLO, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )
    assert fake.calls == 1
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage == plain.usage
    assert chunks[-2].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "hi there!"}]},
        {"messages": [{"role": "system", "content": "hi there"}, *HELLO]},
        {"messages": [*HELLO, {"role": "assistant", "content": "hi there"}, *HELLO]},
        {"max_tokens": 3},
        {"seed": 1},
        {"top_p": 0.5},
        {"stop": ["x"]},
        {"n": 2},
        {"frequency_penalty": 1.0},
        {"response_format": {"type": "json_object"}},
        {"top_k": 3},
    ],
)
def test_whatever_changes_the_answer_is_another_entry(start_once, fake_once, change):
    assert outcome(start_once) in {"hit", "miss"}
    assert outcome(start_once, **change) == "miss"
    assert outcome(start_once, **change) == "hit"


@pytest.mark.parametrize("same", [{"user": "someone"}, {"metadata": {"a": "b"}}, {"stream_options": None}])
def test_what_does_not_change_the_answer_is_the_same_entry(start_once, fake_once, same):
    outcome(start_once)
    assert outcome(start_once, **same) == "hit"


def test_only_deterministic_requests_are_cached(start, fake):
    gateway = start()
    for fields in ({}, {"temperature": 0.7}, {"temperature": 1}):
        assert [post(gateway, body(**fields)).headers["x-cache"] for _ in range(2)] == ["bypass", "bypass"]
    assert fake.calls == 6
    assert [outcome(gateway, temperature=0.7, seed=3) for _ in range(2)] == ["miss", "hit"]


def test_tenants_never_share_an_answer(start, fake, redis_server):
    gateway = start()
    with redis_store.connect(redis_server.url) as client:
        keys = [KeyStore(client).create(tenant)[0] for tenant in ("a", "b", "a")]
    outcomes = [outcome(gateway, {"authorization": f"Bearer {key}"}) for key in keys]
    assert outcomes == ["miss", "miss", "hit"]


def test_another_model_version_is_another_entry(start, fake):
    assert outcome(start(model_version="1")) == "miss"
    assert outcome(start(model_version="2")) == "miss"
    assert outcome(start(model_version="1")) == "hit"


def test_an_entry_ends_with_its_ttl(start, fake):
    gateway = start(cache_ttl_s=0.2)
    assert outcome(gateway) == "miss"
    assert wait_until(lambda: outcome(gateway) == "miss", 5)


def test_a_damaged_entry_is_a_miss(start, fake, redis_server):
    gateway = start()
    assert outcome(gateway) == "miss"
    with redis_store.connect(redis_server.url) as client:
        for name in client.scan_iter("wb:cache:*"):
            client.set(name, b"{broken")
    assert outcome(gateway) == "miss"
    assert outcome(gateway) == "hit"


def test_a_cut_off_generation_is_not_stored(start, fake):
    gateway = start()
    fake.die_after = 2
    assert '"code": "engine_error"' in post(gateway, body(temperature=0, stream=True)).text
    fake.die_after = None
    assert outcome(gateway) == "miss"


@pytest.mark.slow
def test_100_equal_concurrent_requests_cost_one_generation(start, fake):
    fake.ttft = 0.5
    gateway = start()
    with ThreadPoolExecutor(100) as pool:
        replies = list(pool.map(lambda i: post(gateway, body(temperature=0, stream=bool(i % 2))), range(100)))
    assert fake.calls == 1
    assert {r.status_code for r in replies} == {200}
    assert all("engine" in r.text for r in replies)
    assert sum(r.headers["x-cache"] == "miss" for r in replies) == 1
    assert (
        metric(gateway, "gateway_cache_requests_total", outcome="coalesced")
        + metric(gateway, "gateway_cache_requests_total", outcome="hit")
        == 99
    )


def test_equal_requests_at_two_gateways_cost_one_generation(start, fake):
    fake.ttft = 0.5
    gateways = [start(), start()]
    with ThreadPoolExecutor(40) as pool:
        replies = list(pool.map(lambda i: post(gateways[i % 2], body(temperature=0)), range(40)))
    assert fake.calls == 1
    assert {r.json()["choices"][0]["message"]["content"] for r in replies} == {"Hello from the engine."}


def test_followers_take_over_when_another_process_dies_as_leader(start, fake, redis_server):
    """Its lock is a lease that nobody renews any more."""
    gateway = start(flight_lock_s=0.3)
    seen = {}
    with redis_store.connect(redis_server.url) as client:
        outcome(gateway)
        (entry,) = client.scan_iter("wb:cache:*")
        client.delete(entry)
        client.set(entry.replace(b":cache:", b":flight:"), "dead", px=300)
        thread = threading.Thread(target=lambda: seen.update(outcome=outcome(gateway)))
        thread.start()
        thread.join(10)
    assert seen == {"outcome": "miss"}
    assert fake.calls == 2


def test_followers_get_the_answer_when_the_leaders_client_leaves(start, fake):
    fake.held = True
    gateway = start()
    with ThreadPoolExecutor(1) as pool:
        with raw_request(gateway, body(temperature=0)):  # the leader, who leaves when both wait for one generation
            assert wait_until(lambda: fake.calls == 1)
            (generation,) = gateway.app.state.services.flights._running.values()
            follower = pool.submit(post, gateway, body(temperature=0))
            assert wait_until(lambda: generation._readers == 2)
        assert wait_until(lambda: generation._readers == 1)
        fake.held = False
        assert follower.result().json()["choices"][0]["message"]["content"] == "Hello from the engine."
    assert fake.calls == 1
    assert fake.cancelled == 0


def test_the_engine_stops_when_all_who_wait_have_left(start, fake):
    fake.itl = 0.1
    fake.pieces = lambda body: ["x"] * 10_000
    gateway = start()
    for number in range(2):
        with raw_request(gateway, body(temperature=0, max_tokens=3000)):
            assert wait_until(lambda: fake.running == 1)
        assert wait_until(lambda n=number: fake.cancelled == n + 1 and fake.running == 0)
    assert wait_until(lambda: metric(gateway, "gateway_inflight_generations") == 0)


def test_an_answer_over_the_size_limit_is_served_but_not_stored(start, fake):
    gateway = start(cache_max_bytes=10)
    assert outcome(gateway) == "miss"
    assert wait_until(lambda: len(gateway.app.state.services.flights) == 0)  # none to join any more
    assert outcome(gateway) == "miss"


def test_a_follower_with_quota_is_served_when_the_leader_has_none(start, fake, redis_server):
    """The leader's 429 is its own."""
    gateway = start()
    with redis_store.connect(redis_server.url) as client:
        poor, _ = KeyStore(client).create("acme", tpm=300)
        rich, _ = KeyStore(client).create("acme")
    poor_auth, rich_auth = ({"authorization": f"Bearer {key}"} for key in (poor, rich))
    fake.pieces = lambda body: ["x"] * 280
    fake.count_prompt = lambda messages: 16
    assert post(gateway, body(max_tokens=280, seed=1), poor_auth).status_code == 200  # the quota is spent
    quota = gateway.app.state.pipeline.quota
    reserve, entered = quota.reserve, threading.Event()

    async def slow_reserve(call, cost):
        entered.set()
        await asyncio.sleep(0.3)
        await reserve(call, cost)

    quota.reserve = slow_reserve
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(post, gateway, body(temperature=0, max_tokens=280), poor_auth)
        assert entered.wait(5)
        follower = pool.submit(post, gateway, body(temperature=0, max_tokens=280), rich_auth)
        assert_openai_error(leader.result(), 429, "rate_limit_exceeded")
        assert follower.result().status_code == 200
