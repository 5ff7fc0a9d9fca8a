"""What is asked of a fleet: traffic, lengths, latency targets, money, and which models and machines may be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from reference.sizing.hardware import Hardware, accelerator, accelerator_keys
from reference.sizing.memory import BYTES
from reference.sizing.shapes import ModelShape, shape, shape_keys
from reference.sizing.traffic import (
    AZURE_CHAT_BURST,
    AZURE_CHAT_OUTPUT,
    AZURE_CHAT_OUTPUT_MEDIAN,
    AZURE_CHAT_PROMPT,
    AZURE_CHAT_PROMPT_P99,
    diurnal_factor,
)
from reference.sizing.units import Q, magnitude

Survive = Literal["replica", "zone", "nothing"]
SURVIVE: tuple[Survive, ...] = ("replica", "zone", "nothing")
Z99 = 2.3263478740408408  # standard normal quantile of 0.99
MOST_REQUESTS_PER_S = 1e6  # assumed: beyond this a question is a typing error and a simulation would never end
_NUMBERS = {  # field: lowest, whether the lowest itself is allowed
    "users": (0, False), "messages_per_user": (0, False), "burst": (1, True), "prompt_mean": (1, True),
    "output_mean": (1, True), "shared_prefix": (0, True), "turns": (1, True), "turn_gap_s": (0, False),
    "ttft_ms": (0, False), "tpot_ms": (0, False), "patience_s": (0, False), "provision_s": (0, True),
    "image_pull_s": (0, True), "load_gb_per_s": (0, False), "warm_up_s": (0, True), "warm_pool": (0, True),
    "hours_per_month": (672, True),
}  # fmt: skip


def nearest(name: str, known: Any) -> str:
    """`; did you mean "x"?` or nothing, for a message about an unknown name."""
    names = [str(one) for one in known]
    found = [one for one in names if one.startswith(str(name))] or get_close_matches(str(name), names, n=1, cutoff=0.5)
    return f'; did you mean "{found[0]}"?' if found else ""


def _unknown(what: str, name: str, known: Any) -> str:
    return f"{what}: {name!r} is not known{nearest(name, known)}; known: {', '.join(known)}"


def _number(name: str, value: Any, low: float, allowed: bool) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < low or (value == low and not allowed):
        raise ValueError(f"{name} must be a number {'of at least' if allowed else 'above'} {low:g}, got {value!r}")


@dataclass(frozen=True)
class Requirements:
    """Every field has the default of question 1, so that only what differs has to be said.

    users send messages_per_user requests a day each; `busy_share` of the day's traffic falls into `busy_hours`, and the
    busiest minute is `burst` times their mean. Prompts and answers are lognormal by mean and p99 or median (one of
    the two; without either, Azure's ratio). ttft_ms and tpot_ms hold at their percentiles; availability is the share
    of requests that must be answered at all, the first token within patience_s, after which a client is gone.
    budget_usd: a month, None for no limit. prices: GPU kind -> USD per GPU and hour, in place of the table's.
    survive: what may be gone at the peak with every target still met.
    Raises ValueError that names the field and what it must be.
    """

    users: float = 1e6
    messages_per_user: float = 10.0
    busy_share: float = 0.8
    busy_hours: float = 10.0
    burst: float = AZURE_CHAT_BURST.value
    region_shares: tuple[float, ...] = (1.0,)

    prompt_mean: float = magnitude(AZURE_CHAT_PROMPT.value, "token/request")
    prompt_p99: float | None = None
    prompt_median: float | None = None
    output_mean: float = magnitude(AZURE_CHAT_OUTPUT.value, "token/request")
    output_p99: float | None = None
    output_median: float | None = None
    shared_prefix: int = 500
    turns: int = 1
    turn_gap_s: float = 60.0
    max_context: int = 8192

    ttft_ms: float = 500.0
    ttft_percentile: float = 95.0
    tpot_ms: float = 100.0
    tpot_percentile: float = 95.0
    availability: float = 0.999
    patience_s: float = 30.0

    model: str = "llama-3.1-70b"
    dtypes: tuple[str, ...] = ("bf16", "fp8")
    gpus: tuple[str, ...] = ()
    max_gpus_per_replica: int = 8
    max_num_seqs: int = 256
    max_num_batched_tokens: int | None = None

    survive: Survive = "zone"
    budget_usd: float | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    hours_per_month: float = 730.0

    provision_s: float = 120.0
    image_pull_s: float = 60.0
    load_gb_per_s: float = 2.0
    warm_up_s: float = 60.0
    warm_pool: int = 0

    def __post_init__(self) -> None:
        if not self.gpus:
            object.__setattr__(self, "gpus", tuple(accelerator_keys()))
        for name, (low, allowed) in _NUMBERS.items():
            _number(name, getattr(self, name), low, allowed)
        for name in ("shared_prefix", "turns", "max_context", "max_gpus_per_replica", "max_num_seqs", "warm_pool"):
            if not isinstance(getattr(self, name), int) or isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be a whole number, got {getattr(self, name)!r}")
        if self.max_num_batched_tokens is not None:
            _number("max_num_batched_tokens", self.max_num_batched_tokens, self.max_num_seqs, True)
        self._check_shares()
        if self.peak_rate > MOST_REQUESTS_PER_S:
            raise ValueError(
                f"users x messages_per_user ask for {self.peak_rate:,.0f} requests/s at the peak; up to "
                f"{MOST_REQUESTS_PER_S:,.0f} can be planned"
            )
        self._check_model()
        self._check_lengths()
        self._check_targets()
        self._check_money()

    def _check_shares(self) -> None:
        for name in ("busy_share", "busy_hours"):
            _number(name, getattr(self, name), 0, False)
        try:
            diurnal_factor(self.busy_share, self.busy_hours)
        except ValueError as error:
            raise ValueError(f"busy_share and busy_hours: {error}") from None
        if not self.region_shares or len(self.region_shares) > 32:
            raise ValueError(f"region_shares must name between 1 and 32 regions, got {len(self.region_shares)}")
        for number, share in enumerate(self.region_shares):
            _number(f"region_shares[{number}]", share, 0, False)
        if abs(sum(self.region_shares) - 1) > 0.01:
            raise ValueError(f"region_shares must add up to 1, got {sum(self.region_shares):g}")

    def _check_model(self) -> None:
        if self.model not in shape_keys():
            raise ValueError(_unknown("model", self.model, shape_keys()))
        for gpu in (*self.gpus, *self.prices):
            if gpu not in accelerator_keys():
                raise ValueError(_unknown("gpus", gpu, accelerator_keys()))
        if not self.dtypes:
            raise ValueError(f"dtypes must name at least one of {', '.join(BYTES)}")
        for dtype in self.dtypes:
            if dtype not in BYTES:
                raise ValueError(_unknown("dtypes", dtype, BYTES))
        if not 1 <= self.max_gpus_per_replica <= 8:
            raise ValueError(f"max_gpus_per_replica must lie between 1 and 8, got {self.max_gpus_per_replica}")
        if not 1 <= self.max_num_seqs <= 65536:
            raise ValueError(f"max_num_seqs must lie between 1 and 65536, got {self.max_num_seqs}")

    def _check_lengths(self) -> None:
        limit = self.shape.max_context
        if not 1 < self.max_context <= limit:
            raise ValueError(
                f"max_context must lie between 2 and the {limit:,} of {self.model}, got {self.max_context}"
            )
        for name in ("prompt", "output"):
            mean, p99, median = (getattr(self, f"{name}_{part}") for part in ("mean", "p99", "median"))
            if p99 is not None and median is not None:
                raise ValueError(f"{name}_p99 and {name}_median: give one of them, with the mean they fix the spread")
            if p99 is not None:
                _number(f"{name}_p99", p99, mean, True)
                if p99 / mean > 0.999 * math.exp(Z99**2 / 2):
                    raise ValueError(
                        f"{name}_p99 must be below {math.exp(Z99**2 / 2):.3g} times {name}_mean, got {p99:g}"
                    )
            if median is not None:
                _number(f"{name}_median", median, 1, True)
                if median > mean:
                    raise ValueError(f"{name}_median ({median:g}) must not exceed {name}_mean ({mean:g})")
        longest = self.quantile("prompt", 99) + self.output_mean
        if longest > self.max_context:
            raise ValueError(
                f"the p99 of the prompt and a mean answer take {longest:,.0f} tokens, more than max_context "
                f"({self.max_context:,}; {self.model} takes {limit:,}): raise it or shorten prompt_mean or prompt_p99"
            )
        if self.shared_prefix >= self.prompt_mean:
            raise ValueError(
                f"shared_prefix ({self.shared_prefix:,}) must be below prompt_mean ({self.prompt_mean:,.0f}): it is "
                "part of the prompt"
            )
        if self.turns > 100:
            raise ValueError(f"turns must be at most 100, got {self.turns}")

    def _check_targets(self) -> None:
        for name in ("ttft_percentile", "tpot_percentile"):
            value = getattr(self, name)
            _number(name, value, 0, False)
            if not 50 <= value <= 99.9:
                raise ValueError(
                    f"{name} must lie between 50 and 99.9, got {value:g}; a tail beyond needs measurements"
                )
        if self.patience_s * 1000 < self.ttft_ms:
            raise ValueError(f"patience_s ({self.patience_s:g}) must not be below ttft_ms ({self.ttft_ms:g})")
        _number("availability", self.availability, 0, False)
        if self.availability >= 1:
            raise ValueError(f"availability must be below 1, got {self.availability:g}: no finite fleet promises all")
        if self.survive not in SURVIVE:
            raise ValueError(f"survive must be one of {', '.join(SURVIVE)}, got {self.survive!r}")

    def _check_money(self) -> None:
        if self.budget_usd is not None:
            _number("budget_usd", self.budget_usd, 0, False)
        if self.hours_per_month > 744:
            raise ValueError(f"hours_per_month must lie between 672 and 744, got {self.hours_per_month:g}")
        for gpu, price in self.prices.items():
            _number(f"prices.{gpu}", price, 0, False)

    @property
    def shape(self) -> ModelShape:
        """Shape of the model that is asked for."""
        return shape(self.model)

    @property
    def mean_rate(self) -> float:
        """Requests per second over the day."""
        return self.users * self.messages_per_user / 86_400

    @property
    def peak_rate(self) -> float:
        """Requests per second of the busiest minute, all regions together."""
        return self.mean_rate * self.busy_share / (self.busy_hours / 24) * self.burst

    def sigma(self, which: Literal["prompt", "output"]) -> float:
        """Standard deviation of the logarithm of a length."""
        mean, p99, median = (getattr(self, f"{which}_{part}") for part in ("mean", "p99", "median"))
        if p99 is None and median is None:
            if which == "prompt":
                p99 = mean * float(AZURE_CHAT_PROMPT_P99.value / AZURE_CHAT_PROMPT.value)
            else:
                median = mean * float(AZURE_CHAT_OUTPUT_MEDIAN.value / AZURE_CHAT_OUTPUT.value)
        if median is not None:
            return math.sqrt(2 * math.log(mean / median))
        # p99 / mean = exp(z sigma - sigma^2 / 2); the smaller root is the one that grows from a fixed length.
        return Z99 - math.sqrt(Z99**2 - 2 * math.log(p99 / mean))

    def quantile(self, which: Literal["prompt", "output"], percent: float) -> float:
        """Tokens below which `percent` of the prompts or answers stay."""
        from statistics import NormalDist

        sigma = self.sigma(which)
        mean = getattr(self, f"{which}_mean")
        return float(mean * math.exp(NormalDist().inv_cdf(percent / 100) * sigma - sigma**2 / 2))

    def hardware(self, key: str) -> Hardware:
        """The GPU, at the price that was given for it if there is one."""
        device = accelerator(key)
        if key not in self.prices:
            return device
        import datetime as dt

        return device.with_price(
            Q(self.prices[key], "USD/gpu/h"), provider="given", source="the requirements", as_of=dt.date.today()
        )
