"""all-mpnet-base-v2 on torch: 768 dimensions, 384 tokens, about eight times MiniLM's arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference.rag.embedding.mpnet_encoder import build_mpnet
from reference.rag.embedding.mpnet_files import MODEL_ID, SHA256, SPECIAL_TOKENS, WINDOW, mpnet_folder, mpnet_tokenizer
from reference.rag.embedding.on_torch import OnTorch
from reference.rag.embedding.sentence_encoder import SentenceEncoder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = f"{MODEL_ID}@{SHA256['model.safetensors'][:12]}"


class TorchMPNet(OnTorch, SentenceEncoder):
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
        self.start_on(dtype, device, lambda: build_mpnet(mpnet_folder()))

    @property
    def tokenizer(self) -> Tokenizer:
        return mpnet_tokenizer()
