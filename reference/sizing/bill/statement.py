"""A finished bill: totals by whatever is asked, months, what discounts save already, and what is not in the total."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from reference.sizing.cost import HOURS_PER_MONTH

from .lines import BillError, Line
from .prices import Dollars, line_cost, model_price

By = Literal["model", "provider", "tenant", "feature", "batch", "kind"]
BYS: tuple[By, ...] = ("model", "provider", "tenant", "feature", "batch", "kind")
DAYS_PER_MONTH = HOURS_PER_MONTH / 24


@dataclass(frozen=True)
class Period:
    """What the records cover. `origin`: `given` by the user, from the records' `times`, or `unknown`."""

    start: float | None
    end: float | None
    days: float | None
    origin: Literal["given", "times", "unknown"]

    @property
    def per_month(self) -> float:
        """Factor from the records to a month of 365/12 days.

        1 where the period is unknown, or 27.5 to 31.5 days long: a calendar month is a month, whatever its length.
        """
        if self.days is None or 27.5 <= self.days <= 31.5:
            return 1.0
        return DAYS_PER_MONTH / self.days

    def summary(self) -> str:
        """One sentence."""
        if self.days is None:
            return (
                "The records do not say which period they cover; they are taken as one month (--days says otherwise)."
            )
        span = ""
        if self.start is not None and self.end is not None:
            span = f", {_day(self.start)} to {_day(self.end)}"
        length = f"{self.days:.1f} days" if self.days >= 1 else f"{self.days * 24:.1f} hours"
        length += " (as given)" if self.origin == "given" else ""
        if self.per_month == 1.0:
            return f"{length}{span}: taken as one month."
        caution = "" if self.days >= 7 else " So short a period says little about a month."
        return f"{length}{span}: a month is {self.per_month:.3g} times as much.{caution}"


def _day(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d")


class PricedAs(NamedTuple):
    """A model of the export and the entry of the price list that it got."""

    model: str
    provider: str
    listed_model: str
    listed_provider: str


@dataclass(frozen=True)
class Total:
    """Sums of some lines, for the period of the bill."""

    name: str
    dollars: Dollars
    requests: float
    input_tokens: float
    cached_tokens: float
    output_tokens: float


@dataclass(frozen=True)
class Savings:
    """Dollars that the bill would be higher by, for its period.

    Attributes:
        prompt_cache: cached input at its own price instead of the full one.
        batch: the batch discount, on prices that have the prompt cache's already.
        own_cache: answers from the caller's own cache, at list price.
    """

    prompt_cache: float
    batch: float
    own_cache: float


@dataclass(frozen=True)
class Bill:
    """What was used and what it costs at list prices, for the period of the records.

    Attributes:
        lines: with a list price, under the list's names. unpriced: without one, under the export's.
        avoided: answered from the caller's own cache; no provider was paid.
        stated: by model (our dollars, the export's dollars, requests), over the rows that state a cost and have a
            price. stated_unpriced: what the export says that models without a price cost.
        reasons: by model without a price, why. remarks: what was assumed, for how many rows.
        unpriced_kinds: tokens that no price is applied to, by kind.
        folded: rows, by name, whose tenant, feature or model was one too many to be told apart.
    """

    lines: tuple[Line, ...]
    period: Period
    unpriced: tuple[Line, ...] = ()
    avoided: tuple[Line, ...] = ()
    records: int = 0
    priced_as: tuple[PricedAs, ...] = ()
    stated: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    stated_unpriced: float = 0.0
    reasons: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)
    unpriced_kinds: Mapping[str, int] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Total:
        """Everything that has a price."""
        return _total("total", self.lines)

    def by(self, name: By) -> tuple[Total, ...]:
        """Totals by a property of the lines, dearest first; an empty name reads `(not given)`.

        Raises:
            BillError: no such property.
        """
        if name not in BYS:
            raise BillError(f"by: {name!r} is not known; one of {', '.join(BYS)}")
        groups: dict[str, list[Line]] = {}
        for line in self.lines:
            groups.setdefault(_label(name, line), []).append(line)
        return tuple(
            sorted((_total(key, lines) for key, lines in groups.items()), key=lambda t: (-t.dollars.total, t.name))
        )

    @property
    def tokens(self) -> float:
        """Input and output tokens that a provider was asked to bill, with and without a price."""
        return sum(line.input_tokens + line.output_tokens for line in (*self.lines, *self.unpriced))

    @property
    def unpriced_share(self) -> float:
        """Share of those tokens that has no price; 0 where there are none."""
        without = sum(line.input_tokens + line.output_tokens for line in self.unpriced)
        return without / self.tokens if without else 0.0

    @property
    def savings(self) -> Savings:
        """What discounts save already, for the period."""
        prompt_cache = batch = 0.0
        for line in self.lines:
            price = model_price(line.model, line.provider)
            at_full = replace(line, batch=False)
            if line.batch:
                batch += line_cost(at_full).total - line_cost(line).total
            prompt_cache += line.cached_tokens * (price.input - price.cached) / 1e6
        return Savings(prompt_cache=prompt_cache, batch=batch, own_cache=sum(map(_cost_if_known, self.avoided)))

    def monthly(self, features: Collection[str] | None = None) -> tuple[Line, ...]:
        """The priced lines scaled to a month, tenants added up: what a plan starts from.

        Args:
            features: the ones to keep apart; None: all of them.
        """
        factor = self.period.per_month
        merged: dict[Line, list[float]] = {}
        for line in self.lines:
            feature = line.feature if features is None or line.feature in features else ""
            bare = replace(
                line, requests=0.0, input_tokens=0.0, cached_tokens=0.0, output_tokens=0.0, tenant="", feature=feature
            )
            sums = merged.setdefault(bare, [0.0, 0.0, 0.0, 0.0])
            for index, value in enumerate((line.requests, line.input_tokens, line.cached_tokens, line.output_tokens)):
                sums[index] += value * factor
        return tuple(
            replace(bare, requests=sums[0], input_tokens=sums[1], cached_tokens=sums[2], output_tokens=sums[3])
            for bare, sums in merged.items()
        )


def _label(name: By, line: Line) -> str:
    if name == "batch":
        return "batch" if line.batch else "not batch"
    return str(getattr(line, name)) or "(not given)"


def _total(name: str, lines: list[Line] | tuple[Line, ...]) -> Total:
    dollars = Dollars()
    for line in lines:
        dollars += line_cost(line)

    def sum_of(value: Callable[[Line], float]) -> float:
        return sum(map(value, lines))

    return Total(
        name, dollars, sum_of(lambda x: x.requests), sum_of(lambda x: x.input_tokens),
        sum_of(lambda x: x.cached_tokens), sum_of(lambda x: x.output_tokens),
    )  # fmt: skip


def _cost_if_known(line: Line) -> float:
    from reference.sizing.hardware import NoPrice

    try:
        return line_cost(line).total
    except NoPrice:
        return 0.0
