"""The first pass of an ingestion: documents of a source become chunks that wait in the store."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from reference.rag.ingest.defaults import storable
from reference.rag.ingest.disk import check_space
from reference.rag.ingest.progress import Meter
from reference.rag.ingest.report import IngestError, IngestReport
from reference.rag.ingest.store import Store
from reference.rag.interfaces import Source
from reference.rag.lexical.analysis import terms
from reference.rag.types import Chunk, Document

READ_BATCH = 50  # documents per transaction: what a kill can cost


def chunks_of(document: Document, chunker: Any) -> list[tuple[Chunk, int]]:
    """The chunks as the store takes them, each with its number of lexical terms."""
    return [(chunk, len(terms(chunk.embedded_text))) for chunk in map(storable, chunker.chunk(document))]


def read_all(
    source: Source, folder: Path, store: Store, chunker: Any, report: IngestReport, meter: Meter
) -> set[tuple[str, str]]:
    """Stores what is new or changed (by sha256), counts it in `report`; (tenant, id) of every document of the source.

    Raises IngestError for two documents of one name, RagError if the disk of `folder` is full.
    """
    seen: set[tuple[str, str]] = set()
    documents = iter(source.documents())
    while batch := list(islice(documents, READ_BATCH)):
        check_space(folder)
        with store.writing():
            for document in batch:
                key = (document.tenant, document.id)
                if key in seen:
                    raise IngestError(
                        f"the source {source.name} has two documents called {document.id!r} (tenant "
                        f"{document.tenant!r}); document ids must differ"
                    )
                seen.add(key)
                report.documents += 1
                known = store.document(document.id, document.tenant)
                if known is not None and known.sha256 == document.sha256:
                    report.unchanged += 1
                    continue
                report.changed += known is not None
                report.added += known is None
                store.put_document(document, chunks_of(document, chunker))
        meter.reading(report.documents)
    return seen


def prune_unseen(store: Store, seen: set[tuple[str, str]]) -> int:
    """Drops what the source no longer has: only documents of the tenants that it did deliver. Returns how many."""
    tenants = {tenant for tenant, _ in seen}
    gone = [key for key in store.document_keys() if key[0] in tenants and key not in seen]
    with store.writing():
        for tenant, document_id in gone:
            store.drop_document(document_id, tenant)
    return len(gone)
