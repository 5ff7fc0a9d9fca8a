"""/answer: whole and streamed, cited, bounded, and ended when nobody listens."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from rag_query_fakes import blocked
from rag_service_parts import QuotingAnswerer, parse_events, running, wait_until
from test_rag_service_search import error_of

from reference.serving.semantic_cache import SemanticCache


@pytest.fixture
def answerer():
    return QuotingAnswerer()


@pytest.fixture
def service(answerer):
    with running(answerer) as made:
        yield made


def test_an_answer_cites_its_sources_and_brings_the_search_it_rests_on(service):
    got = service.answer("bananas yellow", k=1).json()
    assert got["text"] == "bananas are yellow and grow in bunches [1]"
    assert got["in_documents"]
    assert got["citations"] == [
        {"number": 1, "document": "fruit", "title": "Title", "path": ["Fruit", "Bananas"], "source": "/docs/fruit"}
    ]
    assert got["search"]["hits"][0]["document"] == "fruit"
    assert (got["tier"], got["cached"]) == ("extractive", "")
    assert got["total_ms"] > 0
    assert service.metric("rag_answers_total", tier="extractive") == 1


def test_a_stream_tells_stages_then_the_search_then_sentences_then_the_whole_answer(service):
    events = service.events("bananas yellow", k=2)
    names = [name for name, _ in events]
    assert names == sorted(names, key=["stage", "search", "sentence", "answer"].index)
    assert {fields["stage"] for name, fields in events if name == "stage"} >= {"embed", "dense", "lexical", "fuse"}
    assert names.count("sentence") == 2
    search = dict(events)["search"]
    assert search["hits"]
    assert all("text" not in hit for hit in search["hits"])
    whole = service.answer("bananas yellow", k=2).json()
    last = events[-1][1]
    for fields in (last, whole):
        for volatile in ("total_ms", "search", "stages_ms"):
            fields.pop(volatile)
    assert last == whole


def test_sentences_arrive_before_the_answer_is_complete(service, answerer):
    answerer.gate = gate = blocked()
    body = {"query": "bananas", "k": 2, "stream": True}
    with service.client.stream("POST", "/answer", json=body, headers=service.auth()) as reply:
        lines = reply.iter_lines()
        assert any(line == "event: sentence" for line in lines)
        gate.set()
        assert any(line == "event: answer" for line in lines)


def test_answers_stay_within_the_tenants_of_the_key(service):
    for tenant, own, other in (("acme", "heron", "otter"), ("globex", "otter", "heron")):
        text = service.answer("launch code", tenant, k=50).text
        assert own in text
        assert other not in text


def test_without_an_answerer_the_service_says_so():
    with running() as service:
        error_of(service.answer(), 503, "no_answerer")
        assert service.search().status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_before_the_answer_has_begun_gets_an_http_status(service, stream):
    error_of(service.answer(" ", stream=stream), 400, "invalid_query")
    error_of(service.answer("x", stream=stream, k=51), 400, "invalid_value")
    service.dense.error = service.lexical.error = ConnectionError()
    reply = service.answer("bananas", stream=stream)
    if not (stream and reply.status_code == 200):  # a stage (embed) may have been told already
        error_of(reply, 503, "index_unavailable")
    else:
        assert "event: error" in reply.text
        assert "index_unavailable" in reply.text


def test_an_answer_that_breaks_off_ends_in_an_error(service, answerer):
    answerer.breaks_off = ValueError("secret prompt")
    events = service.events("bananas")
    assert [name for name, _ in events][-2:] == ["sentence", "error"]
    assert set(events[-1][1]["error"]) == {"message", "type", "param", "code"}
    reply = service.answer("bananas")
    error_of(reply, 500, "internal_error")
    assert "secret" not in reply.text


def test_the_answerer_gets_what_is_left_of_the_budget(service, answerer):
    service.answer("bananas", budget_ms=5000)
    service.answer("bananas")
    [(_, short), (_, long)] = answerer.asked
    assert 0 < short <= 5
    assert 5 < long <= 30


@pytest.mark.slow
def test_an_answerer_that_does_not_end_costs_a_504_not_the_client_its_life(answerer):
    answerer.gate = gate = blocked()
    with running(answerer, grace_s=0.2) as service:
        error_of(service.answer("bananas", budget_ms=100), 504, "deadline_exceeded")
        reply = service.answer("bananas", budget_ms=100, stream=True)
        if reply.status_code == 200:
            assert parse_events(reply.text)[-1][1]["error"]["code"] == "deadline_exceeded"
        else:  # on a machine that was busy for so long that the time was over before the first event
            error_of(reply, 504, "deadline_exceeded")
        gate.set()
        assert wait_until(lambda: service.services.slots._free == 16)


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_the_answerers_work_at_the_next_sentence(service, answerer, stream):
    answerer.gate = gate = blocked()
    with service.asking("/answer", query="launch code", k=3, stream=stream) as connection:
        assert wait_until(lambda: answerer.told == 1)
        if stream:
            assert any(line == b"event: sentence\n" for line in connection.getresponse())
    assert wait_until(lambda: service.metric("rag_client_disconnects_total", phase="stream" if stream else "wait") == 1)
    gate.set()
    assert answerer.closed.wait(10)
    assert wait_until(lambda: service.services.slots._free == 16)
    assert answerer.told < 3
    assert service.metric("rag_answers_total", tier="extractive") == 0


def test_a_client_that_leaves_a_stream_during_the_search_gives_its_place_back(service, answerer):
    service.dense.gate = gate = blocked()
    body = {"query": "launch code", "stream": True}
    with service.client.stream("POST", "/answer", json=body, headers=service.auth()) as reply:
        lines = reply.iter_lines()  # held: an iterator that is dropped closes the connection, and the place is free
        assert next(lines) == "event: stage"
        assert service.services.slots._free == 15
    assert wait_until(lambda: service.services.slots._free == 16)
    gate.set()
    assert not answerer.asked


def test_more_answers_than_may_be_in_work_get_a_429_and_places_come_back(answerer):
    answerer.gate = gate = blocked()
    with running(answerer, max_answers=1) as service, ThreadPoolExecutor(1) as pool:
        first = pool.submit(service.answer, "bananas")
        assert wait_until(lambda: answerer.asked)
        error_of(service.answer("apples"), 429, "overloaded")
        gate.set()
        assert first.result().status_code == 200
        assert wait_until(lambda: service.services.slots._free == 1)
        for stream in (False, True):
            assert service.answer("apples", stream=stream).status_code == 200
            assert wait_until(lambda: service.services.slots._free == 1)


def test_failures_before_the_answer_give_the_place_back(answerer):
    with running(answerer, max_answers=1) as service:
        for stream in (False, True, False, True):
            error_of(service.answer(" ", stream=stream), 400, "invalid_query")
        assert service.services.slots._free == 1


def test_a_cached_answer_is_given_to_the_same_tenants_alone_and_goes_with_its_documents(answerer):
    with running(answerer, answers=SemanticCache()) as service:
        first = service.answer("launch code").json()
        again = service.answer("launch code").json()
        assert (first["cached"], again["cached"]) == ("", "exact")
        assert again["text"] == first["text"]
        assert len(answerer.asked) == 1
        assert "heron" not in service.answer("launch code", "globex").text
        assert len(answerer.asked) == 2
        assert service.events("launch code")[0][1]["cached"] == "exact"
        text = b"the acme launch code is now kestrel"
        assert service.client.put("/documents/new.txt", content=text, headers=service.auth()).status_code == 200
        assert "kestrel" in service.answer("launch code").json()["text"]


def test_an_answer_made_with_something_missing_is_not_cached(answerer):
    with running(answerer, answers=SemanticCache()) as service:
        service.dense.error = ConnectionError()
        assert service.answer("bananas").json()["search"]["degraded"]
        service.dense.error = None
        assert service.answer("bananas").json()["cached"] == ""


def test_a_change_while_an_answer_is_made_keeps_it_out_of_the_cache(answerer):
    answerer.gate = gate = blocked()
    with running(answerer, answers=SemanticCache()) as service, ThreadPoolExecutor(1) as pool:
        old = b"the launch date is monday"
        service.client.put("/documents/date.txt", content=old, headers=service.auth())
        first = pool.submit(service.answer, "launch date", k=1)
        assert wait_until(lambda: answerer.asked)
        new = b"the launch date is friday"
        service.client.put("/documents/date.txt", content=new, headers=service.auth())
        gate.set()
        assert "monday" in first.result().json()["text"]
        later = service.answer("launch date", k=1).json()
        assert (later["cached"], "friday" in later["text"]) == ("", True)


def test_threads_of_answers_end(service):
    for _ in range(3):
        service.answer("bananas")
    assert wait_until(lambda: not [t for t in threading.enumerate() if t.name == "rag-answer"])
