"""What two reviewers would agree on by chance depends on how often each of them gives a verdict. Where both give one
and the same throughout, chance explains everything and kappa says nothing: that is `None` and neither 0 nor 1. The
products are whole numbers until the last division, so that comparing with one is exact."""

from collections import Counter


def kappa(pairs):
    n = len(pairs)
    if not n:
        return [0.0, None]
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    same = sum(one == other for one, other in pairs)
    by_chance = sum(first[name] * second[name] for name in first)  # times n squared
    if by_chance == n * n:
        return [same / n, None]
    return [same / n, (same * n - by_chance) / (n * n - by_chance)]
