"""PUT and DELETE /documents: parsed, searchable at once, in the key's own tenant, and never half."""

import pytest
from rag_service_parts import running
from test_rag_service_search import error_of

from reference.rag.ingest.disk import DiskFull
from reference.rag.types import RagError


@pytest.fixture(scope="module")
def service():
    """One for all: every test has documents of its own."""
    with running() as made:
        yield made


def put(service, name, content=None, tenant="acme", **options):
    return service.client.put(f"/documents/{name}", content=content, headers=service.auth(tenant), **options)


def found(service, query, tenant="acme"):
    return {hit["document"] for hit in service.search(query, tenant, k=1).json()["hits"]}


def test_a_document_is_found_as_soon_as_the_reply_is_there_and_by_its_tenant_alone(service):
    page = b"<html><head><title>Zeppelins</title></head><body><h1>Zeppelins</h1><p>zeppelins float</p></body></html>"
    reply = put(service, "air/ships.html", page)
    assert reply.status_code == 200, reply.text
    stored = reply.json()
    assert (stored["id"], stored["tenant"], stored["kind"]) == ("air/ships.html", "acme", "html")
    assert stored["title"] == "Zeppelins"
    assert stored["searchable_ms"] > 0
    assert found(service, "zeppelins float") == {"air/ships.html"}
    assert "zeppelins" not in service.search("zeppelins float", "globex", k=50).text.replace('["zeppelins float"]', "")


def test_a_new_version_replaces_the_old_one(service):
    put(service, "note.txt", b"walruses swim")
    put(service, "note.txt", b"ostriches run")
    assert found(service, "ostriches run") == {"note.txt"}
    assert "walruses swim" not in [hit["text"] for hit in service.search("walruses", k=50).json()["hits"]]


def test_json_brings_text_with_title_source_and_format(service):
    body = {
        "text": "# Old\n\nlemurs leap\n\n## More\n\nthey do",
        "title": "Lemurs",
        "name": "a.md",
        "source": "http://x",
    }
    reply = service.client.put("/documents/lemurs", json=body, headers=service.auth())
    assert (reply.json()["title"], reply.json()["kind"]) == ("Lemurs", "markdown")
    chunks = service.app.state.services.documents.documents["acme", "lemurs"]
    assert all(one.path[0] == "Lemurs" for one in chunks)
    assert found(service, "lemurs leap") == {"lemurs"}


def test_deleting_takes_it_out_of_the_index_and_a_second_time_it_is_not_there(service):
    put(service, "note.txt", b"walruses swim")
    reply = service.client.delete("/documents/note.txt", headers=service.auth())
    assert reply.json() == {"id": "note.txt", "deleted": True, "chunks": 1}
    assert found(service, "walruses swim") != {"note.txt"}
    error_of(service.client.delete("/documents/note.txt", headers=service.auth()), 404, "document_not_found")


def test_a_tenant_can_neither_replace_nor_delete_anothers_document(service):
    put(service, "note.txt", b"acme walruses swim", "acme")
    error_of(service.client.delete("/documents/note.txt", headers=service.auth("globex")), 404, "document_not_found")
    put(service, "note.txt", b"globex ostriches run", "globex")
    assert "acme walruses swim" in service.search("walruses swim", k=1).text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "unparsable_document"), (b"%PDF-1.4 cut", "unparsable_document"), (b"\0\1\2\3" * 99, "unparsable_document")],
)
def test_what_cannot_be_read_is_refused_and_changes_nothing(service, content, code):
    put(service, "kept.txt", b"pelicans dive")
    before = service.metric("rag_documents_total", change="put", outcome="refused")
    error_of(put(service, "kept.txt", content), 422, code)
    assert found(service, "pelicans dive") == {"kept.txt"}
    assert service.metric("rag_documents_total", change="put", outcome="refused") == before + 1


def test_a_full_disk_is_a_507(service, monkeypatch):
    def full(document):
        raise DiskFull("the disk of /srv/index is full")

    monkeypatch.setattr(service.services.documents, "put", full)
    reply = put(service, "note.txt", b"walruses swim")
    error_of(reply, 507, "disk_full")
    assert "/srv" not in reply.text


def test_other_failures_of_the_index_are_a_503_without_its_folder(service, monkeypatch):
    def broken(document):
        raise RagError("/srv/index cannot be written")

    monkeypatch.setattr(service.services.documents, "put", broken)
    reply = put(service, "note.txt", b"walruses swim")
    error_of(reply, 503, "retrieval_failed")
    assert "/srv" not in reply.text


@pytest.mark.parametrize("body", [{}, {"text": 1}, {"text": "x", "tenant": "globex"}])
def test_bad_json_is_refused_by_field(service, body):
    reply = service.client.put("/documents/x", json=body, headers=service.auth())
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] in ("text", "tenant")


@pytest.mark.parametrize("name", ["a%00b", "x" * 600, ""])
def test_a_bad_id_is_refused(service, name):
    error_of(put(service, name, b"text"), 400, "invalid_value")


@pytest.mark.slow
def test_documents_have_a_larger_limit_than_questions():
    with running(max_document_bytes=100_000) as service:
        assert put(service, "big.txt", b"whales sing. " * 7000).status_code == 200
        error_of(put(service, "bigger.txt", b"whales sing. " * 9000), 413, "request_too_large")


def test_a_service_without_a_writer_says_how_to_get_one():
    with running(writable=False) as service:
        assert "RAG_WRITABLE" in error_of(put(service, "x", b"text"), 503, "read_only")["message"]
