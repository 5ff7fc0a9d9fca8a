"""What an ingestion takes where nothing is named, and chunks as they can be stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from reference.rag.ingest import manifest as manifests
from reference.rag.types import Chunk


def embedder_of(folder: Path, named: str | None = None) -> Any:
    """`named`, WORKBOOK_EMBEDDER's, or the one that `folder` was begun with; MiniLM for a new folder."""
    from reference.rag.embedding.choice import index_embedder

    begun = (folder / manifests.NAME).exists()
    return index_embedder(named, manifests.read(folder).embedder if begun else "")


def chunker_for(embedder: Any) -> Any:
    """Sections in the embedder's own tokens that fill the window it was trained with; MiniLM's if it names none."""
    from reference.rag.chunking import SectionChunker

    window = getattr(embedder, "window", None)
    if window is None:
        return SectionChunker()
    return SectionChunker(window - embedder.special_tokens, tokenizer=embedder.tokenizer)


def storable(chunk: Chunk) -> Chunk:
    """Without lone surrogates, which neither SQLite nor the engine stores."""

    def clean(text: str) -> str:
        return text.encode("utf-8", "replace").decode("utf-8")

    texts = (chunk.text, chunk.title, chunk.source, *chunk.path)
    if all(clean(text) == text for text in texts):
        return chunk
    path = tuple(clean(part) for part in chunk.path)
    return replace(chunk, text=clean(chunk.text), title=clean(chunk.title), source=clean(chunk.source), path=path)
