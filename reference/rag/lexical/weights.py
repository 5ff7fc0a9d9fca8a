"""BM25, its two factors apart: what a term weighs in a passage, and what a term weighs in the corpus.

score(query, passage) = sum over the query's different terms of idf(term) * weight(term, passage)
(Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", equation 3.15; the idf with one
inside the logarithm, as Lucene and Qdrant have it, is never negative.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from reference.rag.types import RagError

K1 = 1.2
B = 0.75


def term_weight(frequency: int, length: int, average_length: float, k1: float = K1, b: float = B) -> float:
    """Weight of a term that occurs `frequency` times in a passage of `length` terms; below k1 + 1 always."""
    return frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * length / average_length))


def inverse_document_frequency(passages: int, with_term: int) -> float:
    """ln(1 + (N - n + 0.5) / (n + 0.5)) for a term in n of N passages."""
    return math.log(1 + (passages - with_term + 0.5) / (with_term + 0.5))


def weights(terms: Sequence[int], average_length: float, k1: float = K1, b: float = B) -> dict[int, float]:
    """Term -> weight of one passage, from its terms with repetitions."""
    if not average_length > 0:
        raise RagError(f"average_length={average_length}: must be above zero (terms per passage)")
    length = len(terms)
    return {term: term_weight(n, length, average_length, k1, b) for term, n in Counter(terms).items()}
