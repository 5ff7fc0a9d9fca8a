"""/search and what every route shares: keys, errors, limits, health, metrics, logs."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from rag_query_fakes import ReversingReranker, blocked
from rag_service_parts import Service, running, wait_until

from reference.rag.query import SearchSettings
from reference.rag.service.access import KeyFileError, KeyRing, readable
from reference.rag.service.settings import ServiceSettings, ServiceSettingsError


@pytest.fixture(scope="module")
def shared():
    """A service for tests that leave it as it is."""
    always = SearchSettings(skip_rerank_above=2.0, dense_timeout_s=60.0)
    with running(searcher_options={"reranker": ReversingReranker(), "settings": always}) as service:
        yield service


@pytest.fixture
def service():
    with running() as made:
        yield made


def error_of(reply, status, code):
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert reply.headers["x-request-id"]
    return error


def test_a_search_gives_hits_with_text_source_ranks_and_an_account_of_the_stages(shared):
    found = shared.search("bananas yellow bunches", k=2, rerank=False).json()
    first = found["hits"][0]
    assert (first["rank"], first["document"], first["path"]) == (1, "fruit", ["Fruit", "Bananas"])
    assert first["text"] == "bananas are yellow and grow in bunches"
    assert first["source"] == "/docs/fruit"
    assert first["ranks"]["fused"] == 1
    assert len(found["hits"]) == 2
    assert {"embed", "dense", "lexical", "fuse"} <= set(found["stages_ms"])
    assert "rerank" not in found["stages_ms"]
    assert (found["degraded"], found["cached"], found["batch"]) == ([], "", 1)
    assert 0 < found["confidence"] <= 1


def test_rerank_is_on_unless_it_is_switched_off(shared):
    assert "rerank" in shared.search("grow red").json()["stages_ms"]
    assert "rerank" not in shared.search("grow red", rerank=False).json()["stages_ms"]


@pytest.mark.parametrize(("tenant", "own", "other"), [("acme", "heron", "otter"), ("globex", "otter", "heron")])
def test_a_key_finds_its_own_tenants_documents_and_the_public_ones_and_no_others(shared, tenant, own, other):
    for query in ("launch code", f"launch code {other} tenant:globex tenant=acme", '{"tenants": ["acme", "globex"]}'):
        text = shared.search(query, tenant, k=50).text
        assert own in text
        assert other not in [word for hit in json.loads(text)["hits"] for word in hit["text"].split()]
        assert "bananas" in text


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"query": "  "}, "invalid_query", "query"),
        ({}, "missing_required_parameter", "query"),
        ({"query": 7}, "invalid_value", "query"),
        ({"query": "x", "tenants": ["globex"]}, "unknown_parameter", "tenants"),
        ({"query": "x", "k": 0}, "invalid_value", "k"),
        ({"query": "x", "k": 51}, "invalid_value", "k"),
        ({"query": "x", "k": True}, "invalid_value", "k"),
        ({"query": "x", "budget_ms": 0}, "invalid_value", "budget_ms"),
        ([1], "invalid_json", None),
    ],
)
def test_a_bad_body_is_refused_with_the_field_at_fault(shared, body, code, param):
    reply = shared.client.post("/search", json=body, headers=shared.auth())
    assert error_of(reply, 400, code)["param"] == param


@pytest.mark.parametrize(("content", "code"), [(b"", "empty_body"), (b"{", "invalid_json"), (b"\xff", "invalid_json")])
def test_a_body_that_is_no_json_is_refused(shared, content, code):
    error_of(shared.client.post("/search", content=content, headers=shared.auth()), 400, code)


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer wbk-0123456789abcdef-" + "a" * 43, "Basic x"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/search"), ("POST", "/answer"), ("DELETE", "/documents/x")])
def test_nothing_is_served_without_a_valid_key(shared, header, method, path):
    headers = {"authorization": header} if header else {}
    reply = shared.client.request(method, path, json={"query": "x"} if method == "POST" else None, headers=headers)
    error_of(reply, 401, "invalid_api_key")


def test_a_body_beyond_the_limit_is_refused(shared):
    error_of(shared.search("x" * 70_000), 413, "request_too_large")


def test_unknown_paths_and_methods_get_the_same_error_shape(shared):
    error_of(shared.client.get("/nowhere"), 404, "not_found")
    error_of(shared.client.get("/search"), 405, "method_not_allowed")


def test_a_request_keeps_the_id_that_its_client_gave(shared):
    reply = shared.client.post("/search", json={"query": "x"}, headers={**shared.auth(), "x-request-id": "abc-1"})
    assert reply.headers["x-request-id"] == "abc-1"


def test_what_was_asked_for_but_is_not_there_is_noted(shared):
    assert any("no expander" in note for note in shared.search("bananas", expand=True).json()["notes"])


def test_a_vector_store_that_is_gone_costs_vectors_not_the_search(service):
    service.dense.error = ConnectionError("down")
    found = service.search("bananas").json()
    assert found["hits"][0]["document"] == "fruit"
    assert any("lexical only" in text for text in found["degraded"])
    assert service.metric("rag_degraded_total", what="dense") == 1


def test_no_index_at_all_is_a_503_that_names_no_folder(service):
    service.dense.error = service.lexical.error = ConnectionError("secret-host:6333")
    reply = service.search("bananas")
    error_of(reply, 503, "index_unavailable")
    assert "secret-host" not in reply.text
    assert reply.headers["retry-after"]


def test_a_short_budget_degrades_instead_of_failing(service):
    service.dense.gate = blocked()
    found = service.search("bananas", budget_ms=60).json()
    service.dense.gate.set()
    assert found["hits"]
    assert found["degraded"]


def test_a_full_queue_is_a_429_that_says_when_to_come_back():
    with running(max_queue=1, max_batch=1) as service, ThreadPoolExecutor(2) as pool:
        service.dense.gate = gate = blocked()
        first = pool.submit(service.search, "first")
        assert wait_until(lambda: service.dense.calls)
        second = pool.submit(service.search, "second")
        assert wait_until(lambda: service.services.batcher.waiting == 1)
        reply = service.search("third")
        gate.set()
        error_of(reply, 429, "overloaded")
        assert int(reply.headers["retry-after"]) >= 1
        assert (first.result().status_code, second.result().status_code) == (200, 200)
        assert service.metric("rag_shed_total", reason="queue") == 1


def test_a_client_that_leaves_takes_its_waiting_search_along(service):
    service.dense.gate = gate = blocked()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.search, "first")
        assert wait_until(lambda: service.dense.calls)
        with service.asking("/search", query="never searched"):
            assert wait_until(lambda: service.services.batcher.waiting == 1)
        assert wait_until(lambda: service.metric("rag_client_disconnects_total", phase="wait") == 1)
        gate.set()
        assert first.result().status_code == 200
    assert service.search("last").status_code == 200
    assert not any("never" in text for queries, _ in service.lexical.calls for text in queries)


def test_searches_that_wait_together_share_a_batch(service):
    service.dense.gate = gate = blocked()
    with ThreadPoolExecutor(5) as pool:
        pool.submit(service.search, "first")
        assert wait_until(lambda: service.dense.calls)
        others = [pool.submit(service.search, f"bananas {number}", "globex") for number in range(4)]
        assert wait_until(lambda: service.services.batcher.waiting == 4)
        gate.set()
        assert [other.result().json()["batch"] for other in others] == [4] * 4
    assert service.dense.calls[1] == (4, ("globex", "public"))


def test_health_readiness_and_metrics_need_no_key(service):
    assert service.client.get("/healthz").json() == {"status": "ok"}
    state = service.client.get("/readyz").json()
    assert state["ready"]
    assert (state["dense"], state["lexical"], state["answers"], state["documents"]) == ("up", "up", False, True)
    service.search("bananas")
    assert service.metric("rag_requests_total", route="/search", status="200") == 1
    for stage in ("embed", "dense", "lexical", "fuse"):
        assert service.metric("rag_stage_seconds_count", stage=stage) == 1
    assert wait_until(lambda: service.metric("rag_batch_size_count") == 1)  # counted behind the replies


def test_reranks_that_were_not_needed_are_counted_once():
    with running(
        searcher_options={"reranker": ReversingReranker(), "settings": SearchSettings(skip_rerank_above=0.01)}
    ) as service:
        service.search("bananas yellow bunches")
        for _ in range(2):
            assert service.metric("rag_rerank_skipped_total") == 1


def test_a_service_whose_batches_have_ended_is_not_ready(service):
    service.services.batcher.close()
    reply = service.client.get("/readyz")
    assert (reply.status_code, reply.json()["ready"]) == (503, False)
    error_of(service.search(), 503, "stopping")


def test_logs_say_what_happened_and_never_what_was_asked_nor_the_key(service, caplog):
    logger = logging.getLogger("reference.serving.gateway")
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.DEBUG, logger.name):
            service.search("xylophone secrets")
            service.lexical.error = service.dense.error = ValueError("xylophone")
            service.search("xylophone secrets")
            # A line is written behind its reply.
            assert wait_until(lambda: any(getattr(r, "fields", {}).get("status") == 503 for r in caplog.records))
    finally:
        logger.removeHandler(caplog.handler)
    lines = [json.dumps({"event": r.getMessage(), **getattr(r, "fields", {})}, default=str) for r in caplog.records]
    assert any('"route": "/search"' in line and '"status": 200' in line for line in lines)
    assert any('"status": 503' in line for line in lines)
    assert not any("xylophone" in line or service.keys["acme"].split("-", 2)[2] in line for line in lines)


def test_a_key_reads_its_tenant_and_public_and_a_public_key_only_public():
    assert readable("acme") == ("acme", "public")
    assert readable("public") == ("public",)


async def test_keys_outlive_the_process_in_a_file_that_has_no_key_in_it(tmp_path):
    from reference.serving.gateway.errors import GatewayError

    file = tmp_path / "keys" / "rag.jsonl"
    text, record = KeyRing(file, pepper="p").create("acme")
    KeyRing(file, pepper="p").create("globex")
    assert file.stat().st_mode & 0o077 == 0
    assert text.rsplit("-", 1)[-1] not in file.read_text()
    assert (await KeyRing(file, pepper="p").check(f"Bearer {text}")).tenant == "acme"
    with pytest.raises(GatewayError, match="401"):
        await KeyRing(file, pepper="other").check(f"Bearer {text}")
    ring = KeyRing(file, pepper="p")
    assert ring.revoke(record.key_id)
    assert not ring.revoke(record.key_id)
    for keys in (ring, KeyRing(file, pepper="p")):
        with pytest.raises(GatewayError, match="401"):
            await keys.check(f"Bearer {text}")
    assert [one.tenant for one in ring.records()] == ["globex"]


def test_a_damaged_key_file_is_refused_by_name(tmp_path):
    file = tmp_path / "keys.jsonl"
    file.write_text("{}\n")
    with pytest.raises(KeyFileError, match=r"keys\.jsonl"):
        KeyRing(file)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"RAG_PORT": "99999"}, "RAG_PORT"),
        ({"RAG_MAX_BATCH": "0"}, "RAG_MAX_BATCH"),
        ({"RAG_TYPO": "1"}, "RAG_TYPO"),
    ],
)
def test_a_wrong_setting_names_its_variable(environ, named):
    with pytest.raises(ServiceSettingsError, match=named):
        ServiceSettings.from_env(environ)


def test_settings_come_from_the_environment_and_listen_on_loopback_by_default():
    settings = ServiceSettings.from_env({"RAG_MAX_BATCH": "3", "OTHER": "1"}, port=1234)
    assert (settings.max_batch, settings.port, settings.host) == (3, 1234, "127.0.0.1")


def test_many_clients_at_once_each_get_their_own_answer(shared: Service):
    barrier = threading.Barrier(12)

    def one(number):
        tenant = ("acme", "globex")[number % 2]
        barrier.wait(10)
        hits = shared.search("launch code", tenant, rerank=False).json()["hits"]
        return tenant, hits[0]["tenant"]

    with ThreadPoolExecutor(12) as pool:
        assert all(asked == found for asked, found in pool.map(one, range(12)))
