"""What the routes of one service share, and how failures of retrieval look to a client."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from reference.rag.answer import Answer, CheckedSentence
from reference.rag.ingest.disk import DiskFull
from reference.rag.parsing.limits import Unparsable
from reference.rag.query import BadQuery, NoIndexAnswers, Searcher, SearchError, SearchRequest
from reference.rag.search_result import SearchResult
from reference.rag.service.access import Keys, readable
from reference.rag.service.batching import Batched, MicroBatcher, QueueFull, ServiceStopping
from reference.rag.service.metrics import Metrics
from reference.rag.service.schema import SearchBody
from reference.rag.service.settings import ServiceSettings
from reference.rag.types import Document, RagError
from reference.serving.gateway.errors import GatewayError, bad_request, unavailable
from reference.serving.gateway.keys import ApiKey
from reference.serving.gateway.logs import describe, log_event
from reference.serving.gateway.middleware import RequestInfo
from reference.serving.semantic_cache import SemanticCache


class AnswerMaker(Protocol):
    """Makes answers from search results; `Answerer` is one."""

    def stream(
        self, question: str, result: SearchResult, budget_s: float | None = None
    ) -> Iterator[CheckedSentence | Answer]:
        """Checked sentences, then the `Answer`."""
        ...


class DocumentWriter(Protocol):
    """Writes single documents; `Ingestion` is one."""

    def put(self, document: Document) -> float:
        """Adds or replaces a document; seconds until it could be found. Raises IngestError without text."""
        ...

    def remove(self, document_id: str, tenant: str) -> int:
        """Drops a document; the number of chunks that went. Raises IngestError if there is none."""
        ...


class Slots:
    """At most so many answers in work; a place is given back when the work ends, not when its client leaves."""

    def __init__(self, most: int) -> None:
        self._free, self._lock = most, threading.Lock()

    def take(self) -> Callable[[], None]:
        """Takes a place and returns what gives it back (once). Raises GatewayError 429 if there is none."""
        with self._lock:
            if self._free < 1:
                raise GatewayError(
                    429, "overloaded", "Too many answers are in work. Try again in a moment.", retry_after_s=2
                )
            self._free -= 1
        given = threading.Lock()

        def give_back() -> None:
            if given.acquire(blocking=False):
                with self._lock:
                    self._free += 1

        return give_back


@dataclass
class Services:
    """The parts of one service; `app.state.services`."""

    searcher: Searcher
    answerer: AnswerMaker | None
    documents: DocumentWriter | None
    answers: SemanticCache | None
    keys: Keys
    settings: ServiceSettings
    batcher: MicroBatcher
    metrics: Metrics
    slots: Slots
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)


async def entered(request: Request) -> tuple[Services, ApiKey, RequestInfo]:
    """The parts, the key that opened the door, and the request's own record. Raises GatewayError 401."""
    parts: Services = request.app.state.services
    info: RequestInfo = request.state.info
    key = await parts.keys.check(request.headers.get("authorization"))
    info.fields.update(tenant=key.tenant, key_id=key.key_id)
    return parts, key, info


def search_request(parts: Services, key: ApiKey, body: SearchBody, budget_s: float) -> SearchRequest:
    """The search that a body asks for, within the tenants of the key. Raises GatewayError 400 for too many hits."""
    most = parts.searcher.settings.max_k
    if body.k > most:
        raise bad_request("invalid_value", f"'k': at most {most} hits are given.", "k")
    return SearchRequest(body.query, readable(key.tenant), body.k, budget_s, body.expand, body.rerank)


def as_gateway_error(error: RagError) -> GatewayError:
    """What a client sees of a failure of retrieval. Messages that could quote a document or name a folder stay here."""
    if isinstance(error, BadQuery):
        return bad_request("invalid_query", str(error), "query")
    if isinstance(error, SearchError):
        return bad_request("invalid_value", str(error), str(error).partition(":")[0])
    if isinstance(error, QueueFull):
        return GatewayError(
            429, "overloaded", "Too many searches are waiting.", retry_after_s=max(0.1, error.retry_after_s)
        )
    if isinstance(error, ServiceStopping):
        return unavailable("stopping", "The service is stopping. Ask again.")
    if isinstance(error, NoIndexAnswers):
        return unavailable("index_unavailable", "Neither the vector store nor the lexical index answers.")
    if isinstance(error, Unparsable):
        return GatewayError(422, "unparsable_document", f"The document {error.reason}.")
    if isinstance(error, DiskFull):
        return GatewayError(507, "disk_full", "The index has no room left; nothing was lost. Make room and try again.")
    log_event("retrieval_failed", logging.ERROR, **describe(error))
    return unavailable("retrieval_failed", "Retrieval failed. Report the request id.")


def search_fields(found: Batched) -> dict[str, Any]:
    """A search as JSON values; times in ms."""
    result = found.result
    return {
        "hits": [
            {
                "rank": rank,
                "chunk": hit.chunk.id,
                "document": hit.chunk.document_id,
                "title": hit.chunk.title,
                "path": list(hit.chunk.path),
                "source": hit.chunk.source,
                "tenant": hit.chunk.tenant,
                "text": hit.chunk.text,
                "score": float(hit.score),
                "ranks": dict(hit.ranks),
            }
            for rank, hit in enumerate(result.hits, start=1)
        ],
        "stages_ms": milliseconds(result.stages),
        "waited_ms": round(1000 * found.waited_s, 2),
        "batch": found.batch,
        "degraded": list(result.degraded),
        "notes": list(result.notes),
        "variants": list(result.variants),
        "confidence": round(float(result.confidence), 4),
        "cost": dict(result.cost),
        "cached": result.cached,
    }


def milliseconds(stages: dict[str, float]) -> dict[str, float]:
    """Seconds per stage as ms."""
    return {stage: round(1000 * seconds, 2) for stage, seconds in stages.items()}


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """One JSON object. Lone surrogates of broken documents become question marks."""
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(data, status, headers, media_type="application/json")
