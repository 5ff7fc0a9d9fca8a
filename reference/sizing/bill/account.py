"""Records summed into a bill, in bounded memory: lines that are priced alike, the period, what the export says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from math import gcd
from typing import NamedTuple

from reference.sizing.hardware import NoPrice

from .lines import BillError, Kind, Line
from .prices import ModelPrice, model_price
from .records import Record
from .statement import Bill, Period, PricedAs

OTHER = "(other)"
MOST_NAMES = 2_000  # tenants, and features, that are told apart
MOST_MODELS = 500
MOST_LINES = 50_000


class _Key(NamedTuple):
    model: str
    provider: str
    kind: Kind
    batch: bool
    tenant: str
    feature: str
    stated: bool  # the rows say what they cost
    cached: bool  # answered from the caller's own cache


class Account:
    """Takes records one by one and makes the bill. Sums are whole numbers, so their order does not matter.

    Args:
        price_as: names of models in the export -> models whose list prices they get.

    Raises:
        BillError: a model of `price_as` has no list price.
    """

    def __init__(
        self,
        price_as: Mapping[str, str] | None = None,
        *,
        most_names: int = MOST_NAMES,
        most_models: int = MOST_MODELS,
        most_lines: int = MOST_LINES,
    ) -> None:
        self._price_as = dict(price_as or {})
        for name, model in self._price_as.items():
            try:
                model_price(model)
            except NoPrice as error:
                raise BillError(f"price-as {name}={model}: {error}; name a model that the price list has") from None
        self._most = {"tenant": most_names, "feature": most_names, "model": most_models}
        self._most_lines = most_lines
        self._names: dict[str, set[str]] = {name: set() for name in self._most}
        self._sums: dict[_Key, list[float]] = {}
        self._folded: Counter[str] = Counter()
        self._remarks: Counter[str] = Counter()
        self._unpriced_kinds: Counter[str] = Counter()
        self._first = self._last = 0.0
        self._last_open, self._step = 0.0, 0
        self._timed = 0
        self.records = 0

    def add(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        key = _Key(
            record.model, record.provider, record.kind, record.batch, record.tenant, record.feature,
            record.stated is not None, record.answered_from_cache,
        )  # fmt: skip
        sums = self._sums.get(key)
        if sums is None:
            sums = self._line(key)
        sums[0] += record.requests
        sums[1] += record.input_tokens
        sums[2] += record.cached_tokens
        sums[3] += record.output_tokens
        if record.stated is not None:
            sums[4] += record.stated
        if record.avoided[0]:
            beside = key._replace(cached=True, stated=False)
            rest = self._sums.get(beside) or self._line(beside)
            rest[0] += record.avoided[0]
            rest[1] += record.avoided[1]
            rest[3] += record.avoided[2]
        if record.start is not None:
            self.cover(record.start, record.end)
        for remark in record.remarks:
            self._remarks[remark] += 1
        for name, tokens in record.unpriced:
            self._unpriced_kinds[name] += tokens

    def cover(self, start: float, end: float | None = None) -> None:
        """Widen the period by a time or an interval, in seconds since 1970."""
        if end is None or end < start:
            last = start
            self._step = gcd(self._step, int(start))
            self._last_open = max(self._last_open, start)
        else:
            last = end
        if not self._timed:
            self._first, self._last = start, last
        elif start < self._first:
            self._first = start
        if last > self._last:
            self._last = last
        self._timed += 1

    def _line(self, key: _Key) -> list[float]:
        """A line of its own, or the one of the others where there are too many."""
        key = key._replace(
            model=self._known("model", key.model),
            tenant=self._known("tenant", key.tenant),
            feature=self._known("feature", key.feature),
        )
        if len(self._sums) >= self._most_lines and key not in self._sums:
            self._folded["line"] += 1
            key = key._replace(tenant=OTHER, feature=OTHER)
        return self._sums.setdefault(key, [0, 0, 0, 0, 0.0])

    def _known(self, name: str, value: str) -> str:
        known = self._names[name]
        if value in known:
            return value
        if len(known) >= self._most[name]:
            self._folded[name] += 1
            return OTHER
        known.add(value)
        return value

    def bill(self, days: float | None = None) -> Bill:
        """The bill of everything counted so far.

        Args:
            days: how long the records cover; None: from their own times.

        Raises:
            BillError: `days` is not above 0.
        """
        period = self._period(days)
        billed: dict[tuple[object, ...], list[float]] = {}
        unpriced: dict[tuple[object, ...], list[float]] = {}
        avoided: dict[tuple[object, ...], list[float]] = {}
        names: dict[tuple[str, str], PricedAs] = {}
        stated: dict[str, list[float]] = {}
        stated_unpriced = 0.0
        reasons: dict[str, str] = {}
        for key, sums in self._sums.items():
            price, reason = self._price(key)
            named = (key.model, key.provider)
            if price:
                names[named] = PricedAs(*named, price.model, price.provider)
                named = _stable_name(price, self._price_as.get(key.model, key.model), key.provider)
            else:
                reasons[key.model] = reason
            target = avoided if key.cached else billed if price else unpriced
            rest = target.setdefault((*named, key.kind, key.batch, key.tenant, key.feature), [0, 0, 0, 0])
            for index in range(4):
                rest[index] += sums[index]
            if key.stated and not price:
                stated_unpriced += sums[4]
            elif key.stated and price and not key.cached:
                pair = stated.setdefault(named[0], [0.0, 0.0, 0.0])
                pair[0] += _cost(price, key.batch, sums)
                pair[1] += sums[4]
                pair[2] += sums[0]
        return Bill(
            lines=_lines(billed),
            unpriced=_lines(unpriced),
            avoided=_lines(avoided),
            period=period,
            records=self.records,
            priced_as=tuple(sorted(names.values())),
            stated={model: (ours, theirs, int(requests)) for model, (ours, theirs, requests) in sorted(stated.items())},
            stated_unpriced=stated_unpriced,
            reasons=reasons,
            remarks=dict(self._remarks),
            unpriced_kinds=dict(self._unpriced_kinds),
            folded=dict(self._folded),
        )

    def _price(self, key: _Key) -> tuple[ModelPrice | None, str]:
        wanted = self._price_as.get(key.model)
        try:
            if wanted is not None:
                return model_price(wanted), ""
            return model_price(key.model, key.provider), ""
        except NoPrice as error:
            return None, str(error)

    def unused_price_as(self) -> dict[str, str]:
        """Names of `price_as` that no record has -> the nearest one that a record has, or an empty text."""
        seen = {key.model for key in self._sums}
        return {name: next(iter(get_close_matches(name, seen, 1)), "") for name in self._price_as if name not in seen}

    def _period(self, days: float | None) -> Period:
        start, end = (self._first, self._last) if self._timed else (None, None)
        if end is not None and self._step:
            # Times that all lie on full days, hours or minutes are starts of buckets, and the last bucket counts whole.
            end = max(end, self._last_open + next((step for step in (86400, 3600, 60) if self._step % step == 0), 0))
        if days is not None:
            if not 0 < days < 36_525:
                raise BillError(f"days: must be above 0 and below 36525, got {days:g}")
            return Period(start, end, days, "given")
        if start is not None and end is not None and end > start:
            return Period(start, end, (end - start) / 86400, "times")
        return Period(start, end, None, "unknown")


def _stable_name(price: ModelPrice, model: str, provider: str) -> tuple[str, str]:
    """The list's own names where they lead back to the same price (some of its ids match no pattern of its own)."""
    try:
        again = model_price(price.model, price.provider)
    except NoPrice:
        return model, provider
    return (price.model, price.provider) if again == price else (model, provider)


def _cost(price: ModelPrice, batch: bool, sums: list[float]) -> float:
    plain, cached, output = sums[1] - sums[2], sums[2], sums[3]
    factor = (price.batch if batch else 1.0) / 1e6
    return (plain * price.input + cached * price.cached + output * price.output) * factor


def _lines(found: Mapping[tuple[object, ...], list[float]]) -> tuple[Line, ...]:
    lines = [
        Line(
            model=str(model), provider=str(provider), kind="embedding" if kind == "embedding" else "chat",
            batch=bool(batch), tenant=str(tenant), feature=str(feature), requests=sums[0], input_tokens=sums[1],
            cached_tokens=sums[2], output_tokens=sums[3],
        )
        for (model, provider, kind, batch, tenant, feature), sums in found.items()
    ]  # fmt: skip
    return tuple(sorted(lines, key=lambda one: (one.model, one.provider, one.kind, one.batch, one.tenant, one.feature)))
