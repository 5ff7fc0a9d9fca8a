"""Walk every order, adding one strategy at a time to the mask, and credit each with what it adds; then divide by the
number of orders. Up to six strategies that is 720 walks of six steps. (The same from the 2^n sets: a set of size s
stands before i in s! (n - s - 1)! of the orders, so it may not count once like all others.)"""

from itertools import permutations
from math import factorial


def shapley(savings, n):
    added = [0.0] * n
    for order in permutations(range(n)):
        mask = 0
        for i in order:
            added[i] += savings[mask | 1 << i] - savings[mask]
            mask |= 1 << i
    return [one / factorial(n) for one in added]
