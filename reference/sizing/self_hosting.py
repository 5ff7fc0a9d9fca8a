"""Self-hosting a model against paying for an API: GPUs for a volume, what they cost, and the volume that pays.

Volumes are tokens a month, input and output together; prices dollars; rates tokens per second of one GPU. Rates are
those of named measurements (hosting_rates.toml), scaled to another model or GPU only by a bound that says so.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from .cost import HOURS_PER_MONTH
from .evidence import Derived, Evidence, Measured
from .hardware import accelerator
from .memory import Infeasible
from .units import Q, magnitude


class NeverPays(Infeasible):
    """No volume makes self-hosting pay. `.shortfall`: dollars per million tokens above the API; 0: there is no rate."""

    def __init__(self, message: str, dollars: float = 0.0) -> None:
        super().__init__(message, Q(dollars, "USD/Mtoken"), ())


@dataclass(frozen=True)
class HostingRate:
    """Tokens per second of one machine, input and output together.

    Attributes:
        hardware: key of the GPU table; empty for a machine that is not in it.
        token_flops: matrix FLOP of one token, for scaling to another model: 2 x layers x (4 h^2 + 2 h f).
    """

    name: str
    tokens_per_s: float
    hardware: str
    token_flops: float
    conditions: str
    evidence: Evidence


def token_flops(layers: int, hidden: int, ffn: int) -> float:
    """Matrix FLOP per token of an encoder: four attention projections and two feed-forward matrices per layer."""
    return 2.0 * layers * (4 * hidden**2 + 2 * hidden * ffn)


# XLM-RoBERTa and BERT of the size "large": the shape of e5-large and bge-large, from their config.json.
LARGE_EMBEDDER = token_flops(24, 1024, 4096)


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files(__package__).joinpath("hosting_rates.toml").read_text("utf-8"))


def rate_names() -> list[str]:
    """Names of the measured rates."""
    return list(_table())


def measured_rate(name: str) -> HostingRate:
    """A measured rate by its name. Raises KeyError that lists the names there are."""
    try:
        row = _table()[name]
    except KeyError:
        raise KeyError(f"no measured rate {name!r}; there are {', '.join(rate_names())}") from None
    evidence = Measured(
        row["machine"], {"benchmark": row["benchmark"]}, f"benchmarks/results/{row['benchmark']}.json, {row['target']}",
        row["n"], row["spread"], row["date"],
    )  # fmt: skip
    return HostingRate(
        name,
        row["value"] * row["tokens_each"],
        row["hardware"],
        token_flops(**row["shape"]),
        row["conditions"],
        evidence,
    )


def scaled_to(rate: HostingRate, hardware: str) -> tuple[HostingRate, HostingRate]:
    """(low, high) of the rate on another GPU, at equal efficiency: a roofline bound, not a measurement.

    A step is limited by arithmetic or by memory, so its time grows by at least the smaller and at most the larger of
    the two ratios. Does not check that the model fits.
    """
    if not rate.hardware:
        raise ValueError(f"{rate.name} was not measured on a GPU of the table, so it cannot be scaled to {hardware}")
    old, new = accelerator(rate.hardware), accelerator(hardware)
    arithmetic = magnitude(new.bf16_flops / old.bf16_flops, "")
    memory = magnitude(new.bandwidth / old.bandwidth, "")

    def by(factor: float) -> HostingRate:
        evidence = Derived(
            "self_hosting.scaled_to",
            {"measured": rate.tokens_per_s, "from": old.name, "to": new.name, "factor": factor},
            units_checked=False,
        )
        return replace(
            rate, name=f"{rate.name}, scaled to {hardware}", tokens_per_s=rate.tokens_per_s * factor,
            hardware=hardware, evidence=evidence,
        )  # fmt: skip

    return by(min(arithmetic, memory)), by(max(arithmetic, memory))


def for_model(rate: HostingRate, flops: float, model: str) -> HostingRate:
    """The rate for another encoder by its matrix FLOP per token, at equal efficiency.

    A lower bound for a larger model, whose matrices use a GPU better.
    """
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops!r}")
    factor = rate.token_flops / flops
    evidence = Derived("self_hosting.for_model", {"rate": rate.tokens_per_s, "factor": factor}, units_checked=False)
    return replace(
        rate, name=f"{model} ({rate.name})", tokens_per_s=rate.tokens_per_s * factor, token_flops=flops,
        evidence=evidence,
    )  # fmt: skip


@dataclass(frozen=True)
class Hosting:
    """A fleet of equal GPUs for one model.

    Attributes:
        tokens_per_s: of one GPU at full load; utilisation: share of it that is planned with, for load varies.
        price_per_hour: dollars of one GPU; hours: of a month; replicas: GPUs at least, so that one may fail.
        ops: dollars a month for people, monitoring, networking, however small the volume.
    """

    tokens_per_s: float
    price_per_hour: float
    utilisation: float = 0.5
    replicas: int = 2
    ops: float = 0.0
    hours: float = HOURS_PER_MONTH

    def __post_init__(self) -> None:
        for name in ("tokens_per_s", "price_per_hour", "ops", "hours"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)!r}")
        if not 0 <= self.utilisation <= 1:
            raise ValueError(f"utilisation must lie in [0, 1], got {self.utilisation!r}")
        if self.replicas < 1:
            raise ValueError(f"replicas must be at least 1, got {self.replicas!r}")

    @property
    def tokens_per_gpu(self) -> float:
        """Tokens a month of one GPU at the planned utilisation. Raises NeverPays if it is 0."""
        capacity = self.tokens_per_s * self.utilisation * self.hours * 3600
        if capacity <= 0:
            raise NeverPays("a GPU that makes no tokens carries no volume: tokens_per_s, utilisation and hours are 0")
        return capacity

    @property
    def gpu_month(self) -> float:
        """Dollars of one GPU for a month."""
        return self.price_per_hour * self.hours

    def gpus(self, tokens: float) -> int:
        """GPUs for a month of `tokens`; at least the replicas, and none for no volume."""
        return int(gpus_needed(tokens, self.tokens_per_gpu, self.replicas))

    def cost(self, tokens: float) -> float:
        """Dollars of a month of `tokens`; 0 for no volume, for then nothing is hosted."""
        return self.gpus(tokens) * self.gpu_month + self.ops if tokens > 0 else 0.0

    def utilised(self, tokens: float) -> float:
        """Share of the fleet's full rate that the volume takes; at most `utilisation`."""
        gpus = self.gpus(tokens)
        return tokens / (gpus * self.tokens_per_gpu) * self.utilisation if gpus else 0.0


def gpus_needed(tokens: Any, tokens_per_gpu: Any, replicas: Any) -> Any:
    """ceil(volume / capacity), at least the replicas where there is volume; numbers or numpy arrays alike."""
    import numpy as np

    if np.any(np.less(tokens, 0)):
        raise ValueError("tokens must not be negative")
    # A volume that is a whole number of GPUs but for rounding must not ask for one more.
    whole = np.ceil(np.asarray(tokens) / tokens_per_gpu * (1 - 1e-12))
    return np.where(np.asarray(tokens) > 0, np.maximum(whole, replicas), 0.0)


@dataclass(frozen=True)
class BreakEven:
    """Tokens a month. Below `first` self-hosting is dearer, from `always` on it is cheaper; between, it alternates,
    for every further GPU is a step. `gpus`: of the fleet at `always`."""

    first: float
    always: float
    gpus: int


def breakeven(hosting: Hosting, api_price: float) -> BreakEven:
    """Where self-hosting starts to pay against an API of `api_price` dollars per million tokens.

    With n GPUs of c tokens and p dollars a month and ops o the costs cross at (n p + o) / a, if that volume needs n
    GPUs. Raises NeverPays if a full GPU costs more per token than the API, whatever the volume.
    """
    if api_price <= 0:
        raise NeverPays(f"nothing is cheaper than an API of {api_price:g} dollars per million tokens")
    each, price, capacity = api_price / 1e6, hosting.gpu_month, hosting.tokens_per_gpu
    gain = each * capacity - price  # what a full GPU saves a month
    if gain <= 0:
        raise NeverPays(
            f"a full GPU costs ${price / capacity * 1e6:.3f} per million tokens, the API ${api_price:g}: self-hosting "
            "never pays at this rate, price and utilisation",
            price / capacity * 1e6 - api_price,
        )

    def crossing(gpus: int) -> float:
        return (gpus * price + hosting.ops) / each

    # The volume at which n GPUs are full pays from n = ops / gain on; the volume that first needs the n-th GPU pays
    # from n = (ops + one full GPU at API prices) / gain on.
    # A whole number but for rounding is that number: a crossing at the very step belongs to the fleet before it.
    first = max(hosting.replicas, math.ceil(hosting.ops / gain * (1 - 1e-9)))
    last = max(hosting.replicas, math.ceil((hosting.ops + each * capacity) / gain * (1 - 1e-9)) - 1)
    return BreakEven(crossing(first), max(crossing(last), crossing(first)), last)


def breakeven_tokens_per_month(hosting: Hosting, api_price: float) -> float:
    """Tokens a month from which self-hosting is never dearer again. Raises NeverPays if there is none."""
    return breakeven(hosting, api_price).always


def breakeven_gpu_price(hosting: Hosting, api_price: float, tokens: float) -> float:
    """Dollars per GPU-hour at which the volume costs the same both ways; negative if people alone cost more."""
    gpus = hosting.gpus(tokens)
    if not gpus:
        raise NeverPays("no volume, so no price of a GPU makes it pay")
    return (tokens * api_price / 1e6 - hosting.ops) / (gpus * hosting.hours)


def curve(hosting: Hosting, api_price: float, volumes: Sequence[float]) -> list[dict[str, float]]:
    """One row per volume: tokens, dollars both ways, GPUs and their utilisation."""
    return [
        {
            "tokens": tokens, "hosted": hosting.cost(tokens), "api": tokens * api_price / 1e6,
            "gpus": hosting.gpus(tokens), "utilisation": hosting.utilised(tokens),
        }
        for tokens in volumes
    ]  # fmt: skip
