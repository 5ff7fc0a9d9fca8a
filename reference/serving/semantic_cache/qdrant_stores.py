"""Where the semantic tier keeps its points: a qdrant-edge shard in this process, or a collection on a Qdrant server.

Both filter by scope and by time inside the engine, so that a full scope of another tenant cannot push the right answer
out of the k nearest. Both name the embedder that filled them and refuse another.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from .cache import CacheError

IDENTITY = "identity.json"
_PAGE = 5000


class CacheUnavailable(CacheError):
    """The engine cannot be reached or opened; the message says which and what to do."""


class Store(Protocol):
    """Points with vector and payload (scope, expires, stored, question, answer). Safe for use from one thread."""

    what: str

    def nearest(self, vector: list[float], scope: str, now: float, k: int) -> list[tuple[float, dict[str, Any]]]:
        """(cosine, payload) of the k nearest of a scope that live longer than `now`, best first."""
        ...

    def put(self, point_id: str, vector: list[float], payload: dict[str, Any]) -> None: ...

    def ages(self) -> list[tuple[str, float, float]]:
        """(id, stored, expires) of every point."""
        ...

    def remove(self, ids: Sequence[str]) -> None: ...

    def flush(self) -> None:
        """Returns when everything put so far survives a kill."""
        ...

    def close(self) -> None: ...


class EdgeStore:
    """A shard in `folder`, made on first use; None: a folder that goes with this object. One process per folder."""

    def __init__(self, folder: Path | None, dimension: int, embedder: str) -> None:
        self._temporary = tempfile.mkdtemp(prefix="semantic-cache-") if folder is None else None
        self._folder = Path(self._temporary or str(folder))
        self.what = f"the semantic cache in {self._folder}"
        self._lock: Any = None
        self._shard: Any = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._alone()
            self._open({"embedder": embedder, "dimension": dimension}, dimension)
        except BaseException:
            self.close()
            raise

    def _alone(self) -> None:
        import fcntl

        self._lock = (self._folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CacheUnavailable(
                f"{self.what} is in use by another process; name another folder, or share a server by QDRANT_URL"
            ) from error

    def _open(self, identity: dict[str, Any], dimension: int) -> None:
        import qdrant_edge as edge

        note, shard = self._folder / IDENTITY, self._folder / "shard"
        if note.exists():
            _same_embedder(json.loads(note.read_text("utf-8")), identity, self.what)
            with self._errors():
                self._shard = edge.EdgeShard.load(str(shard))
            return
        shutil.rmtree(shard, ignore_errors=True)  # half made: the note is written last
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine), wal_enabled=False
        )
        with self._errors():
            shard.mkdir()
            self._shard = edge.EdgeShard.create(str(shard), config)
            self._shard.update(
                edge.UpdateOperation.create_field_index("scope", edge.KeywordIndexParams(is_tenant=True))
            )
            self._shard.flush()
        note.with_suffix(".tmp").write_text(json.dumps(identity) + "\n", encoding="utf-8")
        os.replace(note.with_suffix(".tmp"), note)

    def nearest(self, vector: list[float], scope: str, now: float, k: int) -> list[tuple[float, dict[str, Any]]]:
        import qdrant_edge as edge

        only = edge.Filter(
            must=[
                edge.FieldCondition("scope", match=edge.MatchValue(scope)),
                edge.FieldCondition("expires", range=edge.RangeFloat(gt=now)),
            ]
        )
        request = edge.QueryRequest(limit=k, query=edge.Query.Nearest(vector), filter=only, with_payload=True)
        with self._errors():
            found = self._shard.query_batch(edge.QueryBatchRequest([request]))[0]
        return [(float(point.score), point.payload) for point in found]

    def put(self, point_id: str, vector: list[float], payload: dict[str, Any]) -> None:
        import qdrant_edge as edge

        with self._errors():
            self._shard.update(edge.UpdateOperation.upsert_points([edge.Point(point_id, vector, payload)]))

    def ages(self) -> list[tuple[str, float, float]]:
        import qdrant_edge as edge

        found: list[tuple[str, float, float]] = []
        offset = None
        with self._errors():
            while True:
                records, offset = self._shard.scroll(edge.ScrollRequest(offset=offset, limit=_PAGE, with_payload=True))
                found += [(str(r.id), float(r.payload["stored"]), float(r.payload["expires"])) for r in records]
                if offset is None:
                    return found

    def remove(self, ids: Sequence[str]) -> None:
        import qdrant_edge as edge

        with self._errors():
            self._shard.update(edge.UpdateOperation.delete_points(list(ids)))

    def flush(self) -> None:
        with self._errors():
            self._shard.flush()

    def close(self) -> None:
        if self._shard is not None:
            shard, self._shard = self._shard, None
            if self._temporary is None:
                shard.flush()
            shard.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """The engine raises plain exceptions."""
        try:
            yield
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise CacheUnavailable(f"{self.what}: {error}; if it stays so, delete the folder") from error


class ServerStore:
    """A collection on the server at `url` (":memory:": the client's imitation), made on first use."""

    def __init__(
        self,
        url: str,
        collection: str,
        dimension: int,
        embedder: str,
        timeout_s: float = 2.0,
        client: Any = None,
    ) -> None:
        from qdrant_client import QdrantClient, models

        self.what, self._collection = f"collection {collection} on {url}", collection
        self._owned = client is None
        if client is not None:
            self._client = client
        elif url == ":memory:":
            self._client = QdrantClient(":memory:")
        else:
            key = os.environ.get("QDRANT_API_KEY") or None
            wait = max(1, round(timeout_s))
            self._client = QdrantClient(url=url, api_key=key, timeout=wait, check_compatibility=False)
        identity = {"embedder": embedder, "dimension": dimension}
        try:
            with self._errors():
                if not self._client.collection_exists(collection):
                    self._client.create_collection(
                        collection,
                        vectors_config=models.VectorParams(size=dimension, distance=models.Distance.COSINE),
                        metadata=identity,
                    )
                    if url != ":memory:":  # the imitation has no payload indexes and warns about them
                        self._client.create_payload_index(
                            collection,
                            "scope",
                            field_schema=models.KeywordIndexParams(
                                type=models.KeywordIndexType.KEYWORD, is_tenant=True
                            ),
                        )
                        self._client.create_payload_index(
                            collection, "expires", field_schema=models.PayloadSchemaType.FLOAT
                        )
                found = self._client.get_collection(collection).config.metadata or {}
            _same_embedder(found, identity, self.what)
        except BaseException:
            self.close()
            raise

    def nearest(self, vector: list[float], scope: str, now: float, k: int) -> list[tuple[float, dict[str, Any]]]:
        from qdrant_client import models

        only = models.Filter(
            must=[
                models.FieldCondition(key="scope", match=models.MatchValue(value=scope)),
                models.FieldCondition(key="expires", range=models.Range(gt=now)),
            ]
        )
        with self._errors():
            found = self._client.query_points(
                self._collection, query=vector, limit=k, query_filter=only, with_payload=True
            ).points
        return [(float(point.score), point.payload) for point in found]

    def put(self, point_id: str, vector: list[float], payload: dict[str, Any]) -> None:
        from qdrant_client import models

        with self._errors():
            point = models.PointStruct(id=point_id, vector=vector, payload=payload)
            self._client.upsert(self._collection, [point], wait=True)

    def ages(self) -> list[tuple[str, float, float]]:
        found: list[tuple[str, float, float]] = []
        offset = None
        with self._errors():
            while True:
                records, offset = self._client.scroll(
                    self._collection, limit=_PAGE, offset=offset, with_payload=["stored", "expires"]
                )
                found += [(str(r.id), float(r.payload["stored"]), float(r.payload["expires"])) for r in records]
                if offset is None:
                    return found

    def remove(self, ids: Sequence[str]) -> None:
        from qdrant_client import models

        with self._errors():
            self._client.delete(self._collection, models.PointIdsList(points=list(ids)), wait=True)

    def flush(self) -> None:
        """Nothing to do: every write waited for the server."""

    def close(self) -> None:
        if self._owned:
            self._client.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        import httpx
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            yield
        except (ResponseHandlingException, UnexpectedResponse, httpx.HTTPError, OSError) as error:
            raise CacheUnavailable(
                f"{self.what} cannot be used ({error}); start the server, or unset QDRANT_URL to keep answers here"
            ) from error


def _same_embedder(found: dict[str, Any], wanted: dict[str, Any], what: str) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            raise CacheError(
                f"{what} was filled with {name} {found.get(name)!r}, not {value!r}: their vectors cannot be compared; "
                "name another folder or collection"
            )
