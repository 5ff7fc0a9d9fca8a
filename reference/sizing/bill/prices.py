"""What a line costs: list prices of the package genai-prices, cached input at its own price, batches at a discount."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from reference.sizing.bands import what_if
from reference.sizing.cost import token_price
from reference.sizing.evidence import Cited
from reference.sizing.hardware import NoPrice

from .lines import Line
from .price_names import SELF_HOSTED, listed_name

_BATCH = Path(__file__).with_name("batch_discounts.toml")


@dataclass(frozen=True)
class ModelPrice:
    """Dollars per million tokens. `cached` equals `input` where the provider has no price of its own for it.

    Attributes:
        batch: factor on all of them in the provider's batch API; 1 where it has none that is known.
    """

    model: str
    provider: str
    input: float
    cached: float
    output: float
    batch: float
    evidence: Cited


@lru_cache(4096)
def model_price(model: str, provider: str = "") -> ModelPrice:
    """List price of a model, offline, under its own or LiteLLM's names (`azure/gpt-4o`, provider `bedrock`).

    Raises:
        NoPrice: the list does not have it, or it runs on an engine of one's own.
    """
    name, at = listed_name(model, provider)
    if at in SELF_HOSTED:
        raise NoPrice(f"no token price for model {name!r}: {at} is an engine of one's own, which costs GPU hours")
    with what_if():  # an embedder's output costs nothing, which is not implausible
        found = token_price(name, at)
    per_million = "USD/Mtoken"
    plain_input = float(found.input.to(per_million).magnitude)
    cached = plain_input if found.cached_input is None else float(found.cached_input.to(per_million).magnitude)
    return ModelPrice(
        model=found.model, provider=found.provider, input=plain_input, cached=cached,
        output=float(found.output.to(per_million).magnitude), batch=batch_factor(found.provider),
        evidence=found.evidence,
    )  # fmt: skip


@cache
def _discounts() -> Mapping[str, Any]:
    return tomllib.loads(_BATCH.read_text())


def batch_factor(provider: str) -> float:
    """Share of the list price that a provider's batch API charges (sources in batch_discounts.toml)."""
    return float(_discounts()["factor"].get(provider, 1.0))


@dataclass(frozen=True)
class Dollars:
    """A cost by its parts."""

    input: float = 0.0
    cached: float = 0.0
    output: float = 0.0

    @property
    def total(self) -> float:
        """Dollars of input, cached input and output together."""
        return self.input + self.cached + self.output

    def __add__(self, other: Dollars) -> Dollars:
        return Dollars(self.input + other.input, self.cached + other.cached, self.output + other.output)


def line_cost(line: Line) -> Dollars:
    """Dollars of one line at list price. Raises NoPrice for an unknown model."""
    price = model_price(line.model, line.provider)
    factor = (price.batch if line.batch else 1.0) / 1e6
    return Dollars(
        input=(line.input_tokens - line.cached_tokens) * price.input * factor,
        cached=line.cached_tokens * price.cached * factor,
        output=line.output_tokens * price.output * factor,
    )


def cost_of(lines: Sequence[Line]) -> float:
    """Dollars of a whole bill."""
    return sum(line_cost(line).total for line in lines)
