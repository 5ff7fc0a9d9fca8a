"""Money: GPU-hours to months, dollars per million tokens, discounts, and what an API charges for the same tokens."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from .bands import checked, checked_fields
from .evidence import Cited
from .hardware import NoPrice
from .units import Q, Quantity, magnitude

# A month of 365/12 days, and the month of 30 days that many sheets use. They differ by 1.4 %.
HOURS_PER_MONTH = 730
HOURS_PER_30_DAYS = 720


@checked
def fleet_cost_rate(
    gpus: Annotated[Quantity, "gpus"], price: Annotated[Quantity, "price_per_gpu_hour"]
) -> Annotated[Quantity, "cost_rate"]:
    """Dollars per hour of so many GPUs."""
    return (gpus * price).to("USD/h")


@checked
def monthly_cost(rate: Annotated[Quantity, "cost_rate"], hours: float = HOURS_PER_MONTH) -> Annotated[Quantity, "cost"]:
    """Dollars for one month of `hours` hours, 730 or 720; the result is plain dollars."""
    if not 672 <= hours <= 744:
        raise ValueError(f"a month has between 672 and 744 hours, got {hours:g}")
    return Q(magnitude(rate, "USD/h", "rate") * hours, "USD")


@checked
def discounted(
    cost: Annotated[Quantity, "cost"], discount: Annotated[float, "fraction"]
) -> Annotated[Quantity, "cost"]:
    """Cost after a spot or reserved discount, which is an assumption and never a price."""
    return (cost * (1 - discount)).to("USD")


@checked
def implied_discount(
    full: Annotated[Quantity, "cost"], paid: Annotated[Quantity, "cost"]
) -> Annotated[Quantity, "fraction"]:
    """Discount that turns `full` into `paid`."""
    return (1 - paid / full).to("")


@checked
def cost_per_million_tokens(
    price: Annotated[Quantity, "price_per_gpu_hour"],
    gpus: Annotated[Quantity, "gpus"],
    rate: Annotated[Quantity, "token_rate"],
    utilisation: Annotated[float, "fraction"] = 1.0,
) -> Annotated[Quantity, "price_per_million_tokens"]:
    """Dollars per million tokens of a replica of `gpus` GPUs making `rate` tokens/s, busy for `utilisation`."""
    if magnitude(rate, "token/s", "rate") <= 0 or utilisation <= 0:
        raise ValueError("rate and utilisation must be positive: idle GPUs make no tokens at any price")
    return (price * gpus / (rate * utilisation)).to("USD/Mtoken")


@checked_fields
@dataclass(frozen=True)
class TokenPrice:
    """What a provider charges per million tokens, from the offline list in the package genai-prices."""

    model: str
    provider: str
    input: Annotated[Quantity, "price_per_million_tokens"]
    output: Annotated[Quantity, "price_per_million_tokens"]
    cached_input: Annotated[Quantity, "price_per_million_tokens"] | None
    package: str
    released: dt.date | None

    @property
    def evidence(self) -> Cited:
        return Cited(
            f"{self.package}, {self.provider} {self.model}",
            self.released,
            "list price, no batch discount; the date is that of the package",
        )


# The package's data carry no date of their own, so the month of the release stands in for it.
_PRICE_LIST_RELEASED = {"0.2.3": dt.date(2026, 11, 1)}


def token_price(model: str, provider: str | None = None) -> TokenPrice:
    """List prices of `model`, offline. Raises NoPrice for a model or provider that the list does not have."""
    from importlib import metadata

    import genai_prices

    # Some models cost more past a long prompt, so a short request is priced and scaled up.
    sample, scale = 1000, 1000.0

    def charge(**usage: int) -> genai_prices.types.PriceCalculation:
        return genai_prices.calc_price(genai_prices.Usage(**usage), model_ref=model, provider_id=provider)

    def per_million(amount: object) -> Quantity:
        return Q(float(str(amount)) * scale, "USD/Mtoken")

    try:
        found = charge(input_tokens=sample)
    except LookupError as error:
        raise NoPrice(f"no token price for model {model!r}{f' at {provider!r}' if provider else ''}: {error}") from None
    cached = None
    if getattr(found.model_price, "cache_read_mtok", None) is not None:
        cached = per_million(charge(input_tokens=sample, cache_read_tokens=sample).total_price)
    version = metadata.version("genai-prices")
    return TokenPrice(
        model=found.model.id,
        provider=found.provider.id,
        input=per_million(found.total_price),
        output=per_million(charge(input_tokens=0, output_tokens=sample).total_price),
        cached_input=cached,
        package=f"genai-prices {version}",
        released=_PRICE_LIST_RELEASED.get(version),
    )


@checked
def api_cost(
    price: TokenPrice,
    requests: Annotated[Quantity, "request_rate"],
    prompt: Annotated[Quantity, "tokens_per_request"],
    output: Annotated[Quantity, "tokens_per_request"],
    hours: float = HOURS_PER_MONTH,
) -> Annotated[Quantity, "cost"]:
    """What a month of these requests costs at a provider's token prices. `requests`: the mean rate, not the peak."""
    per_request = prompt * price.input + output * price.output
    return monthly_cost((requests * per_request).to("USD/h"), hours)
