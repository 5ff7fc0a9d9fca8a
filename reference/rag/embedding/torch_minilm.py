"""MiniLM on torch: bfloat16 or float32, on a GPU where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.rag.embedding.bert import build_encoder
from reference.rag.embedding.minilm import WINDOW, MiniLM
from reference.rag.minilm_files import minilm_folder
from reference.rag.types import RagError

if TYPE_CHECKING:
    from reference.rag.embedding.projection import Projection

DTYPES = ("bfloat16", "float32")


class TorchMiniLM(MiniLM):
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
        if dtype not in DTYPES:
            raise RagError(f"dtype={dtype!r}: choose from {', '.join(DTYPES)}")
        import torch

        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.backend = f"torch {dtype} {self.device}"
        try:
            self._encoder = build_encoder(minilm_folder()).to(device=self.device, dtype=getattr(torch, dtype))
        except (RuntimeError, AssertionError) as error:  # torch has no better type for "no such device"
            raise RagError(f"device={self.device!r} cannot be used: {error}") from error

    def start_worker(self) -> None:
        import torch

        torch.set_num_threads(1)  # of this thread: OpenMP keeps it per thread

    def run(self, ids: Any, mask: Any, tokens: bool) -> tuple[Any, Any]:
        import torch

        with torch.inference_mode():
            sentences, states = self._encoder(
                torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)
            )
            return sentences.cpu().numpy(), states.float().cpu().numpy() if tokens else None
