"""Two classifiers on the same posts: exact tests of the pairs on which they differ."""

from __future__ import annotations

from reference.moderation.types import ModerationError


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p that the two differ (Q. McNemar 1947).

    Args:
        only_first, only_second: posts on which only the first, only the second was right; 1.0 where there are none.

    Raises:
        ModerationError: a negative count.
    """
    return min(1.0, 2 * more_by_chance(max(only_first, only_second), min(only_first, only_second)))


def more_by_chance(more: int, fewer: int) -> float:
    """One-sided exact p: P(X >= `more`) where each of `more + fewer` discordant pairs is the throw of a fair coin."""
    if more < 0 or fewer < 0:
        raise ModerationError(f"discordant pairs {more} and {fewer}: counts of 0 or more are wanted")
    from scipy.special import bdtrc

    return 1.0 if more == 0 else float(bdtrc(more - 1, more + fewer, 0.5))
