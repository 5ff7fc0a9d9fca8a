"""Which way of running MiniLM is taken unless one is asked for.

Queries come one by one and want little latency: int8 on onnxruntime. Indexing wants throughput and exact vectors:
bfloat16 on torch, where the processor computes it (or a GPU does), costs no more than int8 and loses less.
benchmarks/rag_embedding.py measures both.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from reference.rag.embedding.minilm import WINDOW, MiniLM
from reference.rag.embedding.projection import Projection


@cache
def default_query_embedder() -> MiniLM:
    """For queries; one for the whole process."""
    from reference.rag.embedding.onnx_minilm import OnnxMiniLM

    return OnnxMiniLM("int8")


def default_index_embedder(
    max_tokens: int = WINDOW, workers: int | None = None, projection: Projection | None = None
) -> MiniLM:
    """For chunks: the GPU if there is one, else bfloat16 on all cores, else (processors without it) int8.

    `workers`: batches at the same time, one core each; default all cores this process may use.
    """
    import torch

    from reference.rag.embedding.torch_minilm import TorchMiniLM

    if torch.cuda.is_available():
        return TorchMiniLM("bfloat16", "cuda", max_tokens, projection=projection)
    workers = workers or usable_cores()
    if has_bfloat16():
        return TorchMiniLM("bfloat16", "cpu", max_tokens, workers=workers, projection=projection)
    from reference.rag.embedding.onnx_minilm import OnnxMiniLM

    return OnnxMiniLM("int8", max_tokens, workers=workers, projection=projection)


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; without that torch emulates it slowly."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags))


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
