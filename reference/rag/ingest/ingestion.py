"""Documents into an index folder, in two passes, each of which goes on where a kill left it.

1. Read: every document is parsed and cut into chunks, which wait in the store. Then all totals are known: how much
   there is to embed, and how long the average chunk is (which the lexical weights need).
2. Embed: windows of waiting chunks get vectors, go into both indexes, and are noted as done once those have flushed.

Writing a chunk twice changes nothing (its id says what it is), so a kill costs at most one window of work.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from reference.rag.embedding.quantisation import quantise
from reference.rag.index.factory import open_dense_index
from reference.rag.ingest import manifest as manifests
from reference.rag.ingest.defaults import chunker_for, embedder_of
from reference.rag.ingest.disk import check_space, disk_errors
from reference.rag.ingest.folder_lock import FolderLock
from reference.rag.ingest.knowledge_base import KnowledgeBase, lexical_folder, open_lexical
from reference.rag.ingest.manifest import Manifest, ManifestError
from reference.rag.ingest.progress import Meter, Progress
from reference.rag.ingest.reading import chunks_of, prune_unseen, read_all
from reference.rag.ingest.report import IngestError, IngestReport
from reference.rag.ingest.store import OBSOLETE, Store
from reference.rag.interfaces import Source
from reference.rag.types import Chunk, Document

WINDOW = 512  # chunks per flush: what a kill can cost, and what the batches of like length are taken from
MOST_DRIFT = 0.1  # of the average chunk length, before a run makes the lexical index anew (seconds)
OPTIMIZE_AFTER = 2000  # chunks written or dropped by `put` and `remove`: fewer need no graph to be searched fast


class Ingestion:
    """The writer of one index folder; made if it does not exist. Nobody else may have the folder open meanwhile.

    Args:
        folder: of the index.
        embedder: an Embedder; default see `embedder_of`. Where it also makes token vectors they are stored
            (`token_vectors=False`: not).
        chunker: has `name` and `chunk(document) -> list[Chunk]`; default sections that fill the embedder's window.
        window: chunks between two flushes.
        dense_settings: for open_dense_index (`hnsw`, `url`, ...).

    Raises ManifestError if the folder was built with another embedder, chunker or projection, FolderInUse if somebody
    else has it, RagError if the disk is full.
    """

    def __init__(
        self,
        folder: Path | str,
        embedder: Any = None,
        chunker: Any = None,
        *,
        token_vectors: bool = True,
        window: int = WINDOW,
        **dense_settings: Any,
    ) -> None:
        if window < 1:
            raise IngestError(f"window={window}: at least one chunk")
        self.folder = Path(folder)
        self.embedder = embedder if embedder is not None else embedder_of(self.folder)
        self.chunker = chunker if chunker is not None else chunker_for(self.embedder)
        self.window = window
        self._tokens = token_vectors and hasattr(self.embedder, "embed_with_tokens")
        self._dense_settings = dense_settings
        self._unoptimized = 0
        self._turn = threading.RLock()  # callers in several threads write one after the other
        self._base: KnowledgeBase | None = None
        self._dense: Any = None
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(self.folder, exclusive=True)
        try:
            with disk_errors(self.folder):
                self.manifest = self._settled_manifest()
                self.store = Store(self.folder, writable=True)
            if self.manifest.ready:
                self._open_indexes()
        except BaseException:
            self.close()
            raise

    def _settled_manifest(self) -> Manifest:
        projection = self.embedder.projection.name if self._tokens else ""
        wanted = Manifest(
            embedder=self.embedder.name,
            dimension=self.embedder.dimension,
            chunker=self.chunker.name,
            token_projection=projection,
            token_dimension=self.embedder.token_dimension if self._tokens else 0,
            created=manifests.now(),
        )
        return manifests.settle(self.folder, wanted)

    def _open_indexes(self) -> None:
        """Both indexes; they exist from the first time that the average length is known."""
        if self._base is not None:
            return
        with disk_errors(self.folder):
            dense = self._dense = open_dense_index(
                self.folder, self.manifest.dimension, self.manifest.embedder, **self._dense_settings
            )
            current = lexical_folder(self.folder, self.manifest)
            for other in self.folder.glob("lexical-*"):  # a run was killed while it reweighed
                if other != current:
                    shutil.rmtree(other, ignore_errors=True)
            lexical = open_lexical(self.folder, self.manifest)
        self._base = KnowledgeBase(self.folder, self.manifest, self.store, dense, lexical)

    @property
    def knowledge_base(self) -> KnowledgeBase:
        """Readers that share this writer's indexes: what it writes, they find. Closed together with it."""
        if self._base is None:
            raise ManifestError(f"the index {self.folder} has nothing yet; run an ingestion first")
        return self._base

    # The two passes

    def run(
        self, source: Source, progress: Callable[[Progress], None] | None = None, prune: bool = False
    ) -> IngestReport:
        """Bring the index up to what `source` has. Unchanged documents (by sha256) are skipped.

        `prune` also drops what the source no longer has: only documents of the tenants that it did deliver, and never
        when the source delivered nothing at all.
        """
        report = IngestReport()
        meter = Meter(progress)
        begun = time.monotonic()
        with self._turn, disk_errors(self.folder):
            seen = read_all(source, self.folder, self.store, self.chunker, report, meter)
            if prune:
                report.removed = prune_unseen(self.store, seen)
            self._settle_average_length()
            report.problems = list(source.problems)
            report.read_seconds = time.monotonic() - begun
            begun = time.monotonic()
            if self.manifest.ready:
                self._open_indexes()
                self._embed_all(report, meter)
            report.embed_seconds = time.monotonic() - begun
            report.chunks = self.store.counts()["chunks"]
        return report

    def _settle_average_length(self) -> None:
        """From the first complete reading; later documents are weighed by the same average until `reweigh`."""
        if self.manifest.ready:
            return
        counts = self.store.counts()
        if counts["terms"]:
            self.manifest = replace(self.manifest, average_length=round(counts["terms"] / counts["chunks"], 3))
            manifests.write(self.folder, self.manifest)

    def _embed_all(self, report: IngestReport, meter: Meter) -> None:
        counts = self.store.counts()
        meter.begin_embedding(report.documents, counts["chunks"], counts["pending"], counts["pending_tokens"])
        while window := self.store.pending(self.window):
            self._embed(window)
            self._remove(self.store.removable())
            report.embedded += len(window)
            report.tokens += (tokens := sum(chunk.tokens for chunk in window))
            meter.embedded(len(window), tokens)
        self._remove(self.store.removable())
        self._optimize(least=0)  # a killed run may have left work, and it costs nothing where there is none
        if self.drift() > MOST_DRIFT:
            self.reweigh()

    def _embed(self, window: list[Chunk]) -> None:
        check_space(self.folder)
        base = self.knowledge_base
        texts = [chunk.embedded_text for chunk in window]
        codes = None
        if self._tokens:
            vectors, token_vectors = self.embedder.embed_with_tokens(texts)
            codes = [quantise(part) for part in token_vectors]
        else:
            vectors = self.embedder.embed(texts)
        base.dense.upsert(window, vectors)
        base.lexical.upsert(window)
        self._flush()
        self.store.mark_indexed(window, codes)
        self._unoptimized += len(window)

    def _remove(self, chunk_ids: list[str]) -> None:
        if not chunk_ids:
            return
        self.knowledge_base.dense.delete(chunk_ids)
        self.knowledge_base.lexical.delete(chunk_ids)
        self._flush()
        self.store.forget(chunk_ids)
        self._unoptimized += len(chunk_ids)

    def _flush(self) -> None:
        self._dense.flush()
        self.knowledge_base.lexical.flush()

    def _optimize(self, least: int = OPTIMIZE_AFTER) -> None:
        if self._unoptimized >= least:
            self._dense.optimize()
            self.knowledge_base.lexical.optimize()
            self._unoptimized = 0

    # Single documents

    def put(self, document: Document) -> float:
        """Add or replace one document; returns the seconds until its new version could be found.

        Raises IngestError if the document has no text.
        """
        begun = time.monotonic()
        with self._turn, disk_errors(self.folder):
            chunks = chunks_of(document, self.chunker)
            if not chunks:
                raise IngestError(f"document {document.id!r} has no text; nothing was changed")
            with self.store.writing():
                self.store.put_document(document, chunks)
            self._settle_average_length()
            self._open_indexes()
            while window := self.store.pending(self.window, (document.tenant, document.id)):
                self._embed(window)
            seconds = time.monotonic() - begun
            self._remove(self.store.removable())
            self._optimize()
        return seconds

    def remove(self, document_id: str, tenant: str) -> int:
        """Drop one document; returns the number of chunks that can no longer be found.

        Raises IngestError if the tenant has no such document.
        """
        with self._turn, disk_errors(self.folder):
            if self.store.document(document_id, tenant) is None:
                raise IngestError(f"tenant {tenant!r} has no document {document_id!r}")
            with self.store.writing():
                dropped = self.store.drop_document(document_id, tenant)
            if self.manifest.ready:
                self._open_indexes()
                self._remove(self.store.removable())
                self._optimize()
            else:
                self.store.forget(self.store.chunk_ids(OBSOLETE))
        return dropped

    def drift(self) -> float:
        """How far the chunks' average length is from the one that the lexical weights use: 0.1 is ten percent."""
        counts = self.store.counts()
        if not self.manifest.ready or not counts["chunks"]:
            return 0.0
        return abs(counts["terms"] / counts["chunks"] / self.manifest.average_length - 1)

    def reweigh(self) -> None:
        """Make the lexical index anew with the average length that the chunks have now; the old one serves meanwhile.

        The manifest names the folder that counts, so a kill leaves either the old index or the new one.
        """
        base, old = self.knowledge_base, self.manifest
        counts = self.store.counts()
        new = replace(old, average_length=round(counts["terms"] / counts["chunks"], 3))
        if new.average_length == old.average_length:
            return
        with disk_errors(self.folder):
            shutil.rmtree(
                lexical_folder(self.folder, new), ignore_errors=True
            )  # half of one, from a run that was killed
            lexical = open_lexical(self.folder, new)
            chunks = self.store.all_chunks()
            while batch := list(islice(chunks, 1000)):
                lexical.upsert(batch)
            lexical.optimize()
            manifests.write(self.folder, new)
        before, self.manifest, base.manifest, base.lexical = base.lexical, new, new, lexical
        before.close()
        shutil.rmtree(lexical_folder(self.folder, old), ignore_errors=True)

    def close(self) -> None:
        for part in (self._dense, getattr(self._base, "lexical", None), getattr(self, "store", None)):
            if part is not None:
                with contextlib.suppress(Exception):  # a full disk must not keep the lock
                    part.close()
        self._base = self._dense = None
        self._lock.release()

    def __enter__(self) -> Ingestion:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
