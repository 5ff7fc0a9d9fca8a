"""Dense search in this process: an HNSW graph in a qdrant-edge shard, filtered by tenant inside the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.rag.index.edge_shard import EdgeFolder, EdgeIndex
from reference.rag.index.payload import IndexFailure, check_search, check_vectors, from_payload, to_payload
from reference.rag.types import Chunk, Hit


@dataclass(frozen=True)
class Hnsw:
    """Settings of the graph (Malkov and Yashunin 2016).

    Attributes:
        m: edges per node and layer.
        ef_construct: candidates kept while building.
        ef: candidates kept while searching; recall against speed, may change at any time.
        full_scan_threshold: kilobytes of vectors below which a segment or filter is scanned instead.
        quantised: search int8 codes, then score the best with the full vectors.
        threads: of searching and building; 0 leaves it to the engine.
    """

    m: int = 16
    ef_construct: int = 128
    ef: int = 128
    full_scan_threshold: int = 10_000
    quantised: bool = False
    threads: int = 0


class QdrantEdgeIndex(EdgeIndex):
    """DenseIndex in `folder`, made if it does not exist.

    Raises IndexMismatch if the folder holds vectors of another dimension or embedder.
    """

    def __init__(self, folder: Path, dimension: int, embedder: str, hnsw: Hnsw | None = None) -> None:
        self.hnsw = hnsw or Hnsw()
        self.dimension = dimension
        self.embedder = embedder
        identity = {"kind": "dense", "embedder": embedder, "dimension": dimension}
        self._folder = EdgeFolder(Path(folder), identity, self._config)

    def _config(self) -> Any:
        import qdrant_edge as edge

        graph, quantisation = self.hnsw, None
        if graph.quantised:
            quantisation = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, memory=edge.Memory.Pinned)
        return edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=self.dimension, distance=edge.Distance.Cosine),
            hnsw_config=edge.HnswIndexConfig(
                m=graph.m,
                ef_construct=graph.ef_construct,
                full_scan_threshold=graph.full_scan_threshold,
                max_indexing_threads=graph.threads,
            ),
            quantization_config=quantisation,
            max_search_threads=graph.threads or None,
            payload_memory=edge.Memory.Cold,
            wal_enabled=False,
        )

    def upsert(self, chunks: Sequence[Chunk], vectors: Any) -> None:
        """Write chunks with their vectors, float [len(chunks), dimension]. Durable after `flush`."""
        from qdrant_edge import Point

        values = check_vectors(vectors, len(chunks), self.dimension, self._folder.what)
        self._folder.upsert(
            [Point(chunk.id, vector, to_payload(chunk)) for chunk, vector in zip(chunks, values, strict=True)]
        )

    def search(
        self, vectors: Any, k: int, tenants: Sequence[str], exact: bool = False, ef: int | None = None
    ) -> list[list[Hit]]:
        """The k nearest chunks of `tenants` for every row of `vectors` [q, dimension], best first; score is the cosine.

        `exact` compares with every vector instead of walking the graph; `ef` overrides the setting for this call.
        """
        import qdrant_edge as edge

        allowed = check_search(k, tenants)
        values = check_vectors(vectors, None, self.dimension, self._folder.what)
        if not allowed:
            return [[] for _ in values]
        only = edge.Filter(must=[edge.FieldCondition("tenant", match=edge.MatchAny(allowed))])
        params = edge.SearchParams(hnsw_ef=max(ef or self.hnsw.ef, k), exact=exact)
        found = self._folder.query_batch(
            [
                edge.QueryRequest(
                    limit=k, query=edge.Query.Nearest(vector), filter=only, params=params, with_payload=True
                )
                for vector in values
            ]
        )
        return [[Hit(from_payload(point.payload), point.score) for point in points] for points in found]

    def vectors(self, chunk_ids: Sequence[str]) -> Any:
        """The stored vectors, float32 [len(chunk_ids), dimension]. Raises IndexFailure if a chunk is not there."""
        import numpy as np

        found: dict[str, Any] = {}
        with self._folder.errors():
            for record in self._folder.shard.retrieve(list(chunk_ids), with_payload=False, with_vector=True):
                found[str(record.id)] = record.vector
        if missing := [chunk_id for chunk_id in chunk_ids if chunk_id not in found]:
            raise IndexFailure(f"{self._folder.what} has no chunk {missing[0]} ({len(missing)} are missing)")
        rows = [found[chunk_id] for chunk_id in chunk_ids]
        return np.asarray(rows, dtype=np.float32).reshape(len(rows), self.dimension)
