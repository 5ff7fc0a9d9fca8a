"""The account of an index folder in SQLite: documents, chunks, token vectors, and how far each chunk has come.

A chunk is PENDING until dense index, lexical index and token vectors have it, then INDEXED. A chunk that no document
has any more is OBSOLETE until all three have forgotten it. Both steps can be repeated, so a kill between any two writes
costs work, never correctness.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.rag.types import Chunk, Document, RagError

NAME = "store.sqlite"
PENDING, INDEXED, OBSOLETE = 0, 1, 2
_COLUMNS = "document_id, ordinal, text, path, tokens, title, source, collection, tenant, sections"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    tenant TEXT NOT NULL, id TEXT NOT NULL, sha256 TEXT NOT NULL, title TEXT NOT NULL, kind TEXT NOT NULL,
    source TEXT NOT NULL, collection TEXT NOT NULL, licence TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunks (
    id TEXT PRIMARY KEY, document_id TEXT NOT NULL, ordinal INTEGER NOT NULL, text TEXT NOT NULL, path TEXT NOT NULL,
    tokens INTEGER NOT NULL, title TEXT NOT NULL, source TEXT NOT NULL, collection TEXT NOT NULL, tenant TEXT NOT NULL,
    sections TEXT NOT NULL, terms INTEGER NOT NULL, state INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS chunks_of_document ON chunks (tenant, document_id);
CREATE INDEX IF NOT EXISTS unfinished_chunks ON chunks (state) WHERE state != 1;
CREATE TABLE IF NOT EXISTS token_vectors (
    chunk_id TEXT PRIMARY KEY, scales BLOB NOT NULL, codes BLOB NOT NULL) WITHOUT ROWID;
"""


class StoreError(RagError):
    """The store cannot be read or written."""


@dataclass(frozen=True)
class StoredDocument:
    """`state`: pending until all its chunks can be found, then indexed."""

    tenant: str
    id: str
    sha256: str
    title: str
    kind: str
    source: str
    collection: str
    licence: str
    state: str
    chunk_ids: tuple[str, ...]


class Store:
    """One connection per thread; readers go on while one writer writes."""

    def __init__(self, folder: Path, writable: bool) -> None:
        self.path = Path(folder) / NAME
        self.writable = writable
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        if not writable and not self.path.exists():
            raise StoreError(f"{self.path} is missing: the index is not whole; ingest again")
        if writable:
            with self.writing() as connection:
                connection.executescript(_SCHEMA)

    @property
    def connection(self) -> sqlite3.Connection:
        found = getattr(self._local, "connection", None)
        if found is None:
            try:
                found = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
                if self.writable:
                    found.execute("PRAGMA journal_mode=WAL")
                    found.execute("PRAGMA synchronous=NORMAL")  # consistent after a kill; durable at checkpoints
                else:
                    found.execute("PRAGMA query_only=ON")
            except sqlite3.Error as error:
                raise StoreError(
                    f"{self.path} cannot be opened ({error}); delete the index and ingest again"
                ) from error
            self._local.connection = found
            with self._guard:
                self._all.append(found)
        return found

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        connection = self.connection
        with connection:
            yield connection

    def close(self) -> None:
        with self._guard:
            connections, self._all = self._all, []
        for connection in connections:
            connection.close()
        self._local = threading.local()

    # Reading

    def chunks(self, chunk_ids: Iterable[str]) -> dict[str, Chunk]:
        """Chunk by id; ids that are not stored are left out."""
        rows = self._by_ids(f"SELECT id, {_COLUMNS} FROM chunks WHERE id IN", chunk_ids)
        return {row[0]: _chunk(row[1:]) for row in rows}

    def token_codes(self, chunk_ids: Iterable[str]) -> dict[str, tuple[Any, Any]]:
        """(int8 codes [tokens, d], float16 scales [tokens]) by chunk id; chunks without token vectors are left out."""
        import numpy as np

        rows = self._by_ids("SELECT chunk_id, scales, codes FROM token_vectors WHERE chunk_id IN", chunk_ids)
        found = {}
        for chunk_id, scales, codes in rows:
            scale = np.frombuffer(scales, dtype=np.float16)
            found[chunk_id] = (np.frombuffer(codes, dtype=np.int8).reshape(len(scale), -1 if len(scale) else 0), scale)
        return found

    def document(self, document_id: str, tenant: str) -> StoredDocument | None:
        columns = "tenant, id, sha256, title, kind, source, collection, licence, state"
        row = self.connection.execute(
            f"SELECT {columns} FROM documents WHERE tenant = ? AND id = ?", (tenant, document_id)
        ).fetchone()
        if row is None:
            return None
        ids = self.connection.execute(
            "SELECT id FROM chunks WHERE tenant = ? AND document_id = ? AND state != ? ORDER BY ordinal",
            (tenant, document_id, OBSOLETE),
        )
        values: tuple[Any, ...] = (*row, tuple(chunk_id for (chunk_id,) in ids))
        return StoredDocument(*values)

    def document_keys(self) -> list[tuple[str, str]]:
        """(tenant, id) of all documents, in order."""
        return list(self.connection.execute("SELECT tenant, id FROM documents ORDER BY tenant, id"))

    def all_chunks(self, batch: int = 1000) -> Iterator[Chunk]:
        """Every chunk that is or will be searchable, in the order of writing."""
        last = 0
        while True:
            rows = self.connection.execute(
                f"SELECT rowid, {_COLUMNS} FROM chunks WHERE rowid > ? AND state != ? ORDER BY rowid LIMIT ?",
                (last, OBSOLETE, batch),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from (_chunk(row[1:]) for row in rows)

    def chunk_ids(self, state: int) -> list[str]:
        return [row[0] for row in self.connection.execute("SELECT id FROM chunks WHERE state = ?", (state,))]

    def token_vector_ids(self) -> set[str]:
        return {row[0] for row in self.connection.execute("SELECT chunk_id FROM token_vectors")}

    def counts(self) -> dict[str, int]:
        """documents, chunks (obsolete ones aside), pending and indexed chunks, tokens and terms of the chunks."""
        documents = self.connection.execute("SELECT count(*) FROM documents").fetchone()[0]
        row = self.connection.execute(
            "SELECT count(*), coalesce(sum(state = 0), 0), coalesce(sum(state = 1), 0), coalesce(sum(tokens), 0), "
            "coalesce(sum(terms), 0), coalesce(sum(tokens * (state = 0)), 0) FROM chunks WHERE state != 2"
        ).fetchone()
        names = ("chunks", "pending", "indexed", "tokens", "terms", "pending_tokens")
        return {"documents": documents, **dict(zip(names, row, strict=True))}

    def pending(self, limit: int, first: tuple[str, str] | None = None) -> list[Chunk]:
        """Up to `limit` chunks that wait for their vectors; only those of document (tenant, id) if it is given."""
        where, values = "state = 0", []
        if first is not None:
            where, values = "state = 0 AND tenant = ? AND document_id = ?", list(first)
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM chunks WHERE {where} ORDER BY rowid LIMIT ?", (*values, limit)
        )
        return [_chunk(row) for row in rows.fetchall()]

    def removable(self) -> list[str]:
        """Obsolete chunks whose document has nothing pending: what replaces them can be found already."""
        rows = self.connection.execute(
            "SELECT id FROM chunks AS old WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM chunks AS new WHERE "
            "new.tenant = old.tenant AND new.document_id = old.document_id AND new.state = 0)"
        )
        return [row[0] for row in rows]

    def _by_ids(self, select: str, ids: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        wanted = list(ids)
        for start in range(0, len(wanted), 500):  # SQLite limits the parameters of one statement
            part = wanted[start : start + 500]
            yield from self.connection.execute(f"{select} ({','.join('?' * len(part))})", part)

    # Writing

    def put_document(self, document: Document, chunks: Sequence[tuple[Chunk, int]]) -> None:
        """Make `chunks` (with their number of terms) the document's chunks. Call inside `writing()`.

        Chunks that are indexed already stay so; those of an older version become obsolete.
        """
        connection = self.connection
        key = (document.tenant, document.id)
        old = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT id, state, title, source, collection, sections FROM chunks "
                "WHERE tenant = ? AND document_id = ?",
                key,
            )
        }
        new = {chunk.id for chunk, _ in chunks}
        rows = []
        for chunk, terms in chunks:
            kept = old.get(chunk.id) == (INDEXED, chunk.title, chunk.source, chunk.collection, _pairs(chunk))
            rows.append((chunk.id, *_row(chunk), terms, INDEXED if kept else PENDING))
        connection.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "title = excluded.title, source = excluded.source, collection = excluded.collection, "
            "sections = excluded.sections, tokens = excluded.tokens, terms = excluded.terms, state = excluded.state",
            rows,
        )
        connection.executemany(
            "UPDATE chunks SET state = ? WHERE id = ?",
            [(OBSOLETE, chunk_id) for chunk_id in old if chunk_id not in new],
        )
        state = "pending" if any(row[-1] == PENDING for row in rows) else "indexed"
        connection.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (document.tenant, document.id, document.sha256, document.title, document.kind, document.source,
             document.collection, document.licence, state),
        )  # fmt: skip

    def drop_document(self, document_id: str, tenant: str) -> int:
        """Forget the document; its chunks become obsolete. Returns their number. Call inside `writing()`."""
        key = (tenant, document_id)
        marked = self.connection.execute(
            "UPDATE chunks SET state = 2 WHERE tenant = ? AND document_id = ? AND state != 2", key
        ).rowcount
        self.connection.execute("DELETE FROM documents WHERE tenant = ? AND id = ?", key)
        return marked

    def mark_indexed(self, chunks: Sequence[Chunk], token_codes: Sequence[tuple[Any, Any]] | None) -> None:
        """The indexes have flushed these chunks: keep their token vectors and note it, in one transaction."""
        with self.writing() as connection:
            if token_codes is not None:
                connection.executemany(
                    "INSERT OR REPLACE INTO token_vectors VALUES (?, ?, ?)",
                    [
                        (chunk.id, scales.tobytes(), codes.tobytes())
                        for chunk, (codes, scales) in zip(chunks, token_codes, strict=True)
                    ],
                )
            connection.executemany("UPDATE chunks SET state = 1 WHERE id = ?", [(chunk.id,) for chunk in chunks])
            connection.executemany(
                "UPDATE documents SET state = 'indexed' WHERE tenant = ? AND id = ? AND NOT EXISTS "
                "(SELECT 1 FROM chunks WHERE chunks.tenant = documents.tenant AND chunks.document_id = documents.id "
                "AND chunks.state = 0)",
                sorted({(chunk.tenant, chunk.document_id) for chunk in chunks}),
            )

    def forget(self, chunk_ids: Sequence[str]) -> None:
        """The indexes have flushed the deletion of these obsolete chunks."""
        with self.writing() as connection:
            rows = [(chunk_id,) for chunk_id in chunk_ids]
            connection.executemany("DELETE FROM token_vectors WHERE chunk_id = ?", rows)
            connection.executemany("DELETE FROM chunks WHERE id = ?", rows)


def _row(chunk: Chunk) -> tuple[Any, ...]:
    return (chunk.document_id, chunk.ordinal, chunk.text, json.dumps(chunk.path), chunk.tokens, chunk.title,
            chunk.source, chunk.collection, chunk.tenant, _pairs(chunk))  # fmt: skip


def _pairs(chunk: Chunk) -> str:
    return json.dumps(chunk.sections)


def _chunk(row: Sequence[Any]) -> Chunk:
    document_id, ordinal, text, path, tokens, title, source, collection, tenant, sections = row
    pairs = tuple((index, count) for index, count in json.loads(sections))
    return Chunk(document_id, ordinal, text, tuple(json.loads(path)), tokens, title, source, collection, tenant, pairs)
