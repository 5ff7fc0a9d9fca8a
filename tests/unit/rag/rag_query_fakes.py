"""Small in-memory searchers for tests of the query path: exact, deterministic, and able to fail when told to."""

from __future__ import annotations

import hashlib
import re
import threading

import numpy as np

from reference.rag.types import PUBLIC, Chunk, Hit

DIMENSION = 48


def words_of(text):
    return re.findall(r"\w+", text.lower())


def chunk(text, document="doc", ordinal=0, tenant=PUBLIC, path=("Title",)):
    return Chunk(document, ordinal, text, path, len(words_of(text)), "Title", f"/docs/{document}", "", tenant)


def word_vector(word):
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


class WordEmbedder:
    """A text's vector is the mean of its words' vectors: texts that share words are near each other."""

    name, dimension, max_tokens, token_dimension = "words", DIMENSION, 256, DIMENSION

    def __init__(self):
        self.calls = []
        self.error = None

    def embed(self, texts):
        return self.embed_with_tokens(texts)[0]

    def embed_with_tokens(self, texts):
        self.calls.append(list(texts))
        if self.error:
            raise self.error
        tokens = [np.stack([word_vector(word) for word in words_of(text) or ["?"]]) for text in texts]
        means = [rows.mean(0) for rows in tokens]
        return np.stack([mean / np.linalg.norm(mean) for mean in means]).astype(np.float32), tokens


class MemoryDense:
    """Exact cosine search."""

    def __init__(self, chunks=(), embedder=None):
        self.embedder = embedder or WordEmbedder()
        self.chunks = {}
        self.vectors = {}
        self.calls = []
        self.error = None
        self.leaky = False  # ignores tenants, as a broken index would
        self.gate = None  # an Event that a call waits for
        self.upsert(chunks)

    def upsert(self, chunks, vectors=None):
        if chunks:
            vectors = self.embedder.embed([c.embedded_text for c in chunks]) if vectors is None else vectors
            for one, vector in zip(chunks, vectors, strict=True):
                self.chunks[one.id], self.vectors[one.id] = one, vector

    def delete(self, chunk_ids):
        for chunk_id in chunk_ids:
            self.chunks.pop(chunk_id, None)
            self.vectors.pop(chunk_id, None)

    def search(self, vectors, k, tenants, exact=False):
        self.calls.append((len(vectors), tuple(tenants)))
        if self.gate is not None:
            self.gate.wait(20)
        if self.error:
            raise self.error
        found = []
        for vector in vectors:
            hits = [
                Hit(one, float(self.vectors[key] @ vector))
                for key, one in self.chunks.items()
                if self.leaky or one.tenant in tenants
            ]
            found.append(sorted(hits, key=lambda hit: (-hit.score, hit.chunk.id))[:k])
        return found

    def count(self):
        return len(self.chunks)

    def close(self):
        pass


class MemoryLexical:
    """Shared words, rare ones counting more."""

    def __init__(self, chunks=()):
        self.chunks = {}
        self.calls = []
        self.error = None
        self.leaky = False
        self.upsert(chunks)

    def upsert(self, chunks):
        self.chunks.update({one.id: one for one in chunks})

    def delete(self, chunk_ids):
        for chunk_id in chunk_ids:
            self.chunks.pop(chunk_id, None)

    def search(self, queries, k, tenants):
        self.calls.append((tuple(queries), tuple(tenants)))
        if self.error:
            raise self.error
        held = {key: set(words_of(one.embedded_text)) for key, one in self.chunks.items()}
        found = []
        for query in queries:
            hits = []
            for key, one in self.chunks.items():
                if not (self.leaky or one.tenant in tenants):
                    continue
                score = sum(
                    1 / sum(word in words for words in held.values())
                    for word in set(words_of(query))
                    if word in held[key]
                )
                if score:
                    hits.append(Hit(one, score))
            found.append(sorted(hits, key=lambda hit: (-hit.score, hit.chunk.id))[:k])
        return found

    def count(self):
        return len(self.chunks)

    def close(self):
        pass


class ReversingReranker:
    """Puts the last candidate first, so that a test sees that it ran."""

    name = "reversing"

    def __init__(self):
        self.calls = []
        self.error = None

    def rerank(self, queries, candidates, k):
        self.calls.append([list(hits) for hits in candidates])
        if self.error:
            raise self.error
        return [
            [Hit(hit.chunk, float(len(hits) - n), dict(hit.ranks)) for n, hit in enumerate(reversed(hits))][:k]
            for hits in candidates
        ]


def blocked():
    """A gate that is closed until the test opens it."""
    return threading.Event()
