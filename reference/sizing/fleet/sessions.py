"""Conversations: how many turns, how long between them, and what each turn's prompt repeats of the earlier ones.

A turn's prompt is the shared part (system prompt), the history (earlier texts and answers) and the new text:

    history of turn k = min(window, texts and answers of turns 1 .. k - 1)

which is the prompt and answer of turn k - 1 without the shared part, as long as the window holds it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from reference.sizing.fleet import published

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Sessions:
    """What a conversation is like.

    turns_mean: turns are geometric. The published share of conversations with one turn is higher than a geometric of
    that mean has (35.5 against 24 %), and the longest are longer. think_median_s, think_sigma: seconds from one turn
    to the next, lognormal, drawn again above `think_longest_s` (an hour, assumed: who comes back later starts anew;
    92 % of published gaps are shorter). window: tokens of history that a prompt takes along, None for all.
    cut_keeps_prefix: whether a history that the window cut still begins like the one before, so that a prefix cache
    finds it. False is what a sliding window does: such a turn's history counts as new tokens.
    """

    turns_mean: float = published.BURSTGPT_TURNS_MEAN.value
    think_median_s: float = float(published.BURSTGPT_THINK.value[50])
    think_sigma: float = published.BURSTGPT_THINK_SIGMA.value
    think_longest_s: float = 3600.0
    window: int | None = None
    cut_keeps_prefix: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.turns_mean) and self.turns_mean >= 1):
            raise ValueError(f"turns_mean must be at least 1, got {self.turns_mean!r}")
        if not (math.isfinite(self.think_median_s) and self.think_median_s > 0):
            raise ValueError(f"think_median_s must be positive, got {self.think_median_s!r}")
        if not (math.isfinite(self.think_sigma) and self.think_sigma >= 0):
            raise ValueError(f"think_sigma must not be negative, got {self.think_sigma!r}")
        if not (math.isfinite(self.think_longest_s) and self.think_longest_s >= self.think_median_s):
            raise ValueError(
                f"think_longest_s must be at least think_median_s ({self.think_median_s:g}), got "
                f"{self.think_longest_s!r}"
            )
        if self.window is not None and (isinstance(self.window, bool) or self.window < 0):
            raise ValueError(f"window must be None or a number of tokens, not negative, got {self.window!r}")

    @property
    def _highest_score(self) -> float:
        """Normal score of the longest gap."""
        if self.think_sigma == 0:
            return math.inf
        return math.log(self.think_longest_s / self.think_median_s) / self.think_sigma

    @property
    def think_mean_s(self) -> float:
        """Mean of the lognormal cut at `think_longest_s`: m exp(s^2 / 2) Phi(z - s) / Phi(z)."""
        top, sigma = self._highest_score, self.think_sigma
        if math.isinf(top):
            return self.think_median_s
        return self.think_median_s * math.exp(sigma**2 / 2) * _NORMAL.cdf(top - sigma) / _NORMAL.cdf(top)

    @property
    def reach_s(self) -> float:
        """Seconds after its start within which nearly all of a conversation happens: ten mean lengths."""
        return 10 * (self.turns_mean - 1) * self.think_mean_s

    def turns(self, rng: np.random.Generator, conversations: int) -> NDArray[np.int64]:
        """Turns of each conversation, (conversations,), at least 1."""
        return rng.geometric(1 / self.turns_mean, conversations)

    def gaps(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """`n` seconds between turns."""
        score = rng.standard_normal(n)
        above = np.flatnonzero(score > self._highest_score)
        while above.size:
            score[above] = rng.standard_normal(above.size)
            above = above[score[above] > self._highest_score]
        score *= self.think_sigma
        np.exp(score, out=score)
        score *= self.think_median_s
        return score


def first_turns(turns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the first turn of each conversation, where its turns stand together, conversation after conversation."""
    return np.cumsum(turns) - turns


def _within(values: NDArray, turns: NDArray[np.int64]) -> NDArray:
    """Running sums of `values` that begin anew with each conversation, the row itself left out; changes `values`."""
    running = np.cumsum(values)
    running -= values
    running -= np.repeat(running[first_turns(turns)], turns)
    return running


def turn_times(
    starts: NDArray[np.float64], turns: NDArray[np.int64], sessions: Sessions, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Seconds of every turn, conversation after conversation, (turns.sum(),): the start, then a gap before each."""
    gaps = sessions.gaps(rng, int(turns.sum()))
    # The gap of a row is the one after it; what follows the last turn is dropped by `_within`.
    times = _within(gaps, turns)
    times += np.repeat(starts, turns)
    return times


def history_tokens(
    text: NDArray[np.int32], answer: NDArray[np.int32], turns: NDArray[np.int64], most: int | NDArray | None = None
) -> NDArray[np.int64]:
    """History of every turn: texts and answers of the conversation's earlier turns, at most `most` tokens."""
    history = _within(np.add(text, answer, dtype=np.int64), turns)
    return history if most is None else np.minimum(history, most, out=history)
