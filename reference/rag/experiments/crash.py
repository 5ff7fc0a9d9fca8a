"""An ingestion is killed with SIGKILL in the middle, and run again: what is missing, what is there twice?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reference.rag.types import Document, RagError

_PROGRAM = """
import json, sys
from reference.rag.corpus import FolderSource
from reference.rag.ingest.ingestion import Ingestion

def told(progress):
    if progress.phase == "embed":
        print(json.dumps({"done": progress.chunks_done, "of": progress.chunks_total}), flush=True)

with Ingestion(sys.argv[1], window=int(sys.argv[3])) as ingestion:
    ingestion.run(FolderSource(sys.argv[2]), progress=told)
    counts = ingestion.store.counts()
    base = ingestion.knowledge_base
    print(json.dumps({"store": counts["chunks"], "dense": base.dense.count(), "lexical": base.lexical.count()}))
"""


@dataclass(frozen=True)
class Crash:
    """What was there when.

    Attributes:
        killed_at: chunks embedded when the process was killed. embedded_after: chunks that the second run embedded.
        chunks: in the store at the end; dense and lexical: in the indexes. Equal means none missing, none twice.
        undisturbed: chunks of the same documents ingested in one go.
    """

    killed_at: int
    embedded_after: int
    chunks: int
    dense: int
    lexical: int
    undisturbed: int
    seconds: float

    @property
    def intact(self) -> bool:
        return self.chunks == self.dense == self.lexical == self.undisturbed


def kill_and_resume(documents: Sequence[Document], kill_after: int = 1, window: int = 16) -> Crash:
    """Ingest the documents' texts, kill -9 after `kill_after` windows of `window` chunks, ingest again, and compare.

    Everything happens in temporary folders. Raises RagError if the ingestion fails by itself or ends before the kill.
    """
    from reference.rag.chunking import SectionChunker
    from reference.rag.corpus import FolderSource

    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="workbook-crash-") as place:
        source, index = Path(place) / "documents", Path(place) / "index"
        source.mkdir()
        for number, document in enumerate(documents):
            (source / f"{number:03}.txt").write_text(document.text, encoding="utf-8", errors="replace")
        chunker = SectionChunker()
        undisturbed = sum(len(chunker.chunk(read)) for read in FolderSource(source).documents())
        killed_at = _run(index, source, window, kill_after)
        if killed_at.get("store"):
            raise RagError(
                f"the ingestion was over before {kill_after} windows of {window} chunks: give more documents"
            )
        after = _run(index, source, window, None)
        return Crash(
            killed_at["done"], after["embedded"], after["store"], after["dense"], after["lexical"], undisturbed,
            time.monotonic() - begun,
        )  # fmt: skip


def _run(index: Path, source: Path, window: int, kill_after: int | None) -> dict[str, int]:
    """One ingestion in a process of its own; what it said last, and how many chunks it embedded."""
    command = [sys.executable, "-c", _PROGRAM, str(index), str(source), str(window)]
    last: dict[str, int] = {"done": 0, "embedded": 0}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            last.update(json.loads(line))
            last["embedded"] = last["done"]
            if kill_after is not None and kill_after * window <= last["done"] < last.get("of", 0):
                process.send_signal(signal.SIGKILL)
                process.wait()
                return last
        said = process.stderr.read()
    if process.returncode:
        raise RagError(f"the ingestion ended by itself with {process.returncode}: {said.strip()[-500:]}")
    return last
