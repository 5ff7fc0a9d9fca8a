"""Speculative decoding, prefix caching and chunked prefill: what each saves, and where it saves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .bands import checked, checked_fields
from .kinds import OutputTokens, PromptTokens
from .roofline import Deployment, _batch, _tokens
from .units import Q, Quantity, magnitude


def expected_tokens(acceptance: float, draft_tokens: int) -> float:
    """Mean tokens one verification yields: (1 - a^(k+1)) / (1 - a), for k proposed tokens each accepted with chance a.

    Leviathan et al., arXiv 2211.17192, equation 1. Between 1 (nothing accepted) and k + 1.
    """
    if not 0 <= acceptance <= 1:
        raise ValueError(f"acceptance must lie in [0, 1], got {acceptance}")
    if isinstance(draft_tokens, bool) or not isinstance(draft_tokens, int) or draft_tokens < 0:
        raise ValueError(f"draft_tokens must be a whole number of at least 0, got {draft_tokens!r}")
    if acceptance == 1:
        return draft_tokens + 1.0
    return (1 - acceptance ** (draft_tokens + 1)) / (1 - acceptance)


def speculative_speedup(acceptance: float, draft_tokens: int, draft_cost: float, verify_cost: float = 1.0) -> float:
    """Decode speed with speculation over without: E / (k x draft_cost + verify_cost). Below 1 it slows decoding.

    draft_cost: one draft step in units of one plain target step at the same batch (0 for n-gram look-up).
    verify_cost: one target step that checks k + 1 tokens of every sequence, in the same unit. It is 1 only while the
    step is limited by reading weights; measure it, or take it from `verify_cost`, or the gain at batch is fiction.
    """
    if draft_cost < 0 or verify_cost <= 0:
        raise ValueError(
            f"draft_cost must not be negative and verify_cost positive, got {draft_cost} and {verify_cost}"
        )
    return expected_tokens(acceptance, draft_tokens) / (draft_tokens * draft_cost + verify_cost)


@checked
def verify_cost(target: Deployment, batch: float, context: PromptTokens, draft_tokens: int) -> float:
    """Roofline estimate of the cost of checking k + 1 tokens per sequence, in plain steps at the same batch."""
    length = _tokens(context, "context")
    return target.step_seconds(_batch(batch), length, draft_tokens + 1) / target.step_seconds(batch, length)


@checked
def draft_cost(target: Deployment, draft: Deployment, batch: float, context: PromptTokens) -> float:
    """Roofline estimate of one draft step in plain target steps at the same batch."""
    length = _tokens(context, "context")
    return draft.step_seconds(_batch(batch), length) / target.step_seconds(batch, length)


@checked
def break_even_batch(
    target: Deployment, draft: Deployment, context: PromptTokens, acceptance: float, draft_tokens: int, most: int = 4096
) -> int | None:
    """Smallest batch at which speculation no longer helps; None if it helps at every batch up to `most`."""

    def speedup(batch: int) -> float:
        cost = draft_cost(target, draft, batch, context)
        return speculative_speedup(acceptance, draft_tokens, cost, verify_cost(target, batch, context, draft_tokens))

    if speedup(1) <= 1:
        return 1
    if speedup(most) > 1:
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if speedup(middle) > 1 else (low, middle)
    return high


@checked_fields
@dataclass(frozen=True)
class PrefixGain:
    """Prefill and whole-request times without and with a prefix-cache hit, and their ratios (1 = no gain)."""

    hit_fraction: Annotated[Quantity, "fraction"]
    ttft_cold: Annotated[Quantity, "latency"]
    ttft_warm: Annotated[Quantity, "latency"]
    e2e_cold: Annotated[Quantity, "latency"]
    e2e_warm: Annotated[Quantity, "latency"]

    @property
    def ttft_ratio(self) -> float:
        """Time to the first token without the prefix cache over that with it."""
        return float((self.ttft_cold / self.ttft_warm).to(""))

    @property
    def e2e_ratio(self) -> float:
        """Time of the whole answer without the prefix cache over that with it."""
        return float((self.e2e_cold / self.e2e_warm).to(""))


@checked
def prefix_gain(
    replica: Deployment,
    prompt: PromptTokens,
    output: OutputTokens,
    hit_fraction: float,
    *,
    batch: float = 1,
    block: int = 16,
) -> PrefixGain:
    """Effect of `hit_fraction` of the prompt being in the KV cache, on an otherwise idle engine at `batch` streams.

    The hit is rounded down to whole cache blocks, and the last token is always computed, as vLLM does.
    """
    if not 0 <= hit_fraction <= 1:
        raise ValueError(f"hit_fraction must lie in [0, 1], got {hit_fraction}")
    n_in, n_out = _tokens(prompt, "prompt"), _tokens(output, "output")
    hit = min(n_in * hit_fraction, max(n_in - 1, 0)) // block * block
    cold, warm = replica.prefill_seconds(n_in), replica.prefill_seconds(n_in - hit, hit)
    decode = max(n_out - 1, 0) * replica.step_seconds(_batch(batch), n_in + n_out / 2)
    return PrefixGain(
        hit_fraction=Q(hit_fraction, ""),
        ttft_cold=Q(cold, "s"),
        ttft_warm=Q(warm, "s"),
        e2e_cold=Q(cold + decode, "s"),
        e2e_warm=Q(warm + decode, "s"),
    )


@checked
def prefill_stall(
    replica: Deployment,
    prompt: Annotated[Quantity, "context_length"],
    chunk: Annotated[Quantity, "context_length"] | None = None,
) -> Annotated[Quantity, "latency"]:
    """Longest pause that a newly arrived prompt puts into streams that are being decoded.

    Without chunking the whole prefill runs in one step. With it a step reads at most `chunk` tokens (vLLM's
    max_num_batched_tokens), so the pause is one chunk, the last being dearest because it attends to all before it.
    """
    n_in = _tokens(prompt, "prompt")
    size = n_in if chunk is None else min(magnitude(chunk, "token/request", "chunk"), n_in)
    if size <= 0:
        raise ValueError(f"chunk must be at least 1 token, got {size:g}")
    return Q(replica.prefill_seconds(size, n_in - size), "s")
