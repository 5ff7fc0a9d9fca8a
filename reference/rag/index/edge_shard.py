"""Folders that hold one qdrant-edge shard and a note of what it was built for.

The shard runs without its write-ahead log: what `flush` has returned for survives a kill, and several processes can
read one folder (the log would lock it to one). But opening a folder tidies its files, which breaks a process that is
writing it: whoever opens folders must see to it that a writer is alone. reference/rag/ingest does so with a lock, and
keeps its own account of what was flushed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reference.rag.index.payload import IndexFailure, IndexMismatch, IndexUnavailable

IDENTITY = "identity.json"
_SHARD = "shard"
BATCH = 512  # points per update: a few megabytes


class EdgeFolder:
    """One shard in `folder`, made on first use. `identity` must equal what the folder was made with."""

    def __init__(self, folder: Path, identity: dict[str, Any], make_config: Callable[[], Any]) -> None:
        self.folder = Path(folder)
        self.what = f"the index in {self.folder}"
        if not (self.folder / IDENTITY).exists():
            self._create(identity, make_config())
        self._check(identity)
        self._shard: Any = self._load()

    def _create(self, identity: dict[str, Any], config: Any) -> None:
        """Beside the final place, then renamed: a kill leaves no half-made shard under the final name."""
        from qdrant_edge import EdgeShard, KeywordIndexParams, UpdateOperation

        if self.folder.exists() and any(self.folder.iterdir()):
            raise IndexUnavailable(
                f"{self.folder} has files but no {IDENTITY}: not an index of the workbook; name another folder"
            )
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}-", dir=self.folder.parent))
        try:
            shard = EdgeShard.create(str(temporary / _SHARD), config)
            shard.update(UpdateOperation.create_field_index("tenant", KeywordIndexParams(is_tenant=True)))
            shard.flush()
            shard.close()
            (temporary / IDENTITY).write_text(json.dumps(identity, indent=2) + "\n", encoding="utf-8")
            with contextlib.suppress(FileNotFoundError):
                self.folder.rmdir()
            os.replace(temporary, self.folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _check(self, identity: dict[str, Any]) -> None:
        path = self.folder / IDENTITY
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise IndexUnavailable(f"{path} cannot be read ({error}); delete {self.folder} and ingest again") from error
        for name, wanted in identity.items():
            if found.get(name) != wanted:
                raise IndexMismatch(
                    f"{self.what} was built with {name} {found.get(name)!r}, not {wanted!r}; "
                    "use that one, or build another index"
                )

    def _load(self) -> Any:
        from qdrant_edge import EdgeShard

        try:
            return EdgeShard.load(str(self.folder / _SHARD))
        except Exception as error:  # the engine raises plain Exception
            raise IndexUnavailable(f"{self.what} cannot be opened ({error}); delete it and ingest again") from error

    @property
    def shard(self) -> Any:
        if self._shard is None:
            raise IndexUnavailable(f"{self.what} is closed")
        return self._shard

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """The engine's plain exceptions as this package's."""
        try:
            yield
        except (IndexFailure, OSError, MemoryError):
            raise
        except Exception as error:
            text = str(error)
            if "No space left" in text or "os error 28" in text:
                import errno

                raise OSError(errno.ENOSPC, f"{self.what}: {text}") from error
            raise IndexFailure(f"{self.what}: {text}") from error

    def upsert(self, points: Sequence[Any]) -> None:
        from qdrant_edge import UpdateOperation

        with self.errors():
            for start in range(0, len(points), BATCH):
                self.shard.update(UpdateOperation.upsert_points(list(points[start : start + BATCH])))

    def delete(self, ids: Iterable[str]) -> None:
        from qdrant_edge import UpdateOperation

        known: list[Any] = list(ids)
        with self.errors():
            for start in range(0, len(known), BATCH):
                self.shard.update(UpdateOperation.delete_points(known[start : start + BATCH]))

    def query_batch(self, requests: Sequence[Any]) -> list[list[Any]]:
        from qdrant_edge import QueryBatchRequest

        if not requests:
            return []
        with self.errors():
            return self.shard.query_batch(QueryBatchRequest(list(requests)))

    def ids(self) -> set[str]:
        """Ids of all points; for checks, not for searching."""
        from qdrant_edge import ScrollRequest

        found: set[str] = set()
        offset = None
        with self.errors():
            while True:
                records, offset = self.shard.scroll(ScrollRequest(offset=offset, limit=10_000, with_payload=False))
                found.update(str(record.id) for record in records)
                if offset is None:
                    return found

    def count(self) -> int:
        from qdrant_edge import CountRequest

        with self.errors():
            return int(self.shard.count(CountRequest(exact=True)))

    def flush(self) -> None:
        with self.errors():
            self.shard.flush()

    def optimize(self) -> None:
        """Merge segments, build graphs and drop what was deleted; blocks."""
        with self.errors():
            self.shard.optimize()
            self.shard.flush()

    def close(self) -> None:
        if self._shard is not None:
            shard, self._shard = self._shard, None
            shard.close()


class EdgeIndex:
    """What the dense and the lexical index share: everything but how chunks are written and searched."""

    _folder: EdgeFolder

    def delete(self, chunk_ids: Iterable[str]) -> None:
        """Remove chunks; ids that are not there are no error."""
        self._folder.delete(chunk_ids)

    def ids(self) -> set[str]:
        """Ids of all chunks."""
        return self._folder.ids()

    def count(self) -> int:
        return self._folder.count()

    def flush(self) -> None:
        """Return when everything written so far survives a kill."""
        self._folder.flush()

    def optimize(self) -> None:
        """Merge segments, drop what was deleted, build the graph where there is one; blocks (about 35 s for 167,000
        dense vectors).
        """
        self._folder.optimize()

    def close(self) -> None:
        self._folder.close()
