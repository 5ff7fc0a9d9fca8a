"""An embedder that needs no model, a chunker by paragraphs, and documents; shared with the integration tests."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from reference.rag.embedding.projection import Projection
from reference.rag.types import PUBLIC, Chunk, Document, Section


class HashEmbedder:
    """Bag of words: every word has a fixed random direction. `pause`: seconds per call, to be killed in."""

    name = "hash@1"
    dimension = 32
    max_tokens = 256
    token_dimension = 8
    projection = Projection("hash-8", np.eye(384, 8, dtype=np.float32))

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Any:
        time.sleep(self.pause)
        self.embedded += texts
        rows = [
            np.sum([_direction(word, 32) for word in text.lower().split()] or [np.ones(32)], axis=0) for text in texts
        ]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), 32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_with_tokens(self, texts: Sequence[str]) -> tuple[Any, list[Any]]:
        tokens = [
            np.array([_direction(word, 8) for word in text.lower().split()], dtype=np.float32).reshape(-1, 8)
            for text in texts
        ]
        return self.embed(texts), [part / np.linalg.norm(part, axis=1, keepdims=True) for part in tokens]


def _direction(word: str, dimension: int) -> Any:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dimension)


class Paragraphs:
    name = "paragraphs"

    def chunk(self, document: Document) -> list[Chunk]:
        parts = [(section.path, part) for section in document.sections for part in section.text.split("\n\n") if part]
        return [
            Chunk(
                document.id,
                number,
                text,
                path,
                len(text.split()),
                document.title,
                document.source,
                document.collection,
                document.tenant,
                ((0, len(text.split())),),
            )
            for number, (path, text) in enumerate(parts)
        ]


def document(name: str, *paragraphs: str, tenant: str = PUBLIC, title: str = "Title") -> Document:
    text = "\n\n".join(paragraphs)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return Document(name, title, "text", f"file:{name}", (Section((title,), text),), digest, "set", "MIT", tenant)


def made_documents(count: int, version: int = 0) -> list[Document]:
    """`count` documents of 1 to 5 paragraphs; `version` changes every third of them and drops one paragraph."""
    found = []
    for number in range(count):
        parts = [
            f"paragraph {part} of document{number} about topic{number * part % 7}" for part in range(1 + number % 5)
        ]
        if version and number % 3 == 0:
            parts = [*parts[1:], f"news {version} of document{number}"]
        found.append(document(f"d{number}", *parts))
    return found
