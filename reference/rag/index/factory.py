"""Where the vectors are: in the index folder, or on the Qdrant server that QDRANT_URL names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.rag.index.qdrant_edge_index import Hnsw, QdrantEdgeIndex

if TYPE_CHECKING:
    from reference.rag.index.qdrant_server_index import QdrantServerIndex


def open_dense_index(
    folder: Path,
    dimension: int,
    embedder: str,
    url: str | None = None,
    hnsw: Hnsw | None = None,
    **server_settings: Any,
) -> QdrantEdgeIndex | QdrantServerIndex:
    """The dense index of the index folder `folder`, made if it does not exist.

    `url` (default: $QDRANT_URL) names a server; then the collection is called after the folder and `server_settings`
    (api_key, shards, replicas, required, ...) go to QdrantServerIndex. Without one the vectors lie in folder/dense.
    """
    url = os.environ.get("QDRANT_URL", "") if url is None else url
    if url:
        from reference.rag.index.qdrant_server_index import QdrantServerIndex

        return QdrantServerIndex(url, collection_name(folder), dimension, embedder, hnsw=hnsw, **server_settings)
    return QdrantEdgeIndex(Path(folder) / "dense", dimension, embedder, hnsw)


def collection_name(folder: Path) -> str:
    """The collection on a server that belongs to an index folder: its name, with what Qdrant refuses replaced."""
    return "workbook-" + (re.sub(r"[^\w.-]", "-", Path(folder).name) or "index")
