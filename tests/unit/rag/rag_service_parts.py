"""A service over in-memory indexes, served on a thread of the test, and what its tests have in common."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time

import httpx
from rag_query_fakes import MemoryDense, MemoryLexical, WordEmbedder, chunk

from reference.rag.answer import Answer, CheckedSentence, Citation
from reference.rag.ingest.report import IngestError
from reference.rag.query import Searcher, SearchSettings
from reference.rag.service.access import KeyRing
from reference.rag.service.app import create_rag_app
from reference.rag.service.batching import StageFeed
from reference.rag.service.settings import ServiceSettings
from reference.serving.listening import listening_socket

CHUNKS = [
    chunk("bananas are yellow and grow in bunches", "fruit", 0, path=("Fruit", "Bananas")),
    chunk("apples are red and grow on trees", "fruit", 1, path=("Fruit", "Apples")),
    chunk("the acme launch code is heron", "plan", 0, tenant="acme", path=("Plan",)),
    chunk("the globex launch code is otter", "plan", 0, tenant="globex", path=("Plan",)),
]


class QuotingAnswerer:
    """Quotes every hit. Can be told to fail, to wait at a gate, or to break off after a sentence."""

    def __init__(self):
        self.asked = []
        self.error = None
        self.breaks_off = None
        self.gate = None
        self.closed = threading.Event()
        self.told = 0

    def stream(self, question, result, budget_s=None):
        self.asked.append((question, budget_s))
        if self.error:
            raise self.error
        try:
            answer = Answer(tier="extractive")
            for number, hit in enumerate(result.hits, start=1):
                one = CheckedSentence(hit.chunk.text, (number,), True)
                answer.sentences.append(one)
                found = hit.chunk
                answer.citations.append(
                    Citation(number, found.document_id, found.id, found.title, found.path, found.source, found.tenant)
                )
                self.told += 1
                yield one
                if self.breaks_off:
                    raise self.breaks_off
                if self.gate is not None:
                    self.gate.wait(10)
            answer.in_documents = bool(answer.sentences)
            answer.text = " ".join(f"{one.text} [{one.citations[0]}]" for one in answer.sentences)
            yield answer
        finally:
            self.closed.set()


class MemoryWriter:
    """Writes documents into the in-memory indexes, one chunk per section."""

    def __init__(self, dense, lexical):
        self.dense, self.lexical = dense, lexical
        self.documents = {}

    def put(self, document):
        chunks = [
            chunk(one.text, document.id, number, document.tenant, one.path)
            for number, one in enumerate(document.sections)
            if one.text.strip()
        ]
        if not chunks:
            raise IngestError(f"document {document.id!r} has no text")
        with contextlib.suppress(IngestError):
            self.remove(document.id, document.tenant)
        self.documents[document.tenant, document.id] = chunks
        self.dense.upsert(chunks)
        self.lexical.upsert(chunks)
        return 0.01

    def remove(self, document_id, tenant):
        chunks = self.documents.pop((tenant, document_id), None)
        if chunks is None:
            raise IngestError(f"tenant {tenant!r} has no document {document_id!r}")
        self.dense.delete([one.id for one in chunks])
        self.lexical.delete([one.id for one in chunks])
        return len(chunks)


class Service:
    """One running service; `parts` are those of the test, `services` those that the app made."""

    def __init__(self, base_url, app, key_ring, parts):
        self.base_url, self.app, self.parts = base_url, app, parts
        self.keys = {tenant: key_ring.create(tenant)[0] for tenant in ("acme", "globex")}
        self.ring = key_ring
        self.client = httpx.Client(base_url=base_url, timeout=20)

    @property
    def services(self):
        return self.app.state.services

    def auth(self, tenant="acme"):
        return {"authorization": f"Bearer {self.keys[tenant]}"}

    def search(self, query="bananas", tenant="acme", **fields):
        return self.client.post("/search", json={"query": query, **fields}, headers=self.auth(tenant))

    def answer(self, query="bananas", tenant="acme", **fields):
        return self.client.post("/answer", json={"query": query, **fields}, headers=self.auth(tenant))

    def events(self, query="bananas", tenant="acme", **fields):
        """(event, fields) of a streamed answer."""
        reply = self.answer(query, tenant, stream=True, **fields)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"].startswith("text/event-stream")
        return parse_events(reply.text)

    @contextlib.contextmanager
    def asking(self, path, **body):
        """A connection on which a question has been sent; its client leaves when the block ends."""
        connection = http.client.HTTPConnection(self.base_url.removeprefix("http://"), timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(body), self.auth())
            yield connection

    def metric(self, name, **labels):
        from prometheus_client.parser import text_string_to_metric_families

        for family in text_string_to_metric_families(self.client.get("/metrics").text):
            for sample in family.samples:
                if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items()):
                    return sample.value
        return 0.0


def parse_events(text):
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def wait_until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def memory_searcher(chunks=CHUNKS, **options):
    """A Searcher over in-memory indexes with a stage feed: (searcher, dense, lexical, feed)."""
    embedder, feed = WordEmbedder(), StageFeed()
    dense, lexical = MemoryDense(list(chunks), embedder), MemoryLexical(list(chunks))
    # A test that holds the dense search back must not race the time-out that would go on without it.
    options.setdefault("settings", SearchSettings(dense_timeout_s=60.0))
    return Searcher(dense, lexical, embedder, observer=feed, **options), dense, lexical, feed


@contextlib.contextmanager
def running(answerer=None, writable=True, answers=None, searcher_options=None, **settings):
    """A service on a free loopback port."""
    import uvicorn

    searcher, dense, lexical, feed = memory_searcher(**(searcher_options or {}))
    ring = KeyRing()
    writer = MemoryWriter(dense, lexical) if writable else None
    app = create_rag_app(
        searcher,
        answerer,
        writer,
        keys=ring,
        settings=ServiceSettings(**{"search_budget_s": 10, **settings}),
        answers=answers,
        stages=feed,
    )
    listener = listening_socket("127.0.0.1", 0, error=OSError, mend="")
    # A connection that a test keeps is not closed while it asks again.
    options = {"access_log": False, "timeout_graceful_shutdown": 2, "timeout_keep_alive": 600}
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, **options))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    assert wait_until(lambda: server.started)
    service = Service(f"http://127.0.0.1:{listener.getsockname()[1]}", app, ring, None)
    service.dense, service.lexical, service.searcher = dense, lexical, searcher
    try:
        with service.client:
            yield service
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()
