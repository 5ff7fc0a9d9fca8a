"""What every way of running MiniLM shares: tokens, batches of like length, restored order, token vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

from reference.rag.minilm_files import MODEL_ID, SHA256, SPECIAL_TOKENS, WINDOW, minilm_tokenizer
from reference.rag.types import RagError

if TYPE_CHECKING:
    from reference.rag.embedding.projection import Projection

DIMENSION = 384
NAME = f"{MODEL_ID}@{SHA256['model.safetensors'][:12]}"
MOST_TOKENS = 512  # positions that the model has
BATCH_TEXTS = 32
LEAST_FILLED = 0.75  # of the longest text's length: a shorter text waits for a batch of its kind, padding costs as text
BATCH_TOKENS = 8192  # of one batch, padding included: bounds its memory


class MiniLM:
    """Embedder and TokenEmbedder; a backend adds `run`.

    Args:
        max_tokens: texts are cut to so many tokens, [CLS] and [SEP] included. The model was trained with 256 and has
            positions for 512: what is beyond 256 is read, but not as trained.
        projection: of token vectors; None takes the one that comes with the package (see projection.py).
        workers: batches that are computed at the same time, each in a thread of its own.

    Vectors of all backends are comparable, so they share one `name`; `backend` says how they are computed.
    """

    name = NAME
    dimension = DIMENSION
    backend = ""

    def __init__(self, max_tokens: int = WINDOW, projection: Projection | None = None, workers: int = 1) -> None:
        if workers < 1:
            raise RagError(f"workers={workers}: at least one")
        if not SPECIAL_TOKENS < max_tokens <= MOST_TOKENS:
            raise RagError(f"max_tokens={max_tokens}: must be above {SPECIAL_TOKENS} and at most {MOST_TOKENS}")
        self.max_tokens = max_tokens
        self.workers = workers
        self._projection = projection
        self._pool: ThreadPoolExecutor | None = None

    @property
    def projection(self) -> Projection:
        if self._projection is None:
            from reference.rag.embedding.projection import default_projection

            self._projection = default_projection()
        return self._projection

    @property
    def token_dimension(self) -> int:
        return self.projection.token_dimension

    def run(self, ids: Any, mask: Any, tokens: bool) -> tuple[Any, Any]:
        """int64 ids and mask [b, t] -> float32 sentences [b, 384], tokens [b, t, 384] (or None: unwanted)."""
        raise NotImplementedError

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of every text with [CLS] and [SEP], cut to `max_tokens`."""
        encoded = minilm_tokenizer().encode_batch([_printable(text) for text in texts])
        cut = []
        for encoding in encoded:
            ids = encoding.ids
            cut.append(ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - 1], ids[-1]])
        return cut

    def embed(self, texts: Sequence[str]) -> Any:
        """float32 [len(texts), 384], rows of length one, in the order of `texts`."""
        import numpy as np

        _check(texts)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)

        def work(batch: tuple[list[int], Any, Any]) -> None:
            rows, ids, mask = batch
            vectors[rows] = self.run(ids, mask, tokens=False)[0]

        self._each(work, self.tokenise(texts))
        return vectors

    def embed_with_tokens(self, texts: Sequence[str]) -> tuple[Any, list[Any]]:
        """Sentence vectors as `embed`, and per text the unit vectors float32 [content tokens, token_dimension].

        Content tokens are those with a letter or digit: neither [CLS], [SEP] nor punctuation. A text may have none.
        """
        import numpy as np

        _check(texts)
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

    def _each(self, work: Callable[[tuple[list[int], Any, Any]], None], tokenised: Sequence[Sequence[int]]) -> None:
        """`work` on every batch, `workers` at a time."""
        found = list(batches(tokenised))
        if self.workers == 1 or not found:
            for batch in found:
                work(batch)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.workers, "minilm", initializer=self.start_worker)
        for _ in self._pool.map(work, found):
            pass

    def start_worker(self) -> None:
        """Called once in every worker thread."""


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


def batches(tokenised: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], Any, Any]]:
    """(positions of the texts, ids int64 [b, t], mask int64 [b, t]): longest first, so padding stays small."""
    import numpy as np

    order = sorted(range(len(tokenised)), key=lambda position: (-len(tokenised[position]), position))
    start = 0
    while start < len(order):
        longest = len(tokenised[order[start]])
        rows = order[start : start + max(1, min(BATCH_TEXTS, BATCH_TOKENS // longest))]
        rows = [row for row in rows if len(tokenised[row]) >= LEAST_FILLED * longest]
        start += len(rows)
        ids = np.zeros((len(rows), longest), dtype=np.int64)  # [PAD] is token 0
        mask = np.zeros_like(ids)
        for line, row in enumerate(rows):
            ids[line, : len(tokenised[row])] = tokenised[row]
            mask[line, : len(tokenised[row])] = 1
        yield rows, ids, mask


def _check(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise RagError("embed takes a list of texts; put the one text into a list")


def _printable(text: str) -> str:
    """Without lone surrogates, which the tokenizer refuses."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
