"""Dense search over as many vectors as the source's design has: recall, speed, memory, build time."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import Result, spread
from benchmarks.rag_data import passages, percentile

VECTORS = 167_000
EF = (64, 128, 256, 512)


def run(quick: bool = False) -> Result:
    import numpy as np

    from reference.rag.index.qdrant_edge_index import Hnsw, QdrantEdgeIndex

    count, asked, rounds = (3000, 100, 1) if quick else (VECTORS, 500, 3)
    data = passages(count, asked)
    tenants = sorted({chunk.tenant for chunk in data.chunks})
    exact = np.argsort(-(data.held_out @ data.vectors.T), axis=1)[:, :10]
    truth = [{data.chunks[i].id for i in row} for row in exact]
    settings = {"float32": Hnsw(), "int8": Hnsw(quantised=True)}
    result = Result(
        "rag_vectors",
        f"How good and how fast is dense search over {count:,} vectors?",
        {
            "vectors": data.note,
            "queries": f"{len(data.held_out)} vectors of held-out chunks, one by one, from one thread",
            "graph": f"m={Hnsw().m}, ef_construct={Hnsw().ef_construct}",
            "recall": "share of the exact ten nearest among the ten found",
        },
    )

    def row(target: str, metric: str, unit: str, values: list[float]) -> None:
        result.rows.append({"target": target, "metric": metric, "unit": unit, **spread(values)})

    for name, hnsw in settings.items():
        folder = Path(tempfile.mkdtemp(prefix="bench-vectors-"))
        try:
            before = resident()
            index = QdrantEdgeIndex(folder / "dense", data.vectors.shape[1], "bench", hnsw)
            begun = time.perf_counter()
            for start in range(0, count, 2000):
                index.upsert(data.chunks[start : start + 2000], data.vectors[start : start + 2000])
            index.flush()
            written = time.perf_counter() - begun
            index.optimize()
            row(name, "write", "s", [written])
            row(name, "build the graph", "s", [time.perf_counter() - begun - written])
            row(name, "on disk", "MB", [sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6])
            for ef in EF:
                recalls, rates, tails = [], [], []
                for _ in range(rounds):
                    found, times = measure(index, data.held_out, tenants, ef)
                    recalls.append(float(np.mean([len(a & b) / 10 for a, b in zip(found, truth, strict=True)])))
                    rates.append(len(times) / sum(times))
                    tails.append(percentile(times, 0.95) * 1e3)
                row(name, f"recall@10, ef={ef}", "", recalls)
                row(name, f"queries, ef={ef}", "1/s", rates)
                row(name, f"p95, ef={ef}", "ms", tails)
            row(name, "memory of the process, after searching, above before", "MB", [(resident() - before) / 1e6])
            index.close()
        finally:
            shutil.rmtree(folder)
    for name in settings:
        good = [ef for ef in EF if value(result, name, f"recall@10, ef={ef}") >= 0.97]
        if good:
            rate = value(result, name, f"queries, ef={good[0]}")
            result.conclusions.append(f"{name}: recall@10 of 0.97 is reached at ef={good[0]}, at {rate:g} queries/s.")
        else:
            result.conclusions.append(f"{name}: recall@10 of 0.97 is not reached up to ef={EF[-1]}.")
    return result


def measure(index: Any, queries: Any, tenants: list[str], ef: int) -> tuple[list[set[str]], list[float]]:
    found, times = [], []
    for vector in queries:
        begun = time.perf_counter()
        hits = index.search(vector[None], 10, tenants, ef=ef)[0]
        times.append(time.perf_counter() - begun)
        found.append({hit.chunk.id for hit in hits})
    return found, times


def value(result: Result, target: str, metric: str) -> float:
    return next(float(r["median"]) for r in result.rows if (r["target"], r["metric"]) == (target, metric))


def resident() -> float:
    """Bytes of this process in memory, mapped files included."""
    import psutil

    return float(psutil.Process(os.getpid()).memory_info().rss)
