"""BM25 in this process: sparse vectors in a qdrant-edge shard, which keeps the document frequencies itself.

It has a folder of its own beside the dense index, so lexical search answers when a Qdrant server does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reference.rag.index.edge_shard import EdgeFolder, EdgeIndex
from reference.rag.index.payload import check_search, from_payload, to_payload
from reference.rag.lexical.analysis import query_terms, terms
from reference.rag.lexical.weights import K1, B, weights
from reference.rag.types import Chunk, Hit, RagError

_VECTOR = "bm25"
MOST_DELETED = (
    0.02  # share of deleted chunks that `optimize` leaves in place; the engine's frequencies still count them
)


class EdgeBM25(EdgeIndex):
    """LexicalIndex in `folder`, made if it does not exist.

    `average_length` (terms per chunk) is part of every stored weight, so a folder has one for its life; IndexMismatch
    if another is asked for. Document frequencies are those of all tenants together, and of what was
    deleted since the last `optimize`.
    """

    def __init__(self, folder: Path, average_length: float, k1: float = K1, b: float = B) -> None:
        if not average_length > 0:
            raise RagError(f"average_length={average_length}: must be above zero (terms per chunk)")
        self.average_length, self.k1, self.b = average_length, k1, b
        identity = {"kind": "bm25", "average_length": average_length, "k1": k1, "b": b}
        self._folder = EdgeFolder(Path(folder), identity, self._config)

    @staticmethod
    def _config() -> Any:
        import qdrant_edge as edge

        return edge.EdgeConfig(
            sparse_vectors={_VECTOR: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
            optimizers=edge.EdgeOptimizersConfig(deleted_threshold=MOST_DELETED, vacuum_min_vector_number=1),
            payload_memory=edge.Memory.Cold,
            wal_enabled=False,
        )

    def upsert(self, chunks: Sequence[Chunk]) -> None:
        """Write chunks. Durable after `flush`."""
        from qdrant_edge import Point, SparseVector

        points = []
        for chunk in chunks:
            found = weights(terms(chunk.embedded_text), self.average_length, self.k1, self.b)
            vector = SparseVector(list(found), list(found.values()))
            points.append(Point(chunk.id, {_VECTOR: vector}, to_payload(chunk)))
        self._folder.upsert(points)

    def search(self, queries: Sequence[str], k: int, tenants: Sequence[str]) -> list[list[Hit]]:
        """For every query the k best chunks of `tenants`, best first; empty where the query has no known term."""
        import qdrant_edge as edge

        allowed = check_search(k, tenants)
        found: list[list[Hit]] = [[] for _ in queries]
        if not allowed:
            return found
        only = edge.Filter(must=[edge.FieldCondition("tenant", match=edge.MatchAny(allowed))])
        asked, requests = [], []
        for number, query in enumerate(queries):
            if not (wanted := query_terms(query)):
                continue
            vector = edge.SparseVector(wanted, [1.0] * len(wanted))
            nearest = edge.Query.Nearest(vector, using=_VECTOR)
            requests.append(edge.QueryRequest(limit=k, query=nearest, filter=only, with_payload=True))
            asked.append(number)
        for number, points in zip(asked, self._folder.query_batch(requests), strict=True):
            found[number] = [Hit(from_payload(point.payload), point.score) for point in points if point.score > 0]
        return found
