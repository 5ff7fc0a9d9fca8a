"""A searcher over an index folder, with the parts that fit what the folder was built with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.rag.expansion import Expander
from reference.rag.interfaces import Reranker
from reference.rag.query.requests import SearchError
from reference.rag.query.searcher import Searcher
from reference.rag.query.settings import SearchSettings

if TYPE_CHECKING:
    from reference.rag.ingest.knowledge_base import KnowledgeBase
    from reference.serving.semantic_cache import SemanticCache


def open_searcher(
    base: KnowledgeBase,
    embedder: Any = None,
    *,
    reranker: Reranker | None = None,
    rerank: bool = True,
    expander: Expander | None = None,
    cache: SemanticCache | None = None,
    settings: SearchSettings | None = None,
    **options: Any,
) -> Searcher:
    """Hybrid search with late interaction where the folder has token vectors of the embedder's own projection.

    Args:
        embedder: its `name` must be the one of the manifest. Default: that one, unless WORKBOOK_EMBEDDER names another.
        reranker: instead of late interaction; default WORKBOOK_RERANKER's cross-encoder if that is set.
        rerank: False leaves the rerank out.
        options: further ones of `Searcher`.

    Raises:
        SearchError: the folder was built with another embedder; both names are said.
    """
    from reference.rag.rerank import ExternalCrossEncoder, LateInteractionReranker, QueryEmbedder

    if embedder is None:
        from reference.rag.embedding.choice import query_embedder

        embedder = query_embedder(of_index=base.manifest.embedder)
    manifest = base.manifest
    if embedder.name != manifest.embedder:
        raise SearchError(
            f"the index was built with the embedder {manifest.embedder}, queries would use {embedder.name}: "
            "open it with that one, or ingest again"
        )
    chosen = (reranker or ExternalCrossEncoder.from_environment()) if rerank else None
    if rerank and chosen is None and manifest.token_dimension and _same_projection(embedder, manifest.token_projection):
        embedder = QueryEmbedder(embedder)
        chosen = LateInteractionReranker(base, embedder)
    return Searcher(base.dense, base.lexical, embedder, chosen, expander, cache, settings, **options)


def _same_projection(embedder: Any, name: str) -> bool:
    projection = getattr(embedder, "projection", None)
    return projection is not None and projection.name == name
