"""What every way of running an encoder shares: tokens, batches of like length, restored order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from reference.rag.types import RagError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH_TEXTS = 32
LEAST_FILLED = 0.75  # of the longest text's length: a shorter text waits for a batch of its kind, padding costs as text
BATCH_TOKENS = 8192  # of one batch, padding included: bounds its memory


class SentenceEncoder:
    """Embedder; a model adds its settings and `tokenizer`, a backend adds `run`.

    Args:
        max_tokens: texts are cut to so many tokens, special tokens included; default `window`.
        workers: batches that are computed at the same time, each in a thread of its own.

    Attributes:
        window: tokens that the model was trained with; chunkers fill it. What is beyond is read, but not as trained.
        most_tokens: that the model has positions for.
        special_tokens: what the tokenizer adds to each text.
        backend: how vectors are computed. Those of all backends are comparable, so they share one `name`.
    """

    name = ""
    dimension = 0
    window = 0
    most_tokens = 512
    special_tokens = 2
    backend = ""

    def __init__(self, max_tokens: int | None = None, workers: int = 1) -> None:
        max_tokens = self.window if max_tokens is None else max_tokens
        if workers < 1:
            raise RagError(f"workers={workers}: at least one")
        if not self.special_tokens < max_tokens <= self.most_tokens:
            raise RagError(
                f"max_tokens={max_tokens}: must be above {self.special_tokens} and at most {self.most_tokens}"
            )
        self.max_tokens = max_tokens
        self.workers = workers
        self._pool: ThreadPoolExecutor | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own, without truncation and padding; shared, so leave its settings alone."""
        raise NotImplementedError

    def run(self, ids: Any, mask: Any, tokens: bool) -> tuple[Any, Any]:
        """int64 ids and mask [b, t] -> float32 sentences [b, dimension], tokens [b, t, dimension] (None: unwanted)."""
        raise NotImplementedError

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of every text with the special tokens, cut to `max_tokens`."""
        encoded = self.tokenizer.encode_batch([printable(text) for text in texts])
        cut = []
        for encoding in encoded:
            ids = encoding.ids
            cut.append(ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - 1], ids[-1]])
        return cut

    def embed(self, texts: Sequence[str]) -> Any:
        """float32 [len(texts), dimension], rows of length one, in the order of `texts`."""
        import numpy as np

        check_texts(texts)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)

        def work(batch: tuple[list[int], Any, Any]) -> None:
            rows, ids, mask = batch
            vectors[rows] = self.run(ids, mask, tokens=False)[0]

        self._each(work, self.tokenise(texts))
        return vectors

    def _each(self, work: Callable[[tuple[list[int], Any, Any]], None], tokenised: Sequence[Sequence[int]]) -> None:
        """`work` on every batch, `workers` at a time."""
        found = list(batches(tokenised))
        if self.workers == 1 or not found:
            for batch in found:
                work(batch)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.workers, "encoder", initializer=self.start_worker)
        for _ in self._pool.map(work, found):
            pass

    def start_worker(self) -> None:
        """Called once in every worker thread."""


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
        ids = np.zeros((len(rows), longest), dtype=np.int64)  # padding is masked: any token will do
        mask = np.zeros_like(ids)
        for line, row in enumerate(rows):
            ids[line, : len(tokenised[row])] = tokenised[row]
            mask[line, : len(tokenised[row])] = 1
        yield rows, ids, mask


def check_texts(texts: Sequence[str]) -> None:
    """Raises RagError for one text in place of a list, which would be embedded letter by letter."""
    if isinstance(texts, str):
        raise RagError("embed takes a list of texts; put the one text into a list")


def printable(text: str) -> str:
    """Without lone surrogates, which the tokenizer refuses."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
