"""MiniLM: its settings and its token vectors, whatever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from reference.rag.embedding.sentence_encoder import SentenceEncoder, check_texts
from reference.rag.minilm_files import MODEL_ID, SHA256, SPECIAL_TOKENS, WINDOW, minilm_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from reference.rag.embedding.projection import Projection

DIMENSION = 384
NAME = f"{MODEL_ID}@{SHA256['model.safetensors'][:12]}"


class MiniLM(SentenceEncoder):
    """Embedder and TokenEmbedder; a backend adds `run`.

    Args:
        max_tokens: texts are cut to so many tokens, [CLS] and [SEP] included. The model was trained with 256 and has
            positions for 512: what is beyond 256 is read, but not as trained.
        projection: of token vectors; None takes the one that comes with the package (see projection.py).
        workers: batches that are computed at the same time, each in a thread of its own.
    """

    name = NAME
    dimension = DIMENSION
    window = WINDOW
    special_tokens = SPECIAL_TOKENS

    def __init__(self, max_tokens: int = WINDOW, projection: Projection | None = None, workers: int = 1) -> None:
        super().__init__(max_tokens, workers)
        self._projection = projection

    @property
    def tokenizer(self) -> Tokenizer:
        return minilm_tokenizer()

    @property
    def projection(self) -> Projection:
        if self._projection is None:
            from reference.rag.embedding.projection import default_projection

            self._projection = default_projection()
        return self._projection

    @property
    def token_dimension(self) -> int:
        return self.projection.token_dimension

    def embed_with_tokens(self, texts: Sequence[str]) -> tuple[Any, list[Any]]:
        """Sentence vectors as `embed`, and per text the unit vectors float32 [content tokens, token_dimension].

        Content tokens are those with a letter or digit: neither [CLS], [SEP] nor punctuation. A text may have none.
        """
        import numpy as np

        check_texts(texts)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        token_vectors: list[Any] = [None] * len(texts)
        content = content_tokens()
        projection = self.projection

        def work(batch: tuple[list[int], Any, Any]) -> None:
            rows, ids, mask = batch
            vectors[rows], states = self.run(ids, mask, tokens=True)
            kept = (mask > 0) & content[ids]
            ends = np.cumsum(kept.sum(axis=1))
            for row, part in zip(rows, np.split(projection.apply(states[kept]), ends[:-1]), strict=True):
                token_vectors[row] = part

        self._each(work, self.tokenise(texts))
        return vectors, token_vectors


@cache
def content_tokens() -> Any:
    """bool [vocabulary]: whether the token has a letter or a digit and is no special token."""
    import numpy as np

    tokenizer = minilm_tokenizer()
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    found = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
    for token, number in vocabulary.items():
        special = token.startswith("[") and token.endswith("]") and len(token) > 2
        found[number] = not special and any(letter.isalnum() for letter in token)
    return found
