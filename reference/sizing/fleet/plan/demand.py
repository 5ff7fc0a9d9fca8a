"""Requests of a peak: Poisson at the rate of the busiest minute, drawn once and scaled, so that fleets can be compared.

Common random numbers: the same gaps and lengths for every rate, so that a larger fleet meets the same requests and a
search over its size is not misled by luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reference.sizing.fleet.lengths import Lengths
from reference.sizing.fleet.workload import Workload

from .requirements import Requirements


@dataclass(frozen=True)
class Peak:
    """Draws for one peak of `requests` requests, of which those after `warm` count. Arrays: one entry per request."""

    gaps: NDArray[np.float64]
    n_in: NDArray[np.int32]
    n_out: NDArray[np.int32]
    requirements: Requirements
    seed: int

    def at(self, rate: float) -> Workload:
        """The workload at `rate` requests per second."""
        wanted = self.requirements
        if wanted.turns == 1:
            return Workload.of(np.cumsum(self.gaps) / rate, self.n_in, self.n_out, shared=wanted.shared_prefix)
        horizon = float(np.sum(self.gaps)) / rate
        # Sessions that began earlier are under way at the first second, so that the rate is right from there on.
        before = wanted.turns * wanted.turn_gap_s
        rng = np.random.default_rng([self.seed, 7])
        count = math.ceil((horizon + before) * rate / wanted.turns)
        starts = np.cumsum(rng.exponential(size=count)) * wanted.turns / rate - before
        return as_sessions(starts, horizon, wanted, rng)


def as_sessions(starts: Any, horizon: float, requirements: Requirements, rng: np.random.Generator) -> Workload:
    """Sessions that begin at `starts` (ascending seconds, may lie before 0), as requests within [0, horizon).

    Gaps between turns are exponential. At turn j, (j - 1)/j of what follows the shared prefix repeats earlier turns:
    lengths are drawn as given and not grown from turn to turn.
    """
    count, turns = len(starts), requirements.turns
    gaps = rng.exponential(requirements.turn_gap_s, size=(count, turns))
    gaps[:, 0] = 0.0
    times = (np.asarray(starts)[:, None] + np.cumsum(gaps, axis=1)).ravel()
    session, turn = np.repeat(np.arange(count), turns), np.tile(np.arange(1, turns + 1), count)
    kept = np.flatnonzero((times >= 0) & (times < horizon))
    kept = kept[np.argsort(times[kept], kind="stable")]
    n_in, n_out = lengths(requirements, kept.size, rng)
    history = (n_in - requirements.shared_prefix - 1) * (turn[kept] - 1) // turn[kept]
    return Workload.of(
        times[kept], n_in, n_out, session=session[kept], shared=requirements.shared_prefix, history=history,
        horizon_s=horizon,
    )  # fmt: skip


def draw(requirements: Requirements, requests: int, seed: int) -> Peak:
    """Gaps of mean 1 and lengths of `requests` requests; more requests begin with the same ones."""
    gaps, prompts, answers = (np.random.default_rng([seed, part]) for part in range(3))
    n_in, n_out = lengths(requirements, requests, prompts, answers)
    return Peak(gaps.exponential(size=requests), n_in, n_out, requirements, seed)


def lengths(
    requirements: Requirements, requests: int, rng: np.random.Generator, answers: np.random.Generator | None = None
) -> tuple[Any, Any]:
    """Lognormal prompts and answers, at least 1 token each, longer than the shared prefix, within max_context."""

    def of(which: Literal["prompt", "output"], mean: float, rng: np.random.Generator) -> NDArray[np.int32]:
        sigma = requirements.sigma(which)
        if sigma < 1e-6:
            return Lengths.constant(round(mean)).sample(rng, requests)
        median = max(1.0, mean * math.exp(-(sigma**2) / 2))
        return Lengths.lognormal_from(median=median, mean=max(mean, median * 1.0001)).sample(rng, requests)

    n_out = of("output", requirements.output_mean, answers or rng)
    n_in = np.maximum(of("prompt", requirements.prompt_mean, rng), requirements.shared_prefix + 1)
    # An engine refuses what is longer than its window; a client that trims its prompt and stops its answer is assumed.
    n_in = np.minimum(n_in, requirements.max_context - 1).astype(np.int32)
    return n_in, np.minimum(n_out, requirements.max_context - n_in).astype(np.int32)
