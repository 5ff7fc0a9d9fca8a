"""Hybrid search without model and reranker: embed the query, search dense and lexical, fuse; and lexical engines."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.common import Result, spread
from benchmarks.rag_data import passages, percentile

CHUNKS = 20_000
CANDIDATES = 20


def run(quick: bool = False) -> Result:
    from reference.rag.embedding.choice import default_query_embedder, usable_cores
    from reference.rag.fusion import RankedList, reciprocal_rank_fusion
    from reference.rag.index.qdrant_edge_index import QdrantEdgeIndex
    from reference.rag.lexical.analysis import terms
    from reference.rag.lexical.edge_bm25 import EdgeBM25

    count, asked, rounds = (2000, 60, 2) if quick else (CHUNKS, 500, 5)
    data = passages(count, asked)
    tenants = sorted({chunk.tenant for chunk in data.chunks})
    embedder = default_query_embedder()
    cores = usable_cores()
    result = Result(
        "rag_hybrid",
        f"How many hybrid searches per second over {count:,} chunks?",
        {
            "chunks": data.note,
            "queries": f"{len(data.queries)} different runs of eight words from held-out chunks; nothing is cached",
            "search": f"{CANDIDATES} dense + {CANDIDATES} lexical candidates, fused by reciprocal rank",
            "embedder": embedder.backend,
            "rounds": rounds,
        },
    )

    def row(target: str, metric: str, unit: str, values: list[float]) -> None:
        result.rows.append({"target": target, "metric": metric, "unit": unit, **spread(values)})

    folder = Path(tempfile.mkdtemp(prefix="bench-hybrid-"))
    try:
        tokens = [terms(chunk.embedded_text) for chunk in data.chunks]
        average = sum(map(len, tokens)) / len(tokens)
        dense = QdrantEdgeIndex(folder / "dense", embedder.dimension, embedder.name)
        dense.upsert(data.chunks, data.vectors)
        dense.optimize()
        begun = time.perf_counter()
        lexical = EdgeBM25(folder / "lexical", average)
        lexical.upsert(data.chunks)
        lexical.optimize()
        row("qdrant-edge BM25", "build", "s", [time.perf_counter() - begun])

        def hybrid(queries: list[str]) -> Any:
            vectors = embedder.embed(queries)
            lists = zip(
                dense.search(vectors, CANDIDATES, tenants), lexical.search(queries, CANDIDATES, tenants), strict=True
            )
            return [
                reciprocal_rank_fusion([RankedList("dense", one), RankedList("lexical", other)]) for one, other in lists
            ]

        streams: list[tuple[str, Callable[[str], Any]]] = [
            ("embed the query", lambda query: embedder.embed([query])),
            ("dense", lambda query: dense.search(data.held_out[:1], CANDIDATES, tenants)),
            ("lexical", lambda query: lexical.search([query], CANDIDATES, tenants)),
            ("hybrid", lambda query: hybrid([query])),
        ]
        for name, call in streams:
            for clients in (1,) if name != "hybrid" else (1, cores):
                rates, tails = [], []
                for _ in range(rounds):
                    rate, times = stream(call, data.queries, clients)
                    rates.append(rate)
                    tails.append(percentile(times, 0.95) * 1e3)
                target = f"{name}, {clients} at a time"
                row(target, "queries", "1/s", rates)
                row(target, "p95", "ms", tails)
        rates = []
        for _ in range(rounds):
            begun = time.perf_counter()
            for start in range(0, len(data.queries), 32):
                hybrid(data.queries[start : start + 32])
            rates.append(len(data.queries) / (time.perf_counter() - begun))
        row("hybrid, batches of 32", "queries", "1/s", rates)
        _other_lexical(data, tokens, row, 5 if quick else 30)
        best = next(r for r in result.rows if r["target"] == f"hybrid, {cores} at a time" and r["metric"] == "p95")
        speed = next(r for r in result.rows if r["target"] == f"hybrid, {cores} at a time" and r["metric"] == "queries")
        result.conclusions.append(
            f"{cores} searches at a time on {cores} cores: {speed['median']:g} queries/s, p95 {best['median']:g} ms."
        )
        dense.close()
        lexical.close()
    finally:
        shutil.rmtree(folder)
    return result


def stream(call: Callable[[str], Any], queries: list[str], clients: int) -> tuple[float, list[float]]:
    """(queries per second, seconds of each) with `clients` callers that each wait for their answer."""
    call(queries[0])

    def timed(query: str) -> float:
        begun = time.perf_counter()
        call(query)
        return time.perf_counter() - begun

    begun = time.perf_counter()
    if clients == 1:
        times = [timed(query) for query in queries]
    else:
        with ThreadPoolExecutor(clients) as pool:
            times = list(pool.map(timed, queries))
    return len(queries) / (time.perf_counter() - begun), times


def _other_lexical(data: Any, tokens: list[list[int]], row: Callable[..., None], readable_queries: int) -> None:
    """The same terms in rank-bm25, and in bm25s where it is installed."""
    from reference.rag.lexical.analysis import query_terms
    from reference.rag.lexical.reference_bm25 import ReferenceBM25

    tenants = sorted({chunk.tenant for chunk in data.chunks})
    readable = ReferenceBM25()
    readable.upsert(data.chunks)
    begun = time.perf_counter()
    readable.search(data.queries[:1], CANDIDATES, tenants)
    row("rank-bm25", "build, and one query", "s", [time.perf_counter() - begun])
    rates = []
    for query in data.queries[:readable_queries]:
        begun = time.perf_counter()
        readable.search([query], CANDIDATES, tenants)
        rates.append(1 / (time.perf_counter() - begun))
    row("rank-bm25", "queries", "1/s", rates)
    try:
        import bm25s
    except ImportError:
        return
    begun = time.perf_counter()
    engine = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    engine.index([[str(term) for term in some] for some in tokens], show_progress=False)
    row("bm25s", "build", "s", [time.perf_counter() - begun])
    begun = time.perf_counter()
    for query in data.queries:
        if known := [str(term) for term in query_terms(query) if str(term) in engine.vocab_dict]:
            engine.retrieve([known], k=CANDIDATES, show_progress=False, n_threads=1)
    row("bm25s", "queries", "1/s", [len(data.queries) / (time.perf_counter() - begun)])
