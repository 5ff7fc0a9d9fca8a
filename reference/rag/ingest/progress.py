"""How far an ingestion is, and how long it will take, from the tokens that are left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report.

    Attributes:
        phase: "read" or "embed".
        documents: read so far.
        chunks: in the index when it is finished; 0 while documents are still read.
        chunks_done, chunks_total: of the chunks that this run embeds.
        tokens_done, tokens_total: the same in tokens; cost goes with tokens, not with chunks.
        tokens_per_second: of this run's embedding so far.
        seconds_left: None while it cannot be known.
    """

    phase: str
    documents: int
    chunks: int = 0
    chunks_done: int = 0
    chunks_total: int = 0
    tokens_done: int = 0
    tokens_total: int = 0
    tokens_per_second: float = 0.0
    seconds_left: float | None = None


class Meter:
    """Makes the reports and hands them to `listener`."""

    def __init__(
        self, listener: Callable[[Progress], None] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._last = Progress("read", 0)
        self._begun = 0.0

    def reading(self, documents: int) -> None:
        self._tell(Progress("read", documents))

    def begin_embedding(self, documents: int, chunks: int, chunks_total: int, tokens_total: int) -> None:
        self._begun = self._clock()
        self._tell(Progress("embed", documents, chunks, 0, chunks_total, 0, tokens_total))

    def embedded(self, chunks: int, tokens: int) -> None:
        last = self._last
        tokens_done = last.tokens_done + tokens
        rate = tokens_done / max(self._clock() - self._begun, 1e-9)
        self._tell(
            Progress(
                "embed",
                last.documents,
                last.chunks,
                last.chunks_done + chunks,
                last.chunks_total,
                tokens_done,
                last.tokens_total,
                rate,
                (last.tokens_total - tokens_done) / rate if rate > 0 else None,
            )
        )

    def _tell(self, progress: Progress) -> None:
        self._last = progress
        if self._listener is not None:
            self._listener(progress)
