"""MiniLM on torch: bfloat16 or float32, on a GPU where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference.rag.embedding.bert import build_encoder
from reference.rag.embedding.minilm import WINDOW, MiniLM
from reference.rag.embedding.on_torch import OnTorch
from reference.rag.minilm_files import minilm_folder

if TYPE_CHECKING:
    from reference.rag.embedding.projection import Projection


class TorchMiniLM(OnTorch, MiniLM):
    """MiniLM on `device` ("cpu", "cuda", ...; None: the GPU if there is one) with weights of `dtype`.

    With several `workers` each computes its batch on one core: threads that share one batch wait for each other at
    every operation, which costs most of their time where the cores have other work too.
    """

    def __init__(
        self,
        dtype: str = "bfloat16",
        device: str | None = None,
        max_tokens: int = WINDOW,
        workers: int = 1,
        projection: Projection | None = None,
    ) -> None:
        super().__init__(max_tokens, projection, workers)
        self.start_on(dtype, device, lambda: build_encoder(minilm_folder()))
