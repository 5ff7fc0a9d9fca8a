"""Dense search on a Qdrant server or cluster, with the same contract as the index in this process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from reference.rag.index.payload import (
    IndexFailure,
    IndexMismatch,
    IndexUnavailable,
    check_search,
    check_vectors,
    from_payload,
    to_payload,
)
from reference.rag.index.qdrant_edge_index import Hnsw
from reference.rag.types import Chunk, Hit

BATCH = 256  # points per request: about a megabyte


class QdrantServerIndex:
    """DenseIndex in a collection on a server, made if it does not exist.

    Args:
        url: http(s)://host:port, or ":memory:" for the client's brute-force imitation (tests, small sets).
        shards, replicas: of a new collection; a cluster spreads shards over its nodes and keeps `replicas` copies.
        write_consistency: copies that must confirm a write.
        api_key: default $QDRANT_API_KEY.
        timeout_s: of one request.
        required: False opens also while the server is away: the first call that reaches it checks the collection.

    The collection's metadata names embedder and dimension; IndexMismatch if they are others. IndexUnavailable if the
    server cannot be reached, when it is opened or later.
    """

    def __init__(
        self,
        url: str,
        collection: str,
        dimension: int,
        embedder: str,
        *,
        hnsw: Hnsw | None = None,
        shards: int = 1,
        replicas: int = 1,
        write_consistency: int = 1,
        api_key: str | None = None,
        timeout_s: float = 5.0,
        required: bool = True,
        client: Any = None,
    ) -> None:
        from qdrant_client import QdrantClient

        self.url, self.collection = url, collection
        self.dimension, self.embedder = dimension, embedder
        self.hnsw = hnsw or Hnsw()
        self.what = f"collection {collection} on {url}"
        self._owns_client = client is None
        if client is not None:
            self._client = client
        elif url == ":memory:":
            self._client = QdrantClient(":memory:")
        else:
            key = api_key or os.environ.get("QDRANT_API_KEY") or None
            self._client = QdrantClient(
                url=url, api_key=key, timeout=max(1, round(timeout_s)), check_compatibility=False
            )
        self._new = {
            "shard_number": shards,
            "replication_factor": replicas,
            "write_consistency_factor": write_consistency,
        }
        self._opened = False
        try:
            self._open()
        except IndexUnavailable:
            if required:
                self.close()
                raise
        except BaseException:
            self.close()
            raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """The client's many exceptions as this package's."""
        import httpx
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            yield
        except IndexFailure:
            raise
        except (ResponseHandlingException, httpx.HTTPError, OSError) as error:
            raise IndexUnavailable(
                f"{self.what} cannot be reached ({error}); start the server, or unset QDRANT_URL to use the local index"
            ) from error
        except UnexpectedResponse as error:
            kind = IndexUnavailable if (error.status_code or 500) >= 500 or error.status_code == 429 else IndexFailure
            raise kind(f"{self.what} answered {error.status_code}: {_body(error)}") from error
        except ValueError as error:
            raise IndexFailure(f"{self.what}: {error}") from error

    def _open(self) -> None:
        """Make the collection or check it; once, on the first call that reaches the server."""
        if self._opened:
            return
        from qdrant_client import models

        with self.errors():
            if not self._client.collection_exists(self.collection):
                quantisation = None
                if self.hnsw.quantised:
                    quantisation = models.ScalarQuantization(
                        scalar=models.ScalarQuantizationConfig(
                            type=models.ScalarType.INT8, quantile=0.99, always_ram=True
                        )
                    )
                self._client.create_collection(
                    self.collection,
                    vectors_config=models.VectorParams(size=self.dimension, distance=models.Distance.COSINE),
                    hnsw_config=models.HnswConfigDiff(
                        m=self.hnsw.m,
                        ef_construct=self.hnsw.ef_construct,
                        full_scan_threshold=self.hnsw.full_scan_threshold,
                    ),
                    quantization_config=quantisation,
                    **self._new,
                    on_disk_payload=True,
                    metadata={"embedder": self.embedder, "dimension": self.dimension},
                )
                if self.url != ":memory:":  # the imitation has no payload indexes and warns about them
                    self._client.create_payload_index(
                        self.collection,
                        "tenant",
                        field_schema=models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
                    )
            self._check(self._client.get_collection(self.collection).config)
        self._opened = True

    def _check(self, config: Any) -> None:
        vectors = config.params.vectors
        size = getattr(vectors, "size", None)
        if size != self.dimension:
            raise IndexMismatch(
                f"{self.what} has vectors of dimension {size}, not {self.dimension} as {self.embedder} makes them; "
                "use the embedder that it was built with, or another collection"
            )
        found = (config.metadata or {}).get("embedder")
        if found != self.embedder:
            raise IndexMismatch(
                f"{self.what} was built with embedder {found!r}, not {self.embedder!r}; use that one, "
                "or another collection"
            )

    def upsert(self, chunks: Sequence[Chunk], vectors: Any) -> None:
        """Write chunks with their vectors, float [len(chunks), dimension]; returns when the server has applied them."""
        from qdrant_client import models

        values = check_vectors(vectors, len(chunks), self.dimension, self.what)
        self._open()
        with self.errors():
            for start in range(0, len(chunks), BATCH):
                part = slice(start, start + BATCH)
                points = [
                    models.PointStruct(id=chunk.id, vector=vector.tolist(), payload=to_payload(chunk))
                    for chunk, vector in zip(chunks[part], values[part], strict=True)
                ]
                self._client.upsert(self.collection, points, wait=True)

    def delete(self, chunk_ids: Iterable[str]) -> None:
        """Remove chunks; ids that are not there are no error."""
        from qdrant_client import models

        known = list(chunk_ids)
        self._open()
        with self.errors():
            for start in range(0, len(known), BATCH):
                chosen = models.PointIdsList(points=list(known[start : start + BATCH]))
                self._client.delete(self.collection, chosen, wait=True)

    def search(
        self, vectors: Any, k: int, tenants: Sequence[str], exact: bool = False, ef: int | None = None
    ) -> list[list[Hit]]:
        """The k nearest chunks of `tenants` for every row of `vectors` [q, dimension]; one request for all rows."""
        from qdrant_client import models

        allowed = check_search(k, tenants)
        values = check_vectors(vectors, None, self.dimension, self.what)
        if not allowed or not len(values):
            return [[] for _ in values]
        only = models.Filter(must=[models.FieldCondition(key="tenant", match=models.MatchAny(any=allowed))])
        params = models.SearchParams(hnsw_ef=max(ef or self.hnsw.ef, k), exact=exact)
        requests = [
            models.QueryRequest(query=vector.tolist(), limit=k, filter=only, params=params, with_payload=True)
            for vector in values
        ]
        self._open()
        with self.errors():
            answers = self._client.query_batch_points(self.collection, requests)
        return [[Hit(from_payload(point.payload), point.score) for point in answer.points] for answer in answers]

    def ids(self) -> set[str]:
        """Ids of all chunks."""
        found: set[str] = set()
        offset = None
        self._open()
        with self.errors():
            while True:
                records, offset = self._client.scroll(
                    self.collection, limit=5000, offset=offset, with_payload=False, with_vectors=False
                )
                found.update(str(record.id) for record in records)
                if offset is None:
                    return found

    def count(self) -> int:
        self._open()
        with self.errors():
            return int(self._client.count(self.collection, exact=True).count)

    def flush(self) -> None:
        """Nothing to do: every write waited for the server."""

    def optimize(self) -> None:
        """Nothing to do: the server builds its graphs by itself, in the background."""

    def close(self) -> None:
        """Close the connection; a client that was passed in stays open."""
        if self._owns_client:
            self._client.close()


def _body(error: Any) -> str:
    content = error.content or b""
    return content.decode("utf-8", "replace")[:300]
