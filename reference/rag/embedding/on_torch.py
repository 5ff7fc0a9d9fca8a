"""What embedders on torch share: where the weights lie, of which type they are, and how a batch runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference.rag.types import RagError

DTYPES = ("bfloat16", "float32")


class OnTorch:
    """Mixed into a `SentenceEncoder`, before it."""

    device: str
    backend: str
    _encoder: Any

    def start_on(self, dtype: str, device: str | None, build: Callable[[], Any]) -> None:
        """Puts the module that `build` makes on `device` (None: the GPU if there is one), with weights of `dtype`.

        Raises RagError for another dtype than those of DTYPES, and for a device that is not there.
        """
        if dtype not in DTYPES:
            raise RagError(f"dtype={dtype!r}: choose from {', '.join(DTYPES)}")
        import torch

        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.backend = f"torch {dtype} {self.device}"
        encoder = build()
        try:
            self._encoder = encoder.to(device=self.device, dtype=getattr(torch, dtype))
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
