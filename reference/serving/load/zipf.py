"""A Zipf workload for the exact cache, and the hit rate that it must give.

Question i of D distinct ones is asked with probability p_i proportional to 1 / i^s, independently (the independent
reference model). Real traffic differs in s, in D and in its drift over time; that is why a hit rate is a property of a
workload.
"""

from __future__ import annotations

import math

import numpy as np


def zipf_probabilities(distinct: int, s: float) -> np.ndarray:
    """p_1 >= ... >= p_D, shape [distinct], sum 1. s = 0 is uniform."""
    if distinct < 1:
        raise ValueError(f"distinct must be >= 1, got {distinct}")
    if not (math.isfinite(s) and s >= 0):
        raise ValueError(f"s must be a finite number >= 0, got {s}")
    weights = np.arange(1, distinct + 1, dtype=float) ** -s
    return weights / weights.sum()


def zipf_requests(n: int, distinct: int, s: float, seed: int) -> np.ndarray:
    """`n` requests as ranks 0..distinct-1 (0 is the most popular), shape [n]."""
    if n < 0:
        raise ValueError(f"n must be >= 0, got {n}")
    return np.random.default_rng(seed).choice(distinct, size=n, p=zipf_probabilities(distinct, s))


def question(rank: int) -> str:
    """The text that stands for a rank: distinct ranks differ, and normalising case or space does not merge them."""
    return f"What is entry number {rank} of the catalogue, and who asked for it?"


def expected_hit_rate(n: int, distinct: int, s: float, *, ttl_requests: float | None = None) -> float:
    """Expected share of hits of an exact cache over Zipf requests.

    Without `ttl_requests`: `n` requests on an empty cache that forgets nothing. Misses are first occurrences, so
    E[misses] = sum_i 1 - (1 - p_i)^n, exactly.

    With `ttl_requests` T (time to live of an entry, counted from its insertion, as a number of requests that arrive in
    it): the steady state, whatever `n`. One miss of question i is followed by the requests for i that arrive within T,
    on average p_i T hits, so its hit rate is p_i T / (1 + p_i T) (renewal-reward; Poisson arrivals), weighted by p_i.
    """
    p = zipf_probabilities(distinct, s)
    if ttl_requests is not None:
        if not ttl_requests >= 0:
            raise ValueError(f"ttl_requests must be >= 0, got {ttl_requests}")
        return float(np.sum(p * (p * ttl_requests) / (1 + p * ttl_requests)))
    if n < 1:
        raise ValueError(f"n must be >= 1, got {n}")
    return 1 - float(np.sum(_seen(p, n))) / n


def hit_rate_std(n: int, distinct: int, s: float) -> float:
    """An upper bound on the standard deviation of the hit rate of `n` requests (cache that forgets nothing).

    The variance of the number of distinct questions is at most the sum of the variances of "i was asked at least once",
    because these events are negatively correlated.
    """
    seen = _seen(zipf_probabilities(distinct, s), n)
    return math.sqrt(float(np.sum(seen * (1 - seen)))) / n


def _seen(p: np.ndarray, n: int) -> np.ndarray:
    # log1p and expm1: (1 - p)^n for small p without cancellation; p = 1 (a single question) is seen for certain.
    with np.errstate(divide="ignore"):
        return -np.expm1(n * np.log1p(-p))
