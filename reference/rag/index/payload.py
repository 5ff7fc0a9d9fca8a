"""A chunk as an index's payload, and the checks that every index makes of what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reference.rag.types import Chunk, RagError


class IndexFailure(RagError):
    """An index cannot do what was asked; the message names the index and the mend."""


class IndexUnavailable(IndexFailure):
    """The index cannot be reached or opened now; what was stored in it is not in question."""


class IndexMismatch(IndexFailure):
    """The index was built with something else than what is asked of it now."""


def to_payload(chunk: Chunk) -> dict[str, Any]:
    """Everything that makes the chunk again; `tenant` is a field of its own because searches filter by it."""
    return {
        "tenant": chunk.tenant,
        "document_id": chunk.document_id,
        "ordinal": chunk.ordinal,
        "text": chunk.text,
        "path": list(chunk.path),
        "tokens": chunk.tokens,
        "title": chunk.title,
        "source": chunk.source,
        "collection": chunk.collection,
        "sections": [list(pair) for pair in chunk.sections],
    }


def from_payload(payload: Mapping[str, Any]) -> Chunk:
    """The chunk from what the vector store keeps beside its vector."""
    return Chunk(
        document_id=payload["document_id"],
        ordinal=payload["ordinal"],
        text=payload["text"],
        path=tuple(payload["path"]),
        tokens=payload["tokens"],
        title=payload["title"],
        source=payload["source"],
        collection=payload["collection"],
        tenant=payload["tenant"],
        sections=tuple((index, count) for index, count in payload["sections"]),
    )


def check_search(k: int, tenants: Sequence[str]) -> list[str]:
    """The tenants as a list. A search must name them: there is no way to ask for everybody's chunks."""
    if k < 1:
        raise IndexFailure(f"k={k}: ask for at least one hit")
    if isinstance(tenants, str):
        raise IndexFailure(f"tenants={tenants!r} is one text; pass a list of tenants, [{tenants!r}]")
    return list(tenants)


def check_vectors(vectors: Any, rows: int | None, dimension: int, what: str) -> Any:
    """float32 [rows, dimension], finite; IndexFailure with both shapes otherwise."""
    import numpy as np

    values = np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2 or (rows is not None and values.shape[0] != rows):
        wanted = f"[{rows if rows is not None else 'n'}, {dimension}]"
        raise IndexFailure(f"{what}: vectors of shape {list(values.shape)} given, {wanted} wanted")
    if values.shape[1] != dimension:
        raise IndexMismatch(
            f"{what}: vectors have {values.shape[1]} dimensions, the index has {dimension}; "
            "use the embedder that the index was built with, or build another index"
        )
    if not np.isfinite(values).all():
        raise IndexFailure(f"{what}: a vector has NaN or infinity; embed the text again")
    return values
