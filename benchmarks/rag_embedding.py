"""The ways of running MiniLM: speed for chunks and for queries, loss of precision, share of the matmul roof."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.common import Result, rotate, spread
from benchmarks.rag_data import passages

PARAMETERS = 6 * (4 * 384 * 384 + 2 * 384 * 1536)  # of the layers' matrices; looking up a token multiplies nothing


def run(quick: bool = False) -> Result:
    import numpy as np

    from reference.rag.embedding.choice import usable_cores
    from reference.rag.embedding.onnx_minilm import OnnxMiniLM
    from reference.rag.embedding.torch_minilm import TorchMiniLM

    texts, asked, rounds = (32, 20, 1) if quick else (200, 200, 3)
    data = passages(texts, asked)
    chunks = [chunk.embedded_text for chunk in data.chunks]
    cores = usable_cores()
    backends: dict[str, Any] = {
        "torch float32": TorchMiniLM("float32", "cpu", workers=cores),
        "torch bfloat16": TorchMiniLM("bfloat16", "cpu", workers=cores),
        "onnxruntime float32": OnnxMiniLM("fp32", workers=cores),
        "onnxruntime int8": OnnxMiniLM("int8", workers=cores),
    }
    exact = backends["torch float32"].embed(chunks)
    tokens = sum(map(len, backends["torch float32"].tokenise(chunks)))
    result = Result(
        "rag_embedding",
        "Which way of running MiniLM is fastest, and what does it lose?",
        {
            "chunks": f"{texts}, {tokens / texts:.0f} tokens each on average; {data.note}",
            "queries": f"{len(data.queries)}, eight words each, one by one",
            "threads": f"{cores} batches at a time, one core each; queries on one core",
            "rounds": f"{rounds}, backends in turn",
        },
    )
    rates: dict[str, dict[str, list[float]]] = {name: {"chunks": [], "queries": []} for name in backends}
    for name, embedder in backends.items():
        found = embedder.embed(chunks)
        least = float(np.min((found * exact).sum(axis=1)))
        result.rows.append({"target": name, "metric": "least cosine with float32", "unit": "", **spread([least], 4)})
    for _, name in rotate(list(backends), rounds):
        begun = time.perf_counter()
        backends[name].embed(chunks)
        rates[name]["chunks"].append(texts / (time.perf_counter() - begun))
        begun = time.perf_counter()
        for query in data.queries:
            backends[name].embed([query])
        rates[name]["queries"].append(len(data.queries) / (time.perf_counter() - begun))
    for name, found in rates.items():
        result.rows.append({"target": name, "metric": "chunks", "unit": "1/s", **spread(found["chunks"])})
        per_second = [rate * tokens / texts for rate in found["chunks"]]
        result.rows.append({"target": name, "metric": "tokens", "unit": "1/s", **spread(per_second)})
        result.rows.append({"target": name, "metric": "queries", "unit": "1/s", **spread(found["queries"])})
    for kind in ("float32", "bfloat16"):
        roofs = [matmul_roof(kind, quick) for _ in range(rounds)]
        result.rows.append({"target": f"matmul {kind}", "metric": "roof", "unit": "GFLOP/s", **spread(roofs)})
        rate = spread(rates[f"torch {kind}"]["chunks"])["median"] * tokens / texts
        share = rate * 2 * PARAMETERS / 1e9 / spread(roofs)["median"]
        result.conclusions.append(
            f"torch {kind}: {rate:.0f} tokens/s, {share:.0%} of the measured matmul roof (layers' matrices only)."
        )
    for metric in ("chunks", "queries"):
        best = max(rates, key=lambda name: spread(rates[name][metric])["median"])
        result.conclusions.append(f"Fastest for {metric}: {best}.")
    return result


def matmul_roof(kind: str, quick: bool) -> float:
    """GFLOP/s of one large product on all cores: what no model can exceed."""
    import torch

    from reference.rag.embedding.choice import usable_cores

    torch.set_num_threads(usable_cores())
    size = 512 if quick else 2048
    one, other = (torch.randn(size, size).to(getattr(torch, kind)) for _ in range(2))
    one @ other
    begun, products = time.perf_counter(), 0
    while (spent := time.perf_counter() - begun) < (0.1 if quick else 2.0):
        one @ other
        products += 1
    return products * 2 * size**3 / spent / 1e9
