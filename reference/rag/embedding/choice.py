"""Which embedder is taken, and which way of running it, unless one is asked for.

MiniLM, unless WORKBOOK_EMBEDDER or an index that exists names all-mpnet-base-v2 (`mpnet`).

Queries come one by one and want little latency: int8 on onnxruntime. Indexing wants throughput and exact vectors:
bfloat16 on torch, where the processor computes it (or a GPU does), costs no more than int8 and loses less.
benchmarks/rag_embedding.py measures both.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from reference.rag.embedding import mpnet_files
from reference.rag.embedding.minilm import WINDOW, MiniLM
from reference.rag.embedding.projection import Projection
from reference.rag.embedding.sentence_encoder import SentenceEncoder
from reference.rag.types import RagError

VARIABLE = "WORKBOOK_EMBEDDER"
EMBEDDERS = ("minilm", "mpnet")


def chosen_embedder(named: str | None = None, of_index: str = "") -> str:
    """One of EMBEDDERS: `named`, else WORKBOOK_EMBEDDER, else that of the index (its manifest's name), else minilm.

    Raises RagError for a name that is none of them. Whether it fits the index is checked where that is opened.
    """
    name = named or os.environ.get(VARIABLE, "")
    if name and name not in EMBEDDERS:
        whence = "the embedder" if named else VARIABLE
        raise RagError(f"{whence} {name!r}: choose from {', '.join(EMBEDDERS)}")
    return name or ("mpnet" if of_index.startswith(f"{mpnet_files.MODEL_ID}@") else "minilm")


def query_embedder(named: str | None = None, of_index: str = "") -> SentenceEncoder:
    """For queries to an index whose manifest names `of_index`; one of each kind for the whole process."""
    return default_query_embedder() if chosen_embedder(named, of_index) == "minilm" else _mpnet_for_queries()


def index_embedder(named: str | None = None, of_index: str = "") -> SentenceEncoder:
    """For chunks; `of_index` is the name in the manifest of an index that is written further, empty for a new one."""
    if chosen_embedder(named, of_index) == "minilm":
        return default_index_embedder()
    import torch

    from reference.rag.embedding.torch_mpnet import TorchMPNet

    if torch.cuda.is_available():
        return TorchMPNet("bfloat16", "cuda")
    return TorchMPNet("bfloat16" if has_bfloat16() else "float32", "cpu", workers=usable_cores())


@cache
def _mpnet_for_queries() -> SentenceEncoder:
    from reference.rag.embedding.torch_mpnet import TorchMPNet

    return TorchMPNet("float32")


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
    """Cores that this process may use, where the system tells, else all of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
