"""Rate limits per key and load shedding."""

from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from fake_engine import MODEL
from helpers import HELLO, assert_openai_error, body, metric, post, wait_until

from reference.serving import redis_store
from reference.serving.gateway.keys import KeyStore


def auth(redis_server, **limits):
    with redis_store.connect(redis_server.url) as client:
        key, _ = KeyStore(client).create("acme", **limits)
    return {"authorization": f"Bearer {key}"}


def test_requests_over_the_limit_are_429_with_the_time_to_wait(start, fake, redis_server):
    gateway, headers = start(), auth(redis_server, rpm=3)
    replies = [post(gateway, body(), headers) for _ in range(4)]
    assert [r.status_code for r in replies] == [200, 200, 200, 429]
    assert_openai_error(replies[3], 429, "rate_limit_exceeded")
    assert replies[3].json()["error"]["type"] == "requests"
    assert 1 <= int(replies[3].headers["retry-after"]) <= 20
    assert [r.headers["x-ratelimit-remaining-requests"] for r in replies] == ["2", "1", "0", "0"]
    assert replies[0].headers["x-ratelimit-limit-requests"] == "3"
    assert fake.calls == 3
    with pytest.raises(openai.RateLimitError):
        client = gateway.client().with_options(api_key=headers["authorization"].removeprefix("Bearer "))
        client.chat.completions.create(model=MODEL, messages=HELLO)


@pytest.mark.slow
def test_a_refused_key_costs_no_more_redis_calls_until_its_time_has_come(start, fake, redis_server):
    # One more after 6 s: what follows has to be sooner.
    gateway, headers = start(auth_fresh_s=600), auth(redis_server, rpm=10)
    while post(gateway, body(), headers).status_code == 200:
        pass
    with redis_store.connect(redis_server.url) as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        refused = [post(gateway, body(), headers) for _ in range(5)]
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before
    assert {r.status_code for r in refused} == {429}
    waits = [float(r.headers["x-ratelimit-reset-requests"].rstrip("s")) for r in refused]
    assert waits == sorted(waits, reverse=True)
    assert wait_until(lambda: post(gateway, body(), headers).status_code == 200, 20)


def test_the_limit_is_atomic_across_gateways(start, fake, redis_server):
    gateways, headers = [start(), start()], auth(redis_server, rpm=20)
    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(lambda i: post(gateways[i % 2], body(), headers).status_code, range(60)))
    # 20 at once, and one more for every 3 s that the test takes.
    assert 20 <= statuses.count(200) <= 23
    assert set(statuses) == {200, 429}


def test_keys_have_limits_of_their_own(start, fake, redis_server):
    gateway = start()
    one, other = (auth(redis_server, rpm=1) for _ in range(2))
    assert [post(gateway, body(), h).status_code for h in (one, other, one, other)] == [200, 200, 429, 429]


def test_cache_hits_count_as_requests_but_cost_no_tokens(start, fake, redis_server):
    gateway, headers = start(), auth(redis_server, rpm=5, tpm=400)
    replies = [post(gateway, body(temperature=0, max_tokens=100), headers) for _ in range(6)]
    assert [r.status_code for r in replies] == [200] * 5 + [429]
    assert replies[5].json()["error"]["type"] == "requests"


def test_tokens_are_reserved_and_what_was_not_used_comes_back(start, fake, redis_server):
    gateway, headers = start(), auth(redis_server, tpm=500)
    for _ in range(10):  # each reserves over 300, and uses 7 + 5
        assert post(gateway, body(max_tokens=300), headers).status_code == 200
    fake.held = True
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, gateway, body(max_tokens=300), headers)
        assert wait_until(lambda: fake.running == 1)
        assert post(gateway, body(max_tokens=300), headers).status_code == 429
        fake.held = False
        assert first.result().status_code == 200


@pytest.mark.parametrize("fault", ["refused", "cut off", "left"])
def test_reserved_tokens_come_back_after_a_failure(start, fake, redis_server, fault):
    gateway, headers, hurry = start(max_retries=0, breaker_failures=100), auth(redis_server, tpm=500), {}
    if fault == "refused":
        fake.statuses = [500] * 3
    elif fault == "cut off":
        fake.die_after = 1
    else:
        fake.stall_after = 1
        hurry["x-request-timeout-ms"] = "500"
    for _ in range(3):
        assert post(gateway, body(max_tokens=300), {**headers, **hurry}).status_code in {502, 504}
    fake.die_after = fake.stall_after = None
    assert wait_until(lambda: fake.running == 0)
    assert post(gateway, body(max_tokens=300), headers).status_code == 200


def test_a_request_larger_than_the_token_limit_is_400_for_waiting_cannot_help(start, redis_server):
    gateway, headers = start(), auth(redis_server, tpm=100)
    reply = post(gateway, body(max_tokens=300), headers)
    assert_openai_error(reply, 400, "request_exceeds_token_limit", "max_tokens")
    assert "retry-after" not in reply.headers


def test_n_answers_cost_n_times(start, fake, redis_server):
    gateway, headers = start(), auth(redis_server, tpm=700)
    assert post(gateway, body(max_tokens=300, n=2), headers).status_code == 200
    assert_openai_error(post(gateway, body(max_tokens=300, n=3), headers), 400, "request_exceeds_token_limit")


def test_more_generations_than_slots_are_shed_with_429(start, fake):
    fake.held = True
    gateway = start(max_inflight=2)
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(post, gateway, body()) for _ in range(2)]
        assert wait_until(lambda: fake.running == 2)
        for _ in range(4):
            shed = post(gateway, body())
            assert_openai_error(shed, 429, "overloaded")
            assert int(shed.headers["retry-after"]) >= 1
        fake.held = False
        assert [one.result().status_code for one in running] == [200, 200]
    assert metric(gateway, "gateway_shed_total", reason="inflight") == 4
    assert fake.most_running == 2
    assert post(gateway, body()).status_code == 200


def test_a_long_queue_in_the_engine_sheds_and_cache_hits_still_pass(start, fake):
    gateway = start(max_engine_queue=4)
    assert post(gateway, body(temperature=0)).status_code == 200
    fake.waiting = 9
    assert wait_until(lambda: metric(gateway, "gateway_engine_requests_waiting") == 9)
    assert_openai_error(post(gateway, body()), 429, "overloaded")
    assert post(gateway, body(temperature=0)).headers["x-cache"] == "hit"
    fake.waiting = 0
    assert wait_until(lambda: post(gateway, body()).status_code == 200)


def test_too_many_open_requests_are_shed_but_health_still_answers(start, fake):
    import httpx

    fake.held = True
    gateway = start(max_open_requests=3)
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(post, gateway, body()) for _ in range(3)]
        assert wait_until(lambda: fake.running == 3)
        assert_openai_error(post(gateway, body()), 429, "overloaded")
        assert httpx.get(f"{gateway.root_url}/healthz").status_code == 200
        fake.held = False
        assert all(r.result().status_code == 200 for r in running)
