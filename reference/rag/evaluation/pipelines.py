"""The stages of retrieval switched on one after another, as functions from a query to chunk ids."""

from __future__ import annotations

from typing import Any

from reference.rag.evaluation.ablation import Pipeline
from reference.rag.expansion import Expander, RuleExpander
from reference.rag.interfaces import DenseIndex, Embedder, LexicalIndex, Reranker
from reference.rag.query.searcher import Searcher
from reference.rag.query.settings import SearchSettings
from reference.rag.types import PUBLIC, chunk_ids

# What each is compared with.
BASES = {
    "dense": "BM25",
    "hybrid (RRF)": "dense",
    "hybrid + expansion": "hybrid (RRF)",
    "hybrid + rerank": "hybrid (RRF)",
}
DEPTH = 20  # hits that metrics look at, and candidates of the reranker
# A pause of the machine is no fault of the vectors: given up, they would be missing from what is measured, and `dense`
# alone would have nothing to answer with.
PATIENCE_S = 600.0


def staged_pipelines(
    dense: DenseIndex,
    lexical: LexicalIndex,
    embedder: Embedder,
    reranker: Reranker | None = None,
    expander: Expander | None = None,
    tenants: tuple[str, ...] = (PUBLIC,),
) -> dict[str, Pipeline]:
    """BM25; dense; hybrid; hybrid + expansion (by rules unless another expander is given); hybrid + rerank.

    Nothing is skipped for being confident and there is no deadline: every stage that is named runs.
    """
    settings = SearchSettings(skip_rerank_above=2.0, dense_timeout_s=PATIENCE_S)

    def feedback(query: str, names: Any) -> list[Any]:
        return lexical.search([query], 5, list(names))[0]

    rules = expander or RuleExpander(feedback)
    searchers: dict[str, tuple[Searcher, bool]] = {
        "BM25": (Searcher(None, lexical, settings=settings), False),
        "dense": (Searcher(dense, None, embedder, settings=settings), False),
        "hybrid (RRF)": (Searcher(dense, lexical, embedder, settings=settings), False),
        "hybrid + expansion": (Searcher(dense, lexical, embedder, expander=rules, settings=settings), True),
    }
    if reranker is not None:
        searchers["hybrid + rerank"] = (Searcher(dense, lexical, embedder, reranker, settings=settings), False)

    def pipeline(searcher: Searcher, expand: bool) -> Pipeline:
        return lambda query: chunk_ids(searcher.search(query, tenants, DEPTH, expand=expand).hits)

    return {name: pipeline(searcher, expand) for name, (searcher, expand) in searchers.items()}
