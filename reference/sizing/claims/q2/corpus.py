"""Question 2, documents: chunks, vectors, memory, and how long it takes to embed them all."""

from __future__ import annotations

import math

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, not_above, over_range
from reference.sizing.hardware import accelerator
from reference.sizing.units import Q, Quantity, magnitude, show

from .assumptions import Q2Assumptions
from .stages import encoder_time, store_memory


@claim(
    "q2.words-per-document",
    question=2,
    statement="A document of 10 pages has 5,000 words.",
    stated=5000,
)
def words_per_document(a: Q2Assumptions, stated: float) -> Outcome:
    words = a.pages_per_document * a.words_per_page
    return close_to(stated, words, f"{a.pages_per_document:g} pages x {a.words_per_page:g} words", 0.2)


@claim(
    "q2.chunks",
    question=2,
    statement="10,000 documents of 5,000 words in chunks of 300 words make about 167,000 chunks.",
    stated=167_000,
)
def chunks(a: Q2Assumptions, stated: float) -> Outcome:
    text = f"{a.documents:,} x {a.words_per_document:,.0f} / {a.words_per_chunk:g} = {a.chunks:,.0f}, without overlap"
    return close_to(stated, a.chunks, text, 0.01)


def _windows(a: Q2Assumptions, tokens_per_word: float) -> int:
    """Chunks of all documents, cut into windows of `chunk_tokens` that share `chunk_overlap`."""
    tokens = a.words_per_document * tokens_per_word
    step = a.chunk_tokens - a.chunk_overlap
    return a.documents * max(1, math.ceil((tokens - a.chunk_overlap) / step - 1e-9))


@claim(
    "q2.chunks-of-512-50",
    question=2,
    statement="Windows of 512 tokens that overlap by 50 make no more than those 167,000 chunks.",
    stated=167_000,
    implied=True,
)
def token_windows(a: Q2Assumptions, stated: float) -> Outcome:
    made = _windows(a, a.tokens_per_word)
    fresh = (a.chunk_tokens - a.chunk_overlap) / a.tokens_per_word
    return over_range(
        made,
        lambda ratio: _windows(a, ratio) <= stated,
        variable="tokens per word",
        low=a.tokens_per_word_low,
        high=a.tokens_per_word_high,
        search=(0.8, 3.0),
        reason=f"at {a.tokens_per_word:.3g} tokens a word a window adds {fresh:.0f} new words, not "
        f"{a.words_per_chunk:g}, and there are {made:,} windows",
    )


@claim(
    "q2.bytes-per-vector",
    question=2,
    statement="A vector of 1,536 dimensions takes about 6 KB.",
    stated=Q(6, "kB"),
)
def bytes_per_vector(a: Q2Assumptions, stated: Quantity) -> Outcome:
    computed = Q(a.dimension * 4 / 1e3, "kB")
    return close_to(stated, computed, f"{a.dimension:,} float32 values x 4 bytes = {show(computed)}")


@claim(
    "q2.vector-storage",
    question=2,
    statement="All vectors together take about 1 GB.",
    stated=Q(1, "GB"),
)
def vector_storage(a: Q2Assumptions, stated: Quantity) -> Outcome:
    computed = Q(store_memory(a)["vectors"] / 1e9, "GB")
    return close_to(stated, computed, f"{a.chunks:,.0f} x {a.dimension:,} x 4 bytes = {show(computed)}")


@claim(
    "q2.replica-memory",
    question=2,
    statement="That 1 GB is the memory which one replica of the vector store needs.",
    stated=Q(1, "GB"),
    implied=True,
)
def replica_memory(a: Q2Assumptions, stated: Quantity) -> Outcome:
    parts = store_memory(a)
    total = Q(sum(parts.values()) / 1e9, "GB")
    listed = ", ".join(f"{name} {show(Q(size / 1e6, 'MB'))}" for name, size in parts.items())
    return close_to(stated, total, f"{listed}: {show(total)} in each replica", 0.1)


@claim(
    "q2.fits-in-memory",
    question=2,
    statement="The index easily fits into the memory of one node of 32 GB.",
    stated=Q(32, "GB"),
)
def fits_in_memory(a: Q2Assumptions, stated: Quantity) -> Outcome:
    total = Q(sum(store_memory(a).values()) / 1e9, "GB")
    return not_above(a.node_memory / 2, total, f"{show(total)} with graph and payload, half of a node's memory is "
                     f"{show(a.node_memory / 2)}")  # fmt: skip


def _ingest_seconds(a: Q2Assumptions, parameters: float) -> float:
    return encoder_time(a, parameters, a.stated_chunks * a.chunk_tokens, a.ingest_gpu)


@claim(
    "q2.ingest-5-min",
    question=2,
    statement="An A10G embeds all 167,000 chunks in about 5 minutes.",
    stated=Q(5, "min"),
)
def ingest_time(a: Q2Assumptions, stated: Quantity) -> Outcome:
    limit, base = magnitude(stated, "s"), _ingest_seconds(a, a.embedder_parameters)
    low, high = a.embedder_low / 1e6, a.embedder_high / 1e6
    widest = _ingest_seconds(a, a.embedder_high)
    return over_range(
        Q(base / 60, "min"),
        lambda millions: _ingest_seconds(a, millions * 1e6) <= limit,
        variable="model size without its token table",
        low=low,
        high=high,
        unit="million parameters",
        search=(0.1, 1e5),
        reason=f"{a.stated_chunks * a.chunk_tokens / 1e6:,.0f} million tokens at {a.compute_efficiency:.0%} of the "
        f"peak of one {accelerator(a.ingest_gpu).name}: {show(Q(base / 60, 'min'))} for a BERT-base, "
        f"{show(Q(widest / 60, 'min'))} for an open model as wide as {a.dimension:,} dimensions (vectors of an API "
        "model come at that provider's rate limit instead)",
    )


def _index_seconds(a: Q2Assumptions) -> float:
    """Seconds until a changed document can be found if it is indexed at once."""
    each = _windows(a, a.tokens_per_word) / a.documents
    embed = encoder_time(a, a.embedder_parameters, each * a.chunk_tokens, a.ingest_gpu)
    return sum(magnitude(part, "s") for part in (a.parse_time, a.upsert_time, a.call_overhead)) + embed


@claim(
    "q2.freshness-costs-performance",
    question=2,
    statement="Indexing in batches with a delay of 5 minutes spares performance that indexing at once would cost.",
    stated=Q(5, "min"),
)
def freshness(a: Q2Assumptions, stated: Quantity) -> Outcome:
    once = _index_seconds(a)
    load = a.updates_per_day * once / 86_400
    return over_range(
        Q(once / 60, "min"),
        lambda updates: updates * once / 86_400 >= a.ingest_share,
        variable="number of documents changed per day",
        low=a.updates_per_day,
        high=10 * a.updates_per_day,
        search=(1.0, 1e9),
        reason=f"a document indexed at once can be found after {show(Q(once, 's'))} instead of {show(stated)}, and "
        f"{a.updates_per_day:g} a day keep the indexer busy {load:.3%} of the time",
    )
