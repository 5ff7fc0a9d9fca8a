"""An index folder, opened: dense and lexical search, texts, token vectors, and what it was built with.

folder/manifest.json   settings (see manifest)
folder/store.sqlite    documents, chunks, token vectors (see store)
folder/dense/          vectors in this process; absent if they are on a Qdrant server
folder/lexical/        BM25
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from reference.rag.embedding.quantisation import dequantise
from reference.rag.index.factory import open_dense_index
from reference.rag.ingest import manifest as manifests
from reference.rag.ingest.folder_lock import FolderLock
from reference.rag.ingest.manifest import Manifest, ManifestError
from reference.rag.ingest.store import Store
from reference.rag.interfaces import DenseIndex
from reference.rag.lexical.edge_bm25 import EdgeBM25
from reference.rag.types import Chunk


def lexical_folder(folder: Path, manifest: Manifest) -> Path:
    """Folder of the lexical index; another mean length of chunks makes another index."""
    return folder / f"lexical-{manifest.average_length:g}"


def open_lexical(folder: Path, manifest: Manifest) -> EdgeBM25:
    """The lexical index of the folder, made if it is not there."""
    return EdgeBM25(lexical_folder(folder, manifest), manifest.average_length)


class KnowledgeBase:
    """Readers of one index folder. Many processes may read one; a writer (`Ingestion`) has it alone.

    Attributes:
        dense, lexical: the two indexes; `dense` is on a server where QDRANT_URL says so.
        manifest: what the folder was built with. Queries need an embedder whose `name` is `manifest.embedder`.
    """

    def __init__(self, folder: Path, manifest: Manifest, store: Store, dense: DenseIndex, lexical: EdgeBM25) -> None:
        """For `open` and Ingestion."""
        self.folder = Path(folder)
        self.manifest = manifest
        self.store = store
        self.dense: DenseIndex = dense
        self.lexical: EdgeBM25 = lexical
        self._lock: FolderLock | None = None

    @classmethod
    def open(cls, folder: Path | str, **dense_settings: Any) -> KnowledgeBase:
        """Open for reading.

        `dense_settings` go to `open_dense_index` (for instance `hnsw`, `url`). Raises ManifestError if the folder is
        no index or was never read to the end, FolderInUse while somebody writes it, IndexMismatch if the Qdrant
        collection was built with another embedder. A Qdrant server that is away now is no error here: `lexical` works,
        and `dense` raises IndexUnavailable until the server is back.
        """
        from filelock import FileLock

        folder = Path(folder)
        dense_settings = {"required": False, **dense_settings}
        manifest = manifests.read(folder)
        if not manifest.ready:
            raise ManifestError(f"the index {folder} is not finished; run the same `workbook ingest` again")
        lock = FolderLock(folder, exclusive=False)
        opened: list[Any] = []
        try:
            with FileLock(folder / ".opening.lock"):  # opening tidies what a kill left: one reader after the other
                opened.append(store := Store(folder, writable=False))
                opened.append(
                    dense := open_dense_index(folder, manifest.dimension, manifest.embedder, **dense_settings)
                )
                opened.append(lexical := open_lexical(folder, manifest))
        except BaseException:
            for part in opened:
                part.close()
            lock.release()
            raise
        base = cls(folder, manifest, store, dense, lexical)
        base._lock = lock
        return base

    def chunks(self, chunk_ids: Iterable[str]) -> dict[str, Chunk]:
        """Chunk by id; unknown ids are left out."""
        return self.store.chunks(chunk_ids)

    def token_codes(self, chunk_ids: Iterable[str]) -> dict[str, tuple[Any, Any]]:
        """Stored token vectors by chunk id: int8 codes [tokens, d], float16 scales [tokens]; a vector ~ scale * codes.

        Chunks without token vectors are left out. The arrays are read-only.
        """
        return self.store.token_codes(chunk_ids)

    def token_vectors(self, chunk_ids: Iterable[str]) -> dict[str, Any]:
        """The same as float32 [tokens, d], about unit length."""
        return {chunk_id: dequantise(*codes) for chunk_id, codes in self.token_codes(chunk_ids).items()}

    def counts(self) -> dict[str, int]:
        """documents, chunks, pending, indexed, tokens, terms, pending_tokens."""
        return self.store.counts()

    def close(self) -> None:
        self.dense.close()
        self.lexical.close()
        self.store.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
