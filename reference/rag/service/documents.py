"""PUT and DELETE of single documents, for the tenant of the key alone. One writer at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from reference.rag.ingest.report import IngestError
from reference.rag.parsing import parse
from reference.rag.query import source_key
from reference.rag.service.parts import DocumentWriter, Services, as_gateway_error, entered, json_response
from reference.rag.service.schema import DocumentBody, parse_body
from reference.rag.types import Document, RagError, Section
from reference.serving.gateway.body import read_body
from reference.serving.gateway.errors import GatewayError, bad_request

_MOST_ID = 512  # characters


async def put_document(request: Request, document_id: str) -> Response:
    """PUT /documents/ID: raw bytes of any format that can be parsed, or JSON with a text. Searchable at the reply."""
    parts, key, info = await entered(request)
    writer = _writer(parts, document_id)
    data = await read_body(request, parts.settings.http(parts.settings.max_document_bytes))
    as_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
    body = parse_body(data, DocumentBody) if as_json else None
    try:
        # pdfium is not made for several threads, so parsing waits for its turn as well.
        async with parts.writing:
            document = await asyncio.to_thread(_parsed, data, body, document_id, key.tenant)
            seconds = await asyncio.to_thread(writer.put, document)
            _forget(parts, key.tenant, document_id, new=True)
    except RagError as error:
        parts.metrics.documents.labels("put", "refused").inc()
        raise _refusal(error, 422, "no_text", "The document has no text; nothing was changed.") from None
    parts.metrics.documents.labels("put", "done").inc()
    parts.metrics.searchable_seconds.observe(seconds)
    info.fields.update(kind=document.kind, bytes=len(data))
    return json_response(
        {
            "id": document.id,
            "tenant": document.tenant,
            "title": document.title,
            "kind": document.kind,
            "sections": len(document.sections),
            "sha256": document.sha256,
            "searchable_ms": round(1000 * seconds, 2),
        },
        headers={"location": f"/documents/{quote(document_id)}"},
    )


async def delete_document(request: Request, document_id: str) -> Response:
    """DELETE /documents/ID: of the key's own tenant."""
    parts, key, _ = await entered(request)
    writer = _writer(parts, document_id)
    try:
        async with parts.writing:
            chunks = await asyncio.to_thread(writer.remove, document_id, key.tenant)
            _forget(parts, key.tenant, document_id, new=False)
    except RagError as error:
        parts.metrics.documents.labels("delete", "refused").inc()
        raise _refusal(error, 404, "document_not_found", "Your tenant has no such document.") from None
    parts.metrics.documents.labels("delete", "done").inc()
    return json_response({"id": document_id, "deleted": True, "chunks": chunks})


def _writer(parts: Services, document_id: str) -> DocumentWriter:
    if parts.documents is None:
        raise GatewayError(
            503,
            "read_only",
            "This service does not take documents. Start it with RAG_WRITABLE=1, or `workbook ingest`.",
        )
    if not 1 <= len(document_id) <= _MOST_ID or not document_id.isprintable():
        message = f"A document id has 1 to {_MOST_ID} printable characters."
        raise bad_request("invalid_value", message, "document_id")
    return parts.documents


def _parsed(data: bytes, body: DocumentBody | None, document_id: str, tenant: str) -> Document:
    if body is None:
        return parse(data, document_id, id=document_id, tenant=tenant)
    # Its fields are part of what a new version is known by, not the text alone.
    content = body.text.encode("utf-8", "replace")
    document = parse(
        content, body.name or document_id, id=document_id, tenant=tenant, collection=body.collection, source=body.source
    )
    if not body.title:
        return document
    sections = tuple(Section((body.title, *one.path[1:]), one.text) for one in document.sections)
    return replace(document, title=body.title, sections=sections)


def _forget(parts: Services, tenant: str, document_id: str, new: bool) -> None:
    """Cached hits and answers that rest on the document go; a new one may belong into any of them."""
    for cache in (parts.searcher.cache, parts.answers):
        if cache is not None:
            cache.invalidate(source_key(tenant, document_id))
            if new:
                cache.clear()


def _refusal(error: RagError, status: int, code: str, message: str) -> GatewayError:
    return GatewayError(status, code, message) if isinstance(error, IngestError) else as_gateway_error(error)
