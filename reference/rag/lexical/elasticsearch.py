"""BM25 on an Elasticsearch server, over plain HTTP: an alternative to the index in this process.

Elasticsearch analyses text with its own English analyser and keeps its own statistics per shard, so its scores are near
those of the local index, not equal to them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from reference.rag.index.payload import IndexFailure, IndexUnavailable, check_search, from_payload, to_payload
from reference.rag.lexical.weights import K1, B
from reference.rag.types import Chunk, Hit

BATCH = 500  # chunks per bulk request


class ElasticsearchLexical:
    """LexicalIndex in `index` on the server at `url`, made if it does not exist.

    Args:
        shards, replicas: of a new index.
        api_key: default $ELASTICSEARCH_API_KEY.
        client: an httpx.Client to use instead of a new one (tests).

    Writes are visible when a call returns. IndexUnavailable if the server cannot be reached or answers with an error
    of its own.
    """

    def __init__(
        self,
        url: str,
        index: str = "workbook",
        *,
        k1: float = K1,
        b: float = B,
        shards: int = 1,
        replicas: int = 0,
        api_key: str | None = None,
        timeout_s: float = 10.0,
        client: Any = None,
    ) -> None:
        import httpx

        self.url, self.index = url.rstrip("/"), index
        self.what = f"index {index} on {self.url}"
        key = api_key or os.environ.get("ELASTICSEARCH_API_KEY", "")
        headers = {"Authorization": f"ApiKey {key}"} if key else {}
        self._owns_client = client is None
        self._client = client or httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)
        try:
            if self._request("HEAD", f"/{index}", missing_ok=True) is None:
                self._request("PUT", f"/{index}", json=index_body(k1, b, shards, replicas))
        except BaseException:
            self.close()
            raise

    def _request(self, method: str, path: str, missing_ok: bool = False, **arguments: Any) -> Any:
        import httpx

        try:
            answer = self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise IndexUnavailable(
                f"{self.what} cannot be reached ({error}); start the server, or use the local index"
            ) from error
        if answer.status_code == 404 and missing_ok:
            return None
        if answer.status_code >= 400:
            kind = IndexUnavailable if answer.status_code >= 500 or answer.status_code == 429 else IndexFailure
            raise kind(f"{self.what} answered {answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.content else {}

    def upsert(self, chunks: Sequence[Chunk]) -> None:
        """Write chunks; IndexFailure names the first one that the server refused."""
        for start in range(0, len(chunks), BATCH):
            lines = []
            for chunk in chunks[start : start + BATCH]:
                lines.append(json.dumps({"index": {"_id": chunk.id}}))
                lines.append(json.dumps({**to_payload(chunk), "embedded_text": chunk.embedded_text}))
            self._bulk(lines)

    def delete(self, chunk_ids: Iterable[str]) -> None:
        """Remove chunks; ids that are not there are no error."""
        known = list(chunk_ids)
        for start in range(0, len(known), BATCH):
            self._bulk([json.dumps({"delete": {"_id": chunk_id}}) for chunk_id in known[start : start + BATCH]])

    def _bulk(self, lines: Sequence[str]) -> None:
        answer = self._request(
            "POST",
            f"/{self.index}/_bulk",
            params={"refresh": "wait_for"},
            content="\n".join(lines) + "\n",
            headers={"Content-Type": "application/x-ndjson"},
        )
        for item in answer.get("items", ()):
            (result,) = item.values()
            if result.get("error"):  # a bulk request answers 200 even if every line of it failed
                raise IndexFailure(f"{self.what} refused chunk {result.get('_id')}: {result['error']}")

    def search(self, queries: Sequence[str], k: int, tenants: Sequence[str]) -> list[list[Hit]]:
        """For every query the k best chunks of `tenants`; all queries in one request."""
        allowed = check_search(k, tenants)
        if not allowed or not queries:
            return [[] for _ in queries]
        lines = []
        for query in queries:
            lines += [json.dumps({}), json.dumps(search_body(query, k, allowed))]
        answer = self._request(
            "POST",
            f"/{self.index}/_msearch",
            content="\n".join(lines) + "\n",
            headers={"Content-Type": "application/x-ndjson"},
        )
        found = []
        for response in answer["responses"]:
            if "error" in response:
                raise IndexFailure(f"{self.what} could not search: {response['error']}")
            found.append(
                [
                    Hit(from_payload(hit["_source"]), hit["_score"])
                    for hit in response["hits"]["hits"]
                    if hit["_score"] > 0
                ]
            )
        return found

    def count(self) -> int:
        return int(self._request("GET", f"/{self.index}/_count")["count"])

    def close(self) -> None:
        """Close the connection; a client that was passed in stays open."""
        if self._owns_client:
            self._client.close()


def index_body(k1: float, b: float, shards: int, replicas: int) -> dict[str, Any]:
    """Settings of a new index: BM25 with these parameters over `embedded_text`; everything else is only kept."""
    kept = {"type": "keyword", "index": False, "doc_values": False}
    return {
        "settings": {
            "number_of_shards": shards,
            "number_of_replicas": replicas,
            "index": {"similarity": {"bm25": {"type": "BM25", "k1": k1, "b": b}}},
        },
        "mappings": {
            "dynamic": False,
            "properties": {
                "tenant": {"type": "keyword"},
                "document_id": kept,
                "embedded_text": {"type": "text", "analyzer": "english", "similarity": "bm25", "norms": True},
            },
        },
    }


def search_body(query: str, k: int, tenants: Sequence[str]) -> dict[str, Any]:
    """The query text is data: a `match` query has no operators, and the tenant filter stands beside it."""
    return {
        "size": k,
        "query": {
            "bool": {
                "must": [{"match": {"embedded_text": {"query": query[:10_000]}}}],
                "filter": [{"terms": {"tenant": list(tenants)}}],
            }
        },
        "_source": {"excludes": ["embedded_text"]},
    }
