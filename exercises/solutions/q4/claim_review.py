"""Only posts that violate nothing can be flagged wrongly, so only they count. What may be promised is the exact bound,
not the share that was seen; the normal approximation is too low for a handful of events. And the share of the removals
that are right is not one minus the share of the clean posts that are removed: with few violating posts it is far lower.
Redo each step from the line above: the one that does not come out is wrong."""

from math import comb, isclose


def bound_of(k, n):
    """The rate at which k of n or fewer come with a probability of 5%."""
    low, high = k / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        so_few = sum(comb(n, i) * middle**i * (1 - middle) ** (n - i) for i in range(k + 1))
        low, high = (middle, high) if so_few > 0.05 else (low, middle)
    return high


caught = posts_per_day * prevalence * recall
removed_wrongly = posts_per_day * (1 - prevalence) * bound_of(errors, clean)
precision_percent = 100 * caught / (caught + removed_wrongly)

redone = [
    errors / clean,
    bound_of(errors, round(errors / said[0])),
    posts_per_day * (1 - prevalence) * said[1],
    caught / (caught + said[2]),
]
wrong_step = next(
    str(n) for n, (one, other) in enumerate(zip(redone, said), 1) if not isclose(one, other, rel_tol=1e-6)
)
