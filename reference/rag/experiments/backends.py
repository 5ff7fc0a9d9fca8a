"""Ways of running one embedding model, compared: passages per second, and how far their vectors are from fp32's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any


def compare_backends(texts: Sequence[str], repeats: int = 3) -> list[dict[str, Any]]:
    """One row per backend: `backend`, `per_second` (median), `all`, `cosine` (lowest of any text against torch fp32).

    Backends take turns in every repeat, so that a slow moment of the machine does not hit one of them alone. Each runs
    on all cores. Raises ValueError for no text.
    """
    from reference.rag.embedding.choice import usable_cores
    from reference.rag.embedding.onnx_minilm import OnnxMiniLM
    from reference.rag.embedding.torch_minilm import TorchMiniLM

    if not texts:
        raise ValueError("texts: at least one passage is needed to compare backends")
    workers = usable_cores()
    backends = {
        "torch fp32": TorchMiniLM("float32", workers=workers),
        "torch bf16": TorchMiniLM("bfloat16", workers=workers),
        "onnxruntime fp32": OnnxMiniLM("fp32", workers=workers),
        "onnxruntime int8": OnnxMiniLM("int8", workers=workers),
    }
    vectors = {name: backend.embed(texts) for name, backend in backends.items()}  # warms up as well
    rates: dict[str, list[float]] = {name: [] for name in backends}
    for _ in range(repeats):
        for name, backend in backends.items():
            begun = time.perf_counter()
            backend.embed(texts)
            rates[name].append(len(texts) / (time.perf_counter() - begun))
    exact = vectors["torch fp32"]
    return [
        {"backend": name, "per_second": median(rates[name]), "all": rates[name],
         "cosine": float((vectors[name] * exact).sum(axis=1).min())}
        for name in backends
    ]  # fmt: skip
