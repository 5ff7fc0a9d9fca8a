"""What a cheaper prompt loses, and whether that is allowed: paired on the same messages, by the bound of the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .measure import Measured
from .prompts import PromptError

if TYPE_CHECKING:
    from reference.sizing.bill.prices import ModelPrice


@dataclass(frozen=True)
class Loss:
    """Quality that is lost, as a share of all messages: `loss` (negative: won) with its 95 % interval.

    lost: messages that only the baseline answers rightly; won: that only the variant does.
    """

    variant: str
    baseline: str
    lost: int
    won: int
    n: int
    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """Whether a variant may replace its baseline. `reason` has the number."""

    accepted: bool
    loss: Loss
    max_loss: float
    reason: str


def loss_of(variant: str, baseline: str, mine: Sequence[bool], theirs: Sequence[bool]) -> Loss:
    """Right or wrong, message by message (`mine`: the variant's), with the interval of Agresti and Min (2005).

    Raises PromptError for lists of different length or without any message.
    """
    from reference.serving.rollout.gates.quality import paired_interval

    if len(mine) != len(theirs) or not mine:
        raise PromptError(
            f"replies: {variant} has {len(mine)}, {baseline} has {len(theirs)}; both must answer the same messages"
        )
    lost = sum(b and not a for a, b in zip(mine, theirs, strict=True))
    won = sum(a and not b for a, b in zip(mine, theirs, strict=True))
    low, high = paired_interval(lost, won, len(mine))
    return Loss(variant, baseline, lost, won, len(mine), (lost - won) / len(mine), -high, -low)


def loss(variant: Measured, baseline: Measured) -> Loss:
    """Of two measurements on the same messages."""
    mine, theirs = ([reply.correct for reply in some.replies] for some in (variant, baseline))
    return loss_of(variant.variant.name, baseline.variant.name, mine, theirs)


def judged(found: Loss, max_loss: float) -> Verdict:
    """The guardrail: accepted if the upper end of the interval lies within `max_loss`.

    So few messages refuse a variant as well: harmlessness is what has to be shown. Raises PromptError for a max_loss
    outside 0 to 1.
    """
    if not 0 <= max_loss <= 1:
        raise PromptError(f"max_loss: must lie between 0 and 1, got {max_loss!r}")
    seen = f"{found.loss:+.1%} of {found.n} answers lost ({found.lost} lost, {found.won} won)"
    if found.high <= max_loss:
        return Verdict(True, found, max_loss, f"{seen}; at most {found.high:.1%}, allowed are {max_loss:.1%}")
    why = "refused" if found.low > max_loss else "not shown to be harmless"
    return Verdict(False, found, max_loss, f"{why}: {seen}; up to {found.high:.1%}, allowed are {max_loss:.1%}")


def accepted(variant: Measured, baseline: Measured, max_loss: float) -> Verdict:
    """May the variant replace the baseline, when at most `max_loss` of the answers may be lost?"""
    return judged(loss(variant, baseline), max_loss)


def usd_per_thousand(measured: Measured, price: ModelPrice, cached: bool = False) -> float:
    """Dollars for 1,000 requests at list prices.

    cached: price the part that came from the engine's prefix cache as the provider prices cached input. Off, because
    providers cache prompts from 1,024 tokens on, and these are shorter.
    """
    kept = measured.mean("cached") if cached else 0.0
    tokens = (measured.mean("input") - kept) * price.input + kept * price.cached
    return (tokens + measured.mean("output") * price.output) / 1e3


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (cost, quality): does no other point cost at most as much and answer at least as well, one strictly?"""
    return [
        not any((c <= cost and q >= quality) and (c < cost or q > quality) for c, q in points)
        for cost, quality in points
    ]


def table(some: Sequence[Measured], baseline: Measured, price: ModelPrice, max_loss: float) -> list[dict[str, Any]]:
    """One row per variant: tokens, dollars per 1,000 requests, quality with interval, loss with bound, verdict."""
    usd = [usd_per_thousand(one, price) for one in some]
    best = pareto([(cost, one.quality) for cost, one in zip(usd, some, strict=True)])
    rows = []
    for one, cost, front in zip(some, usd, best, strict=True):
        verdict = accepted(one, baseline, max_loss)
        rows.append({
            "variant": one.variant.name, "input tokens": one.mean("input"), "cached tokens": one.mean("cached"),
            "output tokens": one.mean("output"), "USD per 1,000": cost, "quality": one.quality,
            "low": one.interval[0], "high": one.interval[1], "n": one.n, "failed": one.failed,
            "loss": verdict.loss.loss, "loss at most": verdict.loss.high, "accepted": verdict.accepted,
            "pareto": front, "reason": verdict.reason,
        })  # fmt: skip
    return rows


_SPANS = {"quality": ("low", "high")}
_METRICS = {
    "input tokens": "tokens", "cached tokens": "tokens", "output tokens": "tokens", "USD per 1,000": "USD",
    "quality": "share", "loss": "share", "loss at most": "share",
}  # fmt: skip


def as_records(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `table` as a benchmark keeps them; quartiles of `quality` are its 95 % interval."""
    made = []
    for row in rows:
        for metric, unit in _METRICS.items():
            one = {"target": row["variant"], "metric": metric, "unit": unit, "median": float(f"{row[metric]:.5g}")}
            if metric in _SPANS:
                one |= dict(zip(("p25", "p75"), (float(f"{row[name]:.5g}") for name in _SPANS[metric]), strict=True))
            made.append({**one, "rounds": row["n"]})
    return made


def from_records(records: Sequence[Mapping[str, Any]], max_loss: float) -> list[dict[str, Any]]:
    """The rows of `table` back from a benchmark's file, judged by `max_loss`; without `failed` and `reason`."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        row = found.setdefault(record["target"], {"variant": record["target"], "n": record["rounds"]})
        row[record["metric"]] = record["median"]
        if record["metric"] in _SPANS:
            row |= dict(zip(_SPANS[record["metric"]], (record["p25"], record["p75"]), strict=True))
    made = list(found.values())
    best = pareto([(row["USD per 1,000"], row["quality"]) for row in made])
    return [
        {**row, "accepted": row["loss at most"] <= max_loss, "pareto": front}
        for row, front in zip(made, best, strict=True)
    ]
