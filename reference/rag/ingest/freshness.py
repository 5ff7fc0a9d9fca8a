"""How long a change takes until a search sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from reference.rag.ingest.ingestion import Ingestion
from reference.rag.types import Document, RagError


@dataclass(frozen=True)
class Freshness:
    """Seconds from the change to the first search that finds it, per document: by dense and by lexical search."""

    dense: tuple[float, ...]
    lexical: tuple[float, ...]


def measure_freshness(ingestion: Ingestion, documents: Sequence[Document], timeout_s: float = 60.0) -> Freshness:
    """Put every document and search for its first chunk by its own text until each index has it among five hits.

    Parsing is not part of it. The documents stay in the index. RagError if one is not found within `timeout_s`.
    """
    dense, lexical = [], []
    for document in documents:
        begun = time.monotonic()
        ingestion.put(document)
        base = ingestion.knowledge_base
        stored = ingestion.store.document(document.id, document.tenant)
        assert stored is not None  # put has just written it
        wanted = stored.chunk_ids[0]
        text = base.chunks([wanted])[wanted].embedded_text
        vector = None
        waiting = {"dense", "lexical"}
        while waiting:
            if "dense" in waiting:
                if vector is None:
                    vector = ingestion.embedder.embed([text])
                if wanted in {hit.chunk.id for hit in base.dense.search(vector, 5, [document.tenant])[0]}:
                    dense.append(time.monotonic() - begun)
                    waiting.remove("dense")
            if "lexical" in waiting and wanted in {
                hit.chunk.id for hit in base.lexical.search([text], 5, [document.tenant])[0]
            }:
                lexical.append(time.monotonic() - begun)
                waiting.remove("lexical")
            if waiting and time.monotonic() - begun > timeout_s:
                missing = " and ".join(sorted(waiting))
                raise RagError(f"document {document.id!r} is not found by {missing} search after {timeout_s:g} s")
    return Freshness(tuple(dense), tuple(lexical))
