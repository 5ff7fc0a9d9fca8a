"""Squaring |hits / n - p| = z sqrt(p (1 - p) / n) gives (1 + z²/n) p² - (2 hits/n + z²/n) p + (hits/n)² = 0. Its
solutions are the ends. Unlike the usual share plus or minus a multiple of its deviation, they have a width for 0 of n
and n of n: 60 of 60 leaves room for a share of 94 %."""

from math import sqrt


def wilson(hits, n, z):
    if not 0 <= hits <= n:
        raise ValueError(f"hits must lie between 0 and n, got {hits} of {n}")
    if n == 0:
        return [0.0, 1.0]
    a, b, c = 1 + z**2 / n, 2 * hits / n + z**2 / n, (hits / n) ** 2
    root = sqrt(max(0.0, b**2 - 4 * a * c))
    return [max(0.0, (b - root) / (2 * a)), min(1.0, (b + root) / (2 * a))]
