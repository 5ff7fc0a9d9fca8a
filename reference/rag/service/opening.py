"""An index folder opened with everything that can answer from it: searcher, answerer, and the writer if wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.rag.service.batching import StageFeed
from reference.rag.types import RagError

if TYPE_CHECKING:
    from reference.rag.answer import AnswerEngine, Answerer
    from reference.rag.ingest.ingestion import Ingestion
    from reference.rag.ingest.knowledge_base import KnowledgeBase
    from reference.rag.query import Searcher
    from reference.serving.semantic_cache import SemanticCache


class NoSuchIndex(RagError):
    """There is no index of this name; the message names those that exist."""


@dataclass
class OpenIndex:
    """What `open_index` opened. `notes`: what is missing, in words for the user."""

    base: KnowledgeBase
    searcher: Searcher
    answerer: Answerer
    documents: Ingestion | None
    stages: StageFeed
    notes: list[str] = field(default_factory=list)


def existing_index(name: str) -> Path:
    """Folder of the named index. Raises NoSuchIndex, or RagError for a name that cannot be one."""
    from reference.rag.ingest.folders import index_folder, index_names

    folder = index_folder(name)
    names = index_names()
    if name not in names:
        there = f"there are: {', '.join(names)}" if names else "there is none yet"
        raise NoSuchIndex(f"there is no index {name!r} ({there}); make it with `workbook ingest PATH --name {name}`")
    return folder


@contextlib.contextmanager
def open_index(
    folder: Path | str,
    *,
    embedder: Any = None,
    writable: bool = False,
    llm: bool = True,
    cache: SemanticCache | None = None,
) -> Iterator[OpenIndex]:
    """Opens an index until the `with` block ends.

    Args:
        embedder: for queries; default the index's own. With `writable` it also embeds new documents.
        writable: take single documents; the folder must be free, and nobody else can open it meanwhile.
        llm: answer with the shared engine if one is running now (none is started), and with the engine of
            WORKBOOK_LARGE_ENGINE_URL. Without any, answers are quotations.
        cache: of search results.

    Raises:
        RagError: the folder is no finished index, in use, or of another embedder; the message says which.
    """
    from reference.rag.answer import Answerer, large_engine_from_environment
    from reference.rag.expansion import RuleExpander
    from reference.rag.ingest.ingestion import Ingestion
    from reference.rag.ingest.knowledge_base import KnowledgeBase
    from reference.rag.query.opening import open_searcher

    if embedder is None:
        from reference.rag.embedding.choice import query_embedder
        from reference.rag.ingest import manifest as manifests

        embedder = query_embedder(of_index=manifests.read(Path(folder)).embedder)
    notes: list[str] = []
    feed = StageFeed()
    with contextlib.ExitStack() as stack:
        writer: Ingestion | None = None
        if writable:
            writer = stack.enter_context(Ingestion(folder, embedder))
            base = writer.knowledge_base
        else:
            base = stack.enter_context(KnowledgeBase.open(folder))
        lexical = base.lexical

        def feedback(query: str, tenants: Any) -> Any:
            return lexical.search([query], 5, tenants)[0]

        searcher = open_searcher(base, embedder, expander=RuleExpander(feedback), cache=cache, observer=feed)
        small = running_engine(notes) if llm else None
        large = large_engine_from_environment() if llm else None
        yield OpenIndex(base, searcher, Answerer(embedder.embed, small, large), writer, feed, notes)


def running_engine(notes: list[str]) -> AnswerEngine | None:
    """The shared engine if it runs; otherwise None, and a line in `notes` that says why."""
    from reference.rag.answer import answer_engine
    from reference.serving import engine

    now = engine.status()
    if now.phase not in ("ready", "external"):
        why = f"failed ({now.message})" if now.phase == "failed" else f"is {now.phase}"
        notes.append(f"no language model: the engine {why}; `workbook serve` starts it")
        return None
    try:
        return answer_engine(engine.shared_engine(progress=None))
    except engine.EngineError as error:
        notes.append(f"no language model: {error}")
        return None
