"""Two engines behind one gateway: who answers, what the headers say, and what happens when the small one fails."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fake_engine import MODEL, running_engine
from helpers import assert_openai_error, body, metric, post, wait_until

from reference.serving.gateway.seams import Choice

SMALL = "small-model"


class EasyIsSmall:
    """Texts with "easy" in them go to the small tier."""

    version = "test-1"

    def __init__(self):
        self.asked = []

    def choose(self, text):
        self.asked.append(text)
        return Choice("small", 0.9) if "easy" in text else Choice("strong", 0.25)


@pytest.fixture
def small():
    with running_engine(model=SMALL, pieces=lambda body: ["Small", " answer"]) as engine:
        yield engine


@pytest.fixture
def routed(start, small):
    def make(chooser=None, parts=None, **settings):
        given = {"small_engine_url": small.base_url, "max_retries": 0, **settings}
        return start({"chooser": chooser or EasyIsSmall(), **(parts or {})}, **given)

    return make


def auto(text="an easy one", **fields):
    return body(model="auto", messages=[{"role": "user", "content": text}], **fields)


def text_of(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["message"]["content"]


def test_auto_goes_where_the_chooser_says_and_the_headers_tell(routed, fake, small):
    chooser = EasyIsSmall()
    gateway = routed(chooser)
    easy, hard = post(gateway, auto()), post(gateway, auto("a hard one"))
    assert (text_of(easy), text_of(hard)) == ("Small answer", "Hello from the engine.")
    assert (easy.headers["x-tier"], easy.headers["x-route-score"]) == ("small", "0.9000")
    assert (hard.headers["x-tier"], hard.headers["x-route-score"]) == ("strong", "0.2500")
    assert (easy.json()["model"], hard.json()["model"]) == (SMALL, MODEL)
    assert (small.bodies[0]["model"], fake.bodies[0]["model"]) == (SMALL, MODEL)
    assert chooser.asked == ["an easy one", "a hard one"]


def test_the_choice_rests_on_the_last_user_message(routed):
    chooser = EasyIsSmall()
    messages = [
        {"role": "user", "content": "easy"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "now a hard one"},
    ]
    assert post(routed(chooser), body(model="auto", messages=messages)).headers["x-tier"] == "strong"
    assert chooser.asked == ["now a hard one"]


def test_a_named_model_goes_to_its_engine_without_a_choice(routed, fake, small):
    chooser = EasyIsSmall()
    gateway = routed(chooser)
    assert post(gateway, body(model=SMALL)).headers["x-tier"] == "small"
    assert post(gateway, body(model=MODEL)).headers["x-tier"] == "strong"
    assert (fake.calls, small.calls, chooser.asked) == (1, 1, [])
    reply = post(gateway, body(model="another"))
    assert_openai_error(reply, 404, "model_not_found", "model")
    assert SMALL in reply.json()["error"]["message"]


def test_models_lists_both_tiers_and_auto(routed, start):
    for gateway, names in ((routed(), [MODEL, SMALL, "auto"]), (start(), [MODEL])):
        headers = {"authorization": f"Bearer {gateway.api_key}"}
        listed = httpx.get(f"{gateway.base_url}/models", headers=headers).json()["data"]
        assert [model["id"] for model in listed] == names
        assert httpx.get(f"{gateway.base_url}/models/{names[-1]}", headers=headers).status_code == 200


def test_auto_without_a_second_engine_or_a_chooser_says_what_to_set(start, small):
    reply = post(start(), auto())
    assert_openai_error(reply, 400, "routing_not_configured", "model")
    assert "GATEWAY_SMALL_ENGINE_URL" in reply.json()["error"]["message"]
    reply = post(start(small_engine_url=small.base_url), auto())
    assert_openai_error(reply, 400, "routing_not_configured", "model")
    assert "chooser" in reply.json()["error"]["message"]
    assert "GATEWAY_SMALL_ENGINE_URL" not in reply.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("deterministic", [False, True])
def test_the_strong_tier_answers_when_the_small_one_fails_before_its_first_token(
    routed, fake, small, stream, deterministic
):
    small.statuses = [500] * 9
    gateway = routed()
    reply = post(gateway, auto(stream=stream, **({"temperature": 0} if deterministic else {})))
    assert "engine" in reply.text
    assert (reply.headers["x-tier"], reply.headers["x-tier-fallback"]) == ("strong", "engine_error")
    assert metric(gateway, "gateway_tier_fallbacks_total", reason="engine_error") == 1
    assert (small.calls, fake.calls) == (1, 1)


def test_a_prompt_too_long_for_the_small_window_goes_to_the_strong_tier(routed, small, fake):
    small.max_model_len = 40
    gateway = routed()
    reply = post(gateway, auto("an easy one " * 20, max_tokens=8))
    assert text_of(reply) == "Hello from the engine."
    assert reply.headers["x-tier-fallback"] == "context_length_exceeded"
    assert small.calls == 0


def test_a_small_tier_that_is_down_is_left_alone_and_taken_back(routed, small, fake):
    gateway = routed(breaker_failures=2, breaker_cooldown_s=0.5)
    small.statuses = [500] * 1000
    assert wait_until(lambda: post(gateway, auto()).headers["x-tier-fallback"] == "engine_unavailable")
    assert small.calls >= 2
    assert post(gateway, body()).status_code == 200  # the strong one has a circuit of its own
    small.statuses.clear()
    assert wait_until(lambda: post(gateway, auto()).headers["x-tier"] == "small")


def test_a_small_tier_that_breaks_off_later_is_no_reason_to_begin_again(routed, small, fake):
    small.die_after = 1
    reply = post(routed(), auto(stream=True))
    assert reply.headers["x-tier"] == "small"
    assert '"code": "engine_error"' in reply.text
    assert fake.calls == 0


def test_a_named_small_model_is_not_answered_by_another(routed, small, fake):
    small.statuses = [500]
    assert_openai_error(post(routed(), body(model=SMALL)), 502, "engine_error")
    assert fake.calls == 0


def test_one_request_is_charged_whatever_tiers_it_is_tried_on(routed, small):
    small.statuses = [500]
    reply = post(routed(default_rpm=10), auto())
    assert reply.headers["x-tier"] == "strong"
    assert reply.headers["x-ratelimit-remaining-requests"] == "9"


@pytest.mark.parametrize("fault", ["raises", "nonsense", "slow"])
def test_a_chooser_that_fails_or_is_slow_leaves_it_to_the_strong_tier(routed, fault):
    release = threading.Event()

    class Broken:
        version = "broken"

        def choose(self, text):
            if fault == "raises":
                raise RuntimeError(text)
            if fault == "slow":
                release.wait(20)
            return Choice("small", 7.0)

    gateway = routed(Broken(), chooser_timeout_s=0.2)
    reply = post(gateway, auto())
    release.set()
    assert text_of(reply) == "Hello from the engine."
    assert reply.headers["x-tier-fallback"] == "chooser_failed"
    assert metric(gateway, "gateway_chooser_failures_total") == 1


def test_the_exact_cache_keeps_tiers_apart_even_if_their_models_share_a_name(routed, small, fake):
    small.model = MODEL
    gateway = routed(small_model=MODEL, model_version="1", small_model_version="1")
    texts = [post(gateway, auto("easy", temperature=0)) for _ in range(2)]
    assert [text_of(reply) for reply in texts] == ["Small answer"] * 2
    assert [reply.headers["x-cache"] for reply in texts] == ["miss", "hit"]
    strong = post(gateway, body(messages=[{"role": "user", "content": "easy"}], temperature=0))
    assert (strong.headers["x-cache"], text_of(strong)) == ("miss", "Hello from the engine.")


def test_the_answer_of_a_fallback_is_stored_as_the_strong_tiers(routed, small, fake):
    gateway = routed()
    small.statuses = [500]
    assert text_of(post(gateway, auto(temperature=0))) == "Hello from the engine."
    again = post(gateway, auto(temperature=0))
    assert (again.headers["x-cache"], text_of(again)) == ("miss", "Small answer")


def test_equal_requests_fall_back_together(routed, small, fake):
    small.held = fake.held = True
    gateway = routed()
    small.die_after = 0
    flights = gateway.app.state.services.flights._running
    joined = lambda: [one._readers for one in list(flights.values())] == [10]  # noqa: E731
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(post, gateway, auto(temperature=0)) for _ in range(10)]
        assert wait_until(joined)  # one that comes later would be a request of its own
        small.held = False
        assert wait_until(lambda: fake.running == 1 and joined())
        fake.held = False
        replies = [each.result() for each in asked]
    assert {text_of(reply) for reply in replies} == {"Hello from the engine."}
    assert (small.calls, fake.calls) == (1, 1)


def test_a_session_goes_on_when_its_turn_falls_back(routed, small):
    gateway = routed()
    headers = {"x-session-id": "s-1"}
    small.statuses = [500]
    assert post(gateway, auto(), headers).headers["x-tier"] == "strong"
    second = post(gateway, auto("easy again"), headers)
    assert second.headers["x-tier"] == "small"
    assert [m["role"] for m in small.bodies[-1]["messages"]] == ["user", "assistant", "user"]


def test_readyz_tells_of_the_second_engine(routed, small):
    gateway = routed()
    state = httpx.get(f"{gateway.root_url}/readyz").json()
    assert (state["small_engine"], state["small_breaker"], state["ready"]) == ("up", "closed", True)
    small.healthy = False
    assert wait_until(lambda: httpx.get(f"{gateway.root_url}/readyz").json()["small_engine"] == "down")
    assert httpx.get(f"{gateway.root_url}/readyz").json()["ready"] is True
