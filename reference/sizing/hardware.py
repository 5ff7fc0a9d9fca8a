"""Accelerators: memory, bandwidth, dense peak, price, each with its source. `measure_this_machine()` adds the CPU.

Prices carry a date. One older than 180 days, or of unknown date, warns with StalePrice; one that is not known at all is
an error that says how to supply it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import tomllib
import warnings
from dataclasses import dataclass, field
from importlib import resources
from typing import Annotated, Any

from .bands import checked, checked_fields
from .evidence import Cited, Evidence
from .units import Q, Quantity

STALE_AFTER = dt.timedelta(days=180)


class StalePrice(UserWarning):
    """A price older than 180 days, or one whose date is unknown."""


class NoPrice(LookupError):
    """No trustworthy price is known for this hardware."""


@checked_fields
@dataclass(frozen=True)
class Price:
    """What one GPU costs for an hour, on demand."""

    usd_per_gpu_hour: Annotated[Quantity, "price_per_gpu_hour"]
    provider: str
    item: str
    form: str
    source: str
    as_of: dt.date | None

    @property
    def evidence(self) -> Cited:
        return Cited(f"{self.provider} {self.item}, on demand, from {self.source}", self.as_of)

    def stale(self, today: dt.date | None = None) -> str | None:
        """Why this price should not be trusted any more, or None."""
        if self.as_of is None:
            return f"the price of {self.provider} {self.item} has no known date"
        age = (today or dt.date.today()) - self.as_of
        if age > STALE_AFTER:
            return f"the price of {self.provider} {self.item} is {age.days} days old (as of {self.as_of})"
        return None


@checked_fields
@dataclass(frozen=True)
class Hardware:
    """One accelerator. `memory` is what a CUDA program sees; see hardware.toml for what the sales name hides."""

    key: str
    name: str
    form: str
    memory: Annotated[Quantity, "gpu_memory"]
    bandwidth: Annotated[Quantity, "bandwidth"]
    bf16_flops: Annotated[Quantity, "compute_rate"]
    evidence: Evidence
    sold_as: str = ""
    memory_total: Annotated[Quantity, "gpu_memory"] | None = None
    fp8_flops: Annotated[Quantity, "compute_rate"] | None = None
    f32_flops: Annotated[Quantity, "compute_rate"] | None = None
    link_bandwidth: Annotated[Quantity, "link_bandwidth"] | None = None
    prices: tuple[Price, ...] = field(default=())

    def peak_flops(self, dtype: str) -> Quantity:
        """Dense peak in the arithmetic that `dtype` weights are computed in.

        Weights of 8 bits are computed in FP8 where the tensor cores have it, otherwise widened to bf16 first; 4-bit
        weights are always widened, they save memory traffic and no arithmetic.
        """
        return self.fp8_flops if dtype == "fp8" and self.fp8_flops is not None else self.bf16_flops

    def price(self, provider: str | None = None, today: dt.date | None = None) -> Price:
        """The on-demand price at `provider`, or without one the cheapest price of known date.

        Raises NoPrice if there is none; warns StalePrice if it is too old.
        """
        if provider is None:
            pool = [price for price in self.prices if price.as_of is not None] or list(self.prices)
        else:
            pool = [price for price in self.prices if price.provider.lower() == provider.lower()]
        if not pool:
            known = ", ".join(price.provider for price in self.prices) or "none"
            raise NoPrice(
                f"no trustworthy price for {self.name}{f' at {provider}' if provider else ''} (known: {known}). "
                "Supply one: hardware.with_price(Q(4.50, 'USD/gpu/h'), provider='...', source='...', "
                "as_of=datetime.date(...))"
            )
        chosen = min(pool, key=lambda price: price.usd_per_gpu_hour)
        if (reason := chosen.stale(today)) is not None:
            warnings.warn(f"{reason}: check it before quoting a cost", StalePrice, stacklevel=2)
        return chosen

    def with_price(
        self,
        usd_per_gpu_hour: Quantity,
        *,
        provider: str,
        source: str,
        as_of: dt.date | None,
        item: str = "",
        form: str = "",
    ) -> Hardware:
        """A copy that costs what you say and nothing else, with your source for it; without a date it will warn."""
        price = Price(usd_per_gpu_hour, provider, item or self.name, form or self.form, source, as_of)
        return dataclasses.replace(self, prices=(price,))


@functools.cache
def _table() -> dict[str, Hardware]:
    raw: dict[str, Any] = tomllib.loads(resources.files(__package__).joinpath("hardware.toml").read_text("utf-8"))
    sources = raw.pop("sources")

    def price(row: dict[str, Any]) -> Price:
        source = sources[row["source"]]
        usd = Q(row["usd_per_gpu_hour"], "USD/gpu/h")
        return Price(usd, row["provider"], row["item"], row["form"], source["source"], source.get("date"))

    table = {}
    for key, row in raw.items():
        quantities = ("memory", "memory_total", "bandwidth", "bf16_flops", "fp8_flops", "link_bandwidth")
        evidence = Cited(
            f"{sources['datasheets']['source']}; memory: {row['visible']}; {sources['nvml']['source']}", None
        )
        table[key] = Hardware(
            key=key,
            name=row["name"],
            form=row["form"],
            sold_as=row["sold_as"],
            evidence=evidence,
            prices=tuple(map(price, row["prices"])),
            **{name: Q(row[name]) for name in quantities if name in row},
        )
    return table


def accelerator(key: str) -> Hardware:
    """The accelerator called `key`, one of `accelerator_keys()`; "this-machine" measures this computer (seconds)."""
    if key == "this-machine":
        from .this_machine import measure_this_machine

        return measure_this_machine()
    try:
        return _table()[key]
    except KeyError:
        raise KeyError(f"unknown hardware {key!r}; known: {', '.join(accelerator_keys())}, this-machine") from None


def accelerator_keys() -> list[str]:
    """Keys of the table, smallest memory first."""
    return sorted(_table(), key=lambda key: _table()[key].memory)


@checked
def ridge_intensity(device: Hardware, dtype: str = "bf16") -> Annotated[Quantity, "arithmetic_intensity"]:
    """FLOP per byte above which the device is limited by arithmetic and below which by memory (roofline ridge)."""
    return (device.peak_flops(dtype) / device.bandwidth).to("FLOP/byte")
