"""The engine model: seconds of one step from what is in it, and the limits that decide what gets into a step.

A continuous-batching engine works in steps. A step computes one token for each running sequence and a chunk of the
prompts that are being read, up to a budget of tokens. Its time is

    curve(tokens) + sequence_s x sequences that sample + kv_s x KV tokens read by decodes
                  + pair_s x (query, key) pairs of the prompt chunks

`curve` holds reading the weights (its value at one token) and the arithmetic (its slope), piecewise linear since real
kernels are; `kv_s` is attention over the cache, `pair_s` attention inside prompts, `sequence_s` sampling and streaming.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reference.sizing.evidence import Evidence


@dataclass(frozen=True)
class StepTime:
    """Seconds of one step. `knots`: ascending token counts from 1; `seconds`: time of a step of so many tokens.

    Linear between the knots, beyond the last along the last slope. Seconds never fall with tokens.
    Raises ValueError that names the field.
    """

    knots: tuple[float, ...]
    seconds: tuple[float, ...]
    sequence_s: float = 0.0
    kv_s: float = 0.0
    pair_s: float = 0.0

    def __post_init__(self) -> None:
        if len(self.knots) != len(self.seconds) or not self.knots:
            raise ValueError(
                f"knots and seconds must have one entry each per point, got {len(self.knots)} and {len(self.seconds)}"
            )
        if self.knots[0] != 1 or any(b <= a for a, b in zip(self.knots, self.knots[1:], strict=False)):
            raise ValueError(f"knots must ascend from 1 token, got {self.knots}")
        if not all(math.isfinite(s) and s > 0 for s in self.seconds):
            raise ValueError(f"seconds must be positive, got {self.seconds}")
        if any(b < a for a, b in zip(self.seconds, self.seconds[1:], strict=False)):
            raise ValueError(f"seconds must not fall with the tokens of a step, got {self.seconds}")
        for name in ("sequence_s", "kv_s", "pair_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number of seconds, not negative, got {value!r}")

    def curve(self, tokens: float) -> float:
        """Seconds of a step of `tokens` tokens, nothing read from the cache; 0 tokens are no step: 0 s."""
        if tokens <= 0:
            return 0.0
        knots, seconds = self.knots, self.seconds
        if len(knots) == 1 or tokens <= knots[0]:
            return seconds[0]
        last = len(knots) - 1
        i = next((k for k in range(1, last) if tokens <= knots[k]), last)
        slope = (seconds[i] - seconds[i - 1]) / (knots[i] - knots[i - 1])
        return seconds[i - 1] + slope * (tokens - knots[i - 1])

    def step_s(self, decodes: float, kv_tokens: float, chunk: float = 0.0, pairs: float = 0.0) -> float:
        """Seconds of a step: `decodes` sequences that read `kv_tokens` in all, and `chunk` prompt tokens.

        pairs: sum over the prompt tokens of the keys that each attends to (chunk x cached + chunk^2 / 2 for one).
        """
        return self.curve(decodes + chunk) + self.sequence_s * decodes + self.kv_s * kv_tokens + self.pair_s * pairs

    def prefill_s(self, new: float, cached: float = 0.0, budget: float = math.inf) -> float:
        """Seconds to read a prompt of `new` tokens after `cached` ones on an idle engine, in chunks of `budget`."""
        total, done = 0.0, 0.0
        while done < new:
            chunk = min(budget, new - done)
            total += self.step_s(0, 0, chunk, chunk * (cached + done) + chunk * chunk / 2)
            done += chunk
        return total + self.sequence_s


@dataclass(frozen=True)
class EngineLimits:
    """What the scheduler obeys; the names are vLLM's flags. kv_tokens: tokens that the KV pool holds in all.

    async_scheduling: a step is planned while the one before it runs, so that a request waits one step longer.
    """

    max_num_seqs: int
    max_num_batched_tokens: int
    kv_tokens: int
    max_model_len: int
    block_tokens: int = 16
    prefix_caching: bool = True
    async_scheduling: bool = False

    def __post_init__(self) -> None:
        for name in ("max_num_seqs", "max_num_batched_tokens", "kv_tokens", "max_model_len", "block_tokens"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise ValueError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) must be at least max_num_seqs "
                f"({self.max_num_seqs}): a step has one token for every running sequence"
            )
        if self.kv_tokens < self.max_model_len:
            raise ValueError(
                f"kv_tokens ({self.kv_tokens:,}) must hold one sequence of max_model_len ({self.max_model_len:,})"
            )


@dataclass(frozen=True)
class CalibratedRange:
    """What was measured, so that a prediction outside of it can be told from one inside. Inclusive bounds."""

    batch: tuple[float, float]
    prompt: tuple[float, float]
    context: tuple[float, float]


@dataclass(frozen=True)
class EngineModel:
    """One replica of an engine. overhead_s: seconds of a first token outside of the steps (HTTP, queues, client).

    noise_cv: standard deviation over mean of a step's time, 0 for none. calibrated: None where nothing was measured
    (a model derived from a roofline). A fleet simulation takes nothing else from an engine than this.
    """

    name: str
    step: StepTime
    limits: EngineLimits
    evidence: Evidence
    overhead_s: float = 0.0
    noise_cv: float = 0.0
    calibrated: CalibratedRange | None = None

    def __post_init__(self) -> None:
        for name in ("overhead_s", "noise_cv"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must not be negative, got {value!r}")
