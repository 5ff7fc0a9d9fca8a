"""all-mpnet-base-v2 on torch: 768 dimensions, 384 tokens, about eight times MiniLM's arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.rag.embedding.mpnet_encoder import build_mpnet
from reference.rag.embedding.mpnet_files import MODEL_ID, SHA256, SPECIAL_TOKENS, WINDOW, mpnet_folder, mpnet_tokenizer
from reference.rag.embedding.sentence_encoder import SentenceEncoder
from reference.rag.embedding.torch_minilm import DTYPES
from reference.rag.types import RagError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = f"{MODEL_ID}@{SHA256['model.safetensors'][:12]}"


class TorchMPNet(SentenceEncoder):
    """Embedder on `device` (None: the GPU if there is one) with weights of `dtype`.

    It makes no token vectors: the projection of the late-interaction reranker was learnt on MiniLM's. An index built
    with it is searched without that reranker.

    Raises RagError if the model is not installed; the message holds the command.
    """

    name = NAME
    dimension = 768
    window = WINDOW
    special_tokens = SPECIAL_TOKENS

    def __init__(
        self, dtype: str = "bfloat16", device: str | None = None, max_tokens: int = WINDOW, workers: int = 1
    ) -> None:
        super().__init__(max_tokens, workers)
        if dtype not in DTYPES:
            raise RagError(f"dtype={dtype!r}: choose from {', '.join(DTYPES)}")
        import torch

        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.backend = f"torch {dtype} {self.device}"
        folder = mpnet_folder()
        try:
            self._encoder = build_mpnet(folder).to(device=self.device, dtype=getattr(torch, dtype))
        except (RuntimeError, AssertionError) as error:  # torch has no better type for "no such device"
            raise RagError(f"device={self.device!r} cannot be used: {error}") from error

    @property
    def tokenizer(self) -> Tokenizer:
        return mpnet_tokenizer()

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
