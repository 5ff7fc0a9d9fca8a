"""The binomial tail falls as the rate rises, so halving finds the rate at which it is 5%. Only posts that do not
violate count for the bound. From the lowest threshold upwards the first one that qualifies is the answer; it removes
most, so it leaves fewest posts to people. Choosing and reporting on the same posts makes the bound a little too kind:
report on others."""

from math import comb


def bound(k, n):
    if k == n:
        return 1.0
    low, high = k / n, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        so_few = sum(comb(n, i) * rate**i * (1 - rate) ** (n - i) for i in range(k + 1))
        low, high = (rate, high) if so_few > 0.05 else (low, rate)
    return high


def safe_threshold(scores, violating, thresholds, limit):
    clean = [score for score, wrong in zip(scores, violating) if not wrong]
    bad = [score for score, wrong in zip(scores, violating) if wrong]
    for threshold in sorted(thresholds):
        k = sum(score >= threshold for score in clean)
        if k / len(clean) <= limit and (found := bound(k, len(clean))) <= limit:
            return [threshold, k, found, sum(score >= threshold for score in bad) / len(bad)]
    return None
