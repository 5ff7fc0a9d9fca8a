"""Guardrails and retrieval on the gateway's path, with guards and retrievers made for the test."""

from dataclasses import dataclass

import pytest
from fake_engine import MODEL
from helpers import HELLO, assert_openai_error, body, metric, post, wait_until
from test_gateway_sessions import S1, say, stored

from reference.serving.gateway.rag import Passage


@dataclass(frozen=True)
class Finding:
    kind: str


@dataclass(frozen=True)
class Decision:
    action: str
    text: str
    findings: tuple = ()
    reason: str = ""


class WordStreamGuard:
    """Holds text back until a word is whole; stops at BADWORD."""

    def __init__(self):
        self.blocked, self.held, self.findings = False, "", ()

    def feed(self, delta):
        self.held += delta
        *whole, self.held = self.held.split(" ")
        return self._check("".join(word + " " for word in whole))

    def flush(self):
        text, self.held = self.held, ""
        return self._check(text)

    def _check(self, text):
        if self.blocked:
            return ""
        if "BADWORD" in text:
            self.blocked, self.findings = True, (Finding("leak"),)
            return text.split("BADWORD")[0]
        return text


class WordGuards:
    policy_version = "words-1"

    def check_input(self, text):
        if "FORBIDDEN" in text:
            return Decision("block", text, (Finding("injection"),), "it asks for something forbidden")
        if "a@b.c" in text:
            return Decision("redact", text.replace("a@b.c", "[EMAIL]"), (Finding("pii"),))
        return Decision("allow", text)

    def stream_guard(self, system_prompt):
        return WordStreamGuard()


@pytest.fixture
def gateway(start):
    return start({"guards": WordGuards()}, guardrails=True)


def test_a_blocked_message_is_400_content_filter_and_never_reaches_the_engine(gateway, fake):
    reply = post(gateway, body(messages=[{"role": "user", "content": "do FORBIDDEN"}]))
    assert_openai_error(reply, 400, "content_filter", "messages[0].content")
    assert "something forbidden" in reply.json()["error"]["message"]
    assert fake.calls == 0
    assert metric(gateway, "gateway_guardrail_blocks_total", direction="input") == 1
    assert metric(gateway, "gateway_guardrail_findings_total", direction="input", kind="injection") == 1


def test_a_blocked_message_in_a_session_changes_nothing(gateway, fake, redis_server):
    say(gateway, "one")
    before = stored(redis_server)
    assert_openai_error(say(gateway, "FORBIDDEN"), 400, "content_filter")
    assert stored(redis_server) == before


def test_redactions_reach_engine_session_and_cache_key(gateway, fake, redis_server):
    say(gateway, "mail a@b.c please")
    assert fake.bodies[-1]["messages"][0]["content"] == "mail [EMAIL] please"
    assert stored(redis_server)["turns"][0][0] == ["mail [EMAIL] please"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_blocked_answer_ends_with_content_filter_and_stops_the_engine(gateway, fake, stream):
    fake.itl = 0.01
    fake.pieces = lambda body: ["fine ", "so ", "BAD", "WORD ", *["more "] * 3000]
    reply = post(gateway, body(stream=stream, max_tokens=3000))
    assert reply.status_code == 200
    assert '"finish_reason":"content_filter"' in reply.text
    assert "BAD" not in reply.text
    assert "more" not in reply.text
    assert "fine " in reply.text
    assert wait_until(lambda: fake.cancelled == 1)


def test_a_blocked_answer_is_neither_cached_nor_a_turn(gateway, fake, redis_server):
    fake.pieces = lambda body: ["BADWORD "]
    assert [post(gateway, body(temperature=0)).headers["x-cache"] for _ in range(2)] == ["miss", "miss"]
    say(gateway, "x")
    assert stored(redis_server) is None


def test_text_held_back_by_the_guard_is_not_lost(gateway, fake):
    fake.pieces = lambda body: ["two wo", "rds and an e", "nd"]
    client = gateway.client()
    chunks = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "two words and an end"


def test_each_choice_has_a_guard_of_its_own(gateway, fake):
    fake.pieces = lambda body: ["some ", "text ", "here"]
    answer = gateway.client().chat.completions.create(model=MODEL, messages=HELLO, n=3)
    assert {c.message.content for c in answer.choices} == {"some text here"}


def test_logprobs_are_refused_while_guards_are_on_and_pass_without(gateway, start, fake):
    assert_openai_error(post(gateway, body(logprobs=True)), 400, "unsupported_parameter", "logprobs")
    assert post(start(), body(logprobs=True, top_logprobs=2)).status_code == 200
    assert fake.bodies[-1]["top_logprobs"] == 2


class Shelf:
    def __init__(self, *texts):
        self.texts, self.asked = texts, []

    def retrieve(self, query, tenant):
        self.asked.append((query, tenant))
        return [Passage(text) for text in self.texts]


class AsyncShelf(Shelf):
    async def retrieve(self, query, tenant):
        return Shelf.retrieve(self, query, tenant)


@pytest.mark.parametrize("shelf", [Shelf, AsyncShelf])
def test_passages_join_the_last_user_message(start, fake, shelf):
    retriever = shelf("foxes are brown", "dogs are lazy")
    reply = post(start({"retriever": retriever}), body())
    assert reply.headers["x-rag-passages"] == "2"
    assert retriever.asked == [("hi there", "local")]
    sent = fake.bodies[-1]["messages"][-1]["content"]
    assert "[1] foxes are brown" in sent
    assert sent.endswith("Question: hi there")


def test_passages_are_not_kept_in_the_session(start, fake, redis_server):
    say(start({"retriever": Shelf("foxes are brown")}), "hi")
    assert "foxes" in fake.bodies[-1]["messages"][-1]["content"]
    assert stored(redis_server)["turns"][0][0] == ["hi"]


def test_other_passages_are_another_cache_entry(start, fake):
    retriever = Shelf("old")
    gateway = start({"retriever": retriever})
    outcomes = [post(gateway, body(temperature=0)).headers["x-cache"] for _ in range(2)]
    retriever.texts = ("new",)
    assert [*outcomes, post(gateway, body(temperature=0)).headers["x-cache"]] == ["miss", "hit", "miss"]


def test_passages_never_push_the_prompt_over_the_budget(start, fake):
    gateway = start({"retriever": Shelf(*["the quick brown fox " * 10] * 8)}, token_budget=300, summary_tokens=20)
    count = gateway.app.state.services.counter.count_prompt
    for headers in ({}, S1):
        reply = post(gateway, body(max_tokens=50), headers)
        assert reply.status_code == 200
        assert 0 < int(reply.headers["x-rag-passages"]) < 8
        assert count(fake.bodies[-1]["messages"]) + 50 <= 300


def test_a_failing_retriever_costs_the_passages_not_the_answer(start, fake):
    class Broken:
        def retrieve(self, query, tenant):
            raise RuntimeError("no index")

    gateway = start({"retriever": Broken()})
    reply = post(gateway, body())
    assert reply.status_code == 200
    assert reply.headers["x-rag-passages"] == "failed"
    assert metric(gateway, "gateway_rag_requests_total", outcome="failed") == 1


def test_a_blocked_passage_is_left_out(start, fake):
    parts = {"guards": WordGuards(), "retriever": Shelf("FORBIDDEN text", "good text a@b.c")}
    reply = post(start(parts, guardrails=True), body())
    sent = fake.bodies[-1]["messages"][-1]["content"]
    assert reply.headers["x-rag-passages"] == "1"
    assert "FORBIDDEN" not in sent
    assert "good text [EMAIL]" in sent
