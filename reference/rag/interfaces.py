"""The parts of retrieval that can be exchanged, each with one contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from .types import Chunk, Document, Hit


class Source(Protocol):
    """Where documents come from: a Debian package, a folder, the documentation of installed Python packages."""

    name: str

    def documents(self) -> Iterator[Document]:
        """Parsed documents, in a stable order. A file that cannot be parsed is reported (`problems`), never raised."""
        ...

    @property
    def problems(self) -> list[tuple[str, str]]:
        """(file, reason) of everything that was skipped so far."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors. Texts longer than `max_tokens` are cut there, as the model does."""

    name: str  # with version or hash: stored with an index, so that another model is refused
    dimension: int
    max_tokens: int

    def embed(self, texts: Sequence[str]) -> Any:
        """float32 array [len(texts), dimension], rows of length one, in the order of `texts`."""
        ...


class TokenEmbedder(Protocol):
    """Token vectors for late interaction."""

    token_dimension: int

    def embed_with_tokens(self, texts: Sequence[str]) -> tuple[Any, list[Any]]:
        """Sentence vectors float32 [n, dimension]; per text, unit token vectors float32 [tokens, token_dimension]."""
        ...


class DenseIndex(Protocol):
    """Vectors with their chunks; nearest neighbours by cosine. `tenants`: only chunks of these tenants are found."""

    def upsert(self, chunks: Sequence[Chunk], vectors: Any) -> None: ...

    def delete(self, chunk_ids: Iterable[str]) -> None: ...

    def search(self, vectors: Any, k: int, tenants: Sequence[str], exact: bool = False) -> list[list[Hit]]:
        """For every row of `vectors` [q, dimension] the k nearest chunks, best first."""
        ...

    def count(self) -> int: ...

    def close(self) -> None: ...


class LexicalIndex(Protocol):
    """BM25 over chunks."""

    def upsert(self, chunks: Sequence[Chunk]) -> None: ...

    def delete(self, chunk_ids: Iterable[str]) -> None: ...

    def search(self, queries: Sequence[str], k: int, tenants: Sequence[str]) -> list[list[Hit]]:
        """For every query the k best chunks with a score above zero; an empty list where no term is known."""
        ...

    def count(self) -> int: ...

    def close(self) -> None: ...


class Reranker(Protocol):
    """Orders candidates anew."""

    name: str

    def rerank(self, queries: Sequence[str], candidates: Sequence[Sequence[Hit]], k: int) -> list[list[Hit]]:
        """For every query its k best candidates, best first. Several queries in one call are one batch."""
        ...
