"""Savings of sets of strategies: marginal savings by order, Shapley shares, the best set, a greedy road.

A set is a bit mask over n strategies, `savings[mask]` what it saves together; savings[0] is 0. What a set saves does
not depend on the order in which its members were built, so every order ends at the same bill.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence


def members(mask: int, n: int) -> list[int]:
    """Strategies of a set."""
    return [i for i in range(n) if mask >> i & 1]


def marginals(savings: Sequence[float], order: Sequence[int]) -> dict[int, float]:
    """What each strategy saves when it is added in this order."""
    mask, found = 0, {}
    for i in order:
        found[i] = savings[mask | 1 << i] - savings[mask]
        mask |= 1 << i
    return found


def over_orders(savings: Sequence[float], n: int) -> dict[int, list[float]]:
    """Marginal saving of each strategy in every one of the n! orders."""
    found: dict[int, list[float]] = {i: [] for i in range(n)}
    for order in itertools.permutations(range(n)):
        for i, saving in marginals(savings, order).items():
            found[i].append(saving)
    return found


def shapley(savings: Sequence[float], n: int) -> list[float]:
    """Mean marginal saving over all n! orders (Shapley 1953), from the 2^n sets.

    Of the n! orders |S|! (n - |S| - 1)! have exactly the set S before strategy i.
    """
    weight = [math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n) for k in range(n)]
    return [
        sum(
            weight[mask.bit_count()] * (savings[mask | 1 << i] - savings[mask])
            for mask in range(1 << n)
            if not mask >> i & 1
        )
        for i in range(n)
    ]


def restricted(savings: Sequence[float], allowed: int) -> list[float]:
    """The same savings with everything outside of `allowed` doing nothing."""
    return [savings[mask & allowed] for mask in range(len(savings))]


def best_set(savings: Sequence[float], allowed: int) -> int:
    """The subset of `allowed` that saves most; of equal ones the smallest."""
    floor = 1e-9 * max(abs(value) for value in savings)
    best = 0
    for mask in sorted(range(len(savings)), key=lambda mask: (mask.bit_count(), mask)):
        if mask & ~allowed == 0 and savings[mask] > savings[best] + floor:
            best = mask
    return best


def greedy(savings: Sequence[float], chosen: int, weeks: Sequence[float]) -> list[tuple[int, float]]:
    """(strategy, what it adds to those before it): each time the one with the most saving per week."""
    done, road = 0, []
    left = members(chosen, len(weeks))
    while left:
        gain = {i: savings[done | 1 << i] - savings[done] for i in left}
        best = max(left, key=lambda i: (gain[i] / weeks[i], -i))
        road.append((best, gain[best]))
        done |= 1 << best
        left.remove(best)
    return road
