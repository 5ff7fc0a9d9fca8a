"""Similar answers: found within their scope, never from personal data, and no fault of the store reaches a client."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_engine import MODEL
from helpers import body, metric, post, wait_until

from reference.serving import redis_store
from reference.serving.gateway.exact_cache import Answer
from reference.serving.gateway.exact_cache import Choice as Text
from reference.serving.gateway.keys import KeyStore
from reference.serving.gateway.rag import Passage
from reference.serving.gateway.seams import Similar


class SameStart:
    """A store that takes questions for alike if their first four characters are."""

    version = "same-start"

    def __init__(self):
        self.kept, self.looked = {}, []
        self.fault = lambda: None

    def find(self, scope, question):
        self.looked.append((scope, question))
        self.fault()
        found = self.kept.get((scope, question[:4]))
        return found and Similar(found[1], found[0], 0.93)

    def keep(self, scope, question, answer, ttl_s):
        assert ttl_s > 0
        self.fault()
        self.kept[scope, question[:4]] = (question, answer)


@pytest.fixture
def store():
    return SameStart()


@pytest.fixture
def similar(start, store):
    # Time enough: whether a find is late must not hang on how busy the machine is.
    return lambda parts=None, **settings: start(
        {"similar": store, **(parts or {})}, **{"similar_timeout_s": 20, **settings}
    )


def ask(gateway, text="what is a queue", headers=None, **fields):
    messages = fields.pop("messages", [{"role": "user", "content": text}])
    reply = post(gateway, body(**{"messages": messages, "temperature": 0, **fields}), headers)
    assert reply.status_code == 200, reply.text
    return reply


def kept(store, count=1):
    return wait_until(lambda: len(store.kept) == count)


def test_a_question_like_one_before_gets_its_answer_and_the_headers_say_so(similar, store, fake):
    gateway = similar()
    first = ask(gateway)
    assert (first.headers["x-cache"], kept(store)) == ("miss", True)
    fake.pieces = lambda body: ["another"]
    for stream in (False, True):
        second = ask(gateway, "what are queues for", stream=stream)
        assert (second.headers["x-cache"], second.headers["x-cache-similarity"]) == ("similar", "0.9300")
        assert "Hello" in second.text
    assert fake.calls == 1
    digests = {ask(gateway, f"what {n}").headers["x-cache-question-sha256"] for n in range(2)}
    assert len(digests) == 1
    (digest,) = digests
    assert len(digest) == 64
    import hashlib

    assert digest != hashlib.sha256(b"what is a queue").hexdigest()  # nobody can try texts against it


def test_an_equal_question_is_an_exact_hit_and_the_store_is_not_asked(similar, store):
    gateway = similar()
    ask(gateway)
    assert kept(store)
    store.looked.clear()
    assert ask(gateway).headers["x-cache"] == "hit"
    assert store.looked == []


def test_a_similar_answer_stays_similar_when_it_is_asked_for_again(similar, store):
    """It is not stored as the exact answer of the other question."""
    gateway = similar()
    ask(gateway)
    assert kept(store)
    assert [ask(gateway, "what else").headers["x-cache"] for _ in range(2)] == ["similar", "similar"]


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "what else"}]},
        {"max_tokens": 3},
        {"seed": 1},
        {"n": 2},
        {"stop": ["x"]},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_all_but_the_last_text_must_agree(similar, store, change):
    gateway = similar()
    ask(gateway)
    assert kept(store)
    assert ask(gateway, "what else", **change).headers["x-cache"] == "miss"


def test_tenants_and_model_versions_have_scopes_of_their_own(similar, store, redis_server):
    gateway = similar(model_version="1")
    ask(gateway)
    assert kept(store)
    with redis_store.connect(redis_server.url) as client:
        other = {"authorization": f"Bearer {KeyStore(client).create('other')[0]}"}
    assert ask(gateway, "what else", other).headers["x-cache"] == "miss"
    assert ask(similar(model_version="2"), "what else").headers["x-cache"] == "miss"
    assert ask(gateway, "what then").headers["x-cache"] == "similar"


def test_tiers_have_scopes_of_their_own(similar, store, fake):
    from fake_engine import running_engine

    with running_engine(model=MODEL, pieces=lambda body: ["Small"]) as small:
        from reference.serving.gateway.seams import Choice

        class First:
            version, tiers = "1", ["small", "strong"]

            def choose(self, text):
                return Choice(self.tiers.pop(0), 0.5)

        gateway = similar({"chooser": First()}, small_engine_url=small.base_url)
        assert "Small" in ask(gateway, model="auto").text
        assert kept(store)
        reply = ask(gateway, "what else", model="auto")
        assert (reply.headers["x-tier"], reply.headers["x-cache"]) == ("strong", "miss")


def test_retrieved_passages_are_a_part_of_the_scope(similar, store):
    class Retriever:
        def __init__(self):
            self.passages = ["first"]

        def retrieve(self, query, tenant):
            return [Passage(text) for text in self.passages]

    retriever = Retriever()
    gateway = similar({"retriever": retriever})
    ask(gateway)
    assert kept(store)
    assert store.looked[0][1] == "what is a queue"  # the question alone is compared
    assert ask(gateway, "what else").headers["x-cache"] == "similar"
    retriever.passages = ["second"]
    assert ask(gateway, "what now").headers["x-cache"] == "miss"


def test_what_is_not_deterministic_or_not_a_users_question_is_not_looked_for(similar, store):
    gateway = similar()
    ask(gateway, temperature=0.7)
    ask(gateway, headers={"x-session-id": "s"})
    ask(gateway, messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    assert store.looked == []


PERSONAL = [
    "what is at ann.lee@company.org",
    "what if my card is 4111 1111 1111 1111",
    "what does token=ghp_16C7e42F292c6912E7710c838347Ae178B4a do",
]


@pytest.mark.parametrize("guardrails", [False, True])
@pytest.mark.parametrize("text", PERSONAL)
def test_personal_data_and_secrets_are_neither_looked_for_nor_kept(similar, store, fake, text, guardrails):
    gateway = similar(guardrails=guardrails)
    assert ask(gateway, text).headers["x-cache"] == "miss"
    assert ask(gateway, "what if nothing").headers["x-cache"] == "miss"
    assert kept(store)
    assert ask(gateway, text, max_tokens=9).headers["x-cache"] == "miss"
    assert [question for _, question in store.looked] == ["what if nothing"]
    assert {question for question, _ in store.kept.values()} == {"what if nothing"}
    assert metric(gateway, "gateway_similar_requests_total", outcome="personal") == 2


@pytest.mark.parametrize("guardrails", [False, True])
def test_an_answer_with_personal_data_is_not_kept(similar, store, fake, guardrails):
    gateway = similar(guardrails=guardrails)
    fake.pieces = lambda body: ["Write to ", "ann.lee@company", ".org", " now"]
    ask(gateway)
    assert wait_until(lambda: metric(gateway, "gateway_similar_kept_total", outcome="personal") == 1)
    assert store.kept == {}


def test_a_stored_answer_with_personal_data_is_not_served(similar, store, fake):
    gateway = similar()
    ask(gateway)
    assert kept(store)
    (key,) = store.kept
    store.kept[key] = ("what", Answer((Text("ask ann.lee@company.org", "stop"),), 7, 5).to_bytes())
    assert "Hello" in ask(gateway, "what else").text


@pytest.mark.parametrize("stored", [b"", b"{}", b"\xff", Answer((Text("cut", "content_filter"),), 1, 1).to_bytes()])
def test_a_damaged_or_filtered_entry_is_a_miss(similar, store, stored):
    gateway = similar()
    ask(gateway)
    assert kept(store)
    (key,) = store.kept
    store.kept[key] = ("what", stored)
    assert ask(gateway, "what else").headers["x-cache"] == "miss"
    assert metric(gateway, "gateway_similar_requests_total", outcome="error") == 1


@pytest.mark.slow
def test_a_failing_store_is_a_miss_that_is_counted(similar, store, fake):
    def fault():
        raise ConnectionError("gone")

    store.fault = fault
    gateway = similar()
    for number in range(12):
        assert ask(gateway, f"what {number}").headers["x-cache"] == "miss"
    errors = metric(gateway, "gateway_similar_requests_total", outcome="error")
    assert errors >= 1
    assert errors + metric(gateway, "gateway_similar_requests_total", outcome="resting") == 12
    assert fake.calls == 12


@pytest.mark.slow
def test_a_slow_store_is_a_miss_and_is_left_alone_after_a_while(similar, store):
    release = threading.Event()
    store.fault = lambda: release.wait(30)
    gateway = similar(similar_timeout_s=0.1)
    for number in range(12):
        assert ask(gateway, f"what {number}").headers["x-cache"] == "miss"
    late = metric(gateway, "gateway_similar_requests_total", outcome="timeout")
    assert late >= 1
    assert late + metric(gateway, "gateway_similar_requests_total", outcome="resting") == 12
    release.set()


def test_equal_questions_at_once_are_looked_for_once_and_share_what_is_found(similar, store, fake):
    gateway = similar(similar_timeout_s=20)
    ask(gateway)
    assert kept(store)
    store.looked.clear()
    release = threading.Event()
    store.fault = lambda: release.wait(20)
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, gateway, "what else") for _ in range(20)]
        flights = gateway.app.state.services.flights._running
        joined = lambda: sum(one._readers for one in list(flights.values())) == 20  # noqa: E731
        assert wait_until(joined)  # one that comes later looks for itself, and may
        release.set()
        replies = [each.result() for each in asked]
    assert {reply.headers["x-cache"] for reply in replies} == {"similar"}
    assert len(store.looked) == 1
    assert fake.calls == 1


def test_a_cut_off_answer_is_not_kept(similar, store, fake):
    gateway = similar()
    fake.die_after = 2
    assert '"code": "engine_error"' in post(gateway, body(temperature=0, stream=True)).text
    fake.die_after = None
    ask(gateway)
    assert kept(store)
    assert b"Hello from the engine." in next(iter(store.kept.values()))[1]
