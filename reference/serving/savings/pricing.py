"""Dollars of a replay: tokens from the gateway's own usage export, at list prices of models that stand in for ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reference.sizing.bill.lines import Line

from .workload import SavingsError

if TYPE_CHECKING:
    from reference.sizing.self_hosting import Hosting

    from .replay import Outcome

BACKLOG = "backlog"


@dataclass(frozen=True)
class Pricing:
    """What the parts of a replay would cost. Prices are the list's; the quality is that of the local models.

    Not priced: the sentence vectors by which examples are chosen (in every replay) and by which the router decides.

    Attributes:
        strong, small, embedder: models of the price list that stand in for the engine, for the small tier that the
            router uses, and for the embedder.
        requests_per_month: the workload is taken as the mix of so many requests.
        hosting: machines that run the self-hosted embedder and the small model of the backlog (both are one sentence
            encoder; the head on top of it costs nothing beside).

    Raises:
        SavingsError: no requests per month.
    """

    hosting: Hosting
    strong: str = "gpt-4"
    small: str = "gpt-4o-mini"
    embedder: str = "text-embedding-3-small"
    requests_per_month: float = 50e6

    def __post_init__(self) -> None:
        if not self.requests_per_month > 0:
            raise SavingsError(f"requests_per_month: must be above 0, got {self.requests_per_month!r}")


@dataclass(frozen=True)
class Bill:
    """Dollars a month. `lines`: what is paid to providers, scaled; `hosted_tokens`: what the own machines read."""

    lines: tuple[Line, ...]
    hosted_tokens: float
    api: float
    hosting: float

    @property
    def total(self) -> float:
        return self.api + self.hosting


def lines_of(usage: Sequence[Mapping[str, Any]], pricing: Pricing) -> tuple[tuple[Line, ...], float]:
    """(lines at the stand-ins' names, tokens that the self-hosted small model read) of a usage export's rows.

    Input that came from the engine's prefix cache is priced as any other: providers cache prompts from 1,024 tokens on.
    """
    made: list[Line] = []
    hosted = 0.0
    for row in usage:
        if not row["num_model_requests"]:  # answers from caches only
            continue
        if row["tier"] == "small" and row["feature"] == BACKLOG:
            hosted += row["input_tokens"]
            continue
        name = pricing.small if row["tier"] == "small" else pricing.strong
        made.append(
            Line(
                name,
                row["num_model_requests"],
                row["input_tokens"],
                row["output_tokens"],
                batch=bool(row["batch"]),
                feature=row["feature"] or "",
            )
        )
    return tuple(made), hosted


def bill(outcome: Outcome, pricing: Pricing) -> Bill:
    """The month's bill if all its requests were as those of the replay."""
    from reference.sizing.bill.prices import cost_of

    lines, hosted = lines_of(outcome.usage, pricing)
    if outcome.switches.embeddings:
        hosted += outcome.embed_tokens
    elif outcome.embed_tokens:
        lines += (Line(pricing.embedder, outcome.embed_texts, outcome.embed_tokens, feature="embed", kind="embedding"),)
    factor = pricing.requests_per_month / len(outcome.answers)
    scaled = tuple(
        replace(line, requests=line.requests * factor, input_tokens=line.input_tokens * factor,
                output_tokens=line.output_tokens * factor)
        for line in lines
    )  # fmt: skip
    return Bill(scaled, hosted * factor, cost_of(scaled), pricing.hosting.cost(hosted * factor))
