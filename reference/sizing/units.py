"""One pint registry for the whole workbook, with dimensions for what a serving system counts.

It is built from the short list below and not from pint's own, because pint's lets through two mistakes that sizing
sheets are full of: its byte has no dimension, so bytes plus a bare number adds up, and its `rpm` means revolutions.
Here bit carries [information] and `rpm` is requests per minute. Tokens, requests, messages and the rest are dimensions
of their own: tokens/s plus requests/s raises, and the only way from one to the other is a stated ratio such as
`Q(211, "token/request")`.
"""

from __future__ import annotations

import functools
import math
from numbers import Real
from typing import Any, TypeAlias

import pint

_DEFINITIONS = """
nano- = 1e-9 = n-
micro- = 1e-6 = µ- = u-
milli- = 1e-3 = m-
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
exa- = 1e18 = E-
kibi- = 2**10 = Ki-
mebi- = 2**20 = Mi-
gibi- = 2**30 = Gi-
tebi- = 2**40 = Ti-

second = [time] = s = sec
minute = 60 * second = min
hour = 60 * minute = h = hr
day = 24 * hour = d
week = 7 * day
year = 365 * day
# 365 days over 12; a bill of 30 days is 720 h, and the 1.4 % between them is told apart in cost.py
month = 730 * hour
percent = 0.01 = %

bit = [information]
byte = 8 * bit = B

token = [token]
request = [request]
message = [message]
post = [post]
query = [query] = query = queries
user = [user]
session = [session]
document = [document]
gpu = [gpu] = gpu = GPU
replica = [replica] = replica = instance
dollar = [money] = USD
flop = [flop] = FLOP
parameter = [parameter] = parameter = param

rpm = request / minute
rps = request / second
tpm = token / minute
tps = token / second
qps = query / second
"""
ureg: pint.UnitRegistry[Any] = pint.UnitRegistry(_DEFINITIONS.splitlines(), case_sensitive=True)
pint.set_application_registry(ureg)  # so that quantities survive pickling between processes

Quantity: TypeAlias = pint.Quantity


class UnitError(TypeError):
    """A quantity with the wrong dimension, or a bare number where a unit is needed."""


def Q(value: float | str, unit: str | None = None) -> Quantity:
    """Quantity from a number and a unit, `Q(140, "GB")`, or from one text, `Q("140 GB")`.

    Raises UnitError for an unknown unit and ValueError for a value that is not a finite number.
    """
    try:
        if isinstance(value, str):
            if unit is not None:
                raise UnitError(f"give either one text or a number and a unit, not both: {value!r}, {unit!r}")
            quantity: Quantity = ureg.Quantity(value)
        else:
            if isinstance(value, bool) or not isinstance(value, Real):
                raise UnitError(f"a quantity needs a number, got {value!r} ({type(value).__name__})")
            quantity = ureg.Quantity(float(value), unit or "")
    except pint.errors.UndefinedUnitError as error:
        raise UnitError(f"unknown unit in {value!r} {unit or ''}: {error}") from None
    if not math.isfinite(quantity.magnitude):
        raise ValueError(f"a quantity must be finite, got {value!r} {unit or ''}")
    return quantity


@functools.cache
def _factor(given: Any, unit: str) -> float:
    """What a magnitude in the units `given` is multiplied by to be in `unit`.

    Kept, for pint parses and compares units anew in every conversion, and a search makes the same one thousands of
    times. A factor alone is enough: the registry above knows no unit with an offset.
    """
    return float(ureg.Quantity(1.0, given).to(unit).magnitude)


def magnitude(value: Any, unit: str, name: str = "value") -> float:
    """The number behind `value` in `unit`. Raises UnitError that names the argument, what came and what was wanted."""
    if not isinstance(value, pint.Quantity):
        if unit in ("", "dimensionless") and isinstance(value, Real) and not isinstance(value, bool):
            return float(value)
        raise UnitError(f"{name} needs a unit: write {name}=Q({value!r}, {unit!r}) or the unit you meant")
    try:
        return float(value.magnitude) * _factor(value.units, unit)
    except pint.errors.DimensionalityError:
        raise UnitError(
            f"{name} must be convertible to {unit!r}, got {value:~P} ({value.dimensionality}). "
            "Different things convert only through a stated ratio, for example Q(211, 'token/request')."
        ) from None


def money(value: Quantity, digits: int | None = None) -> str:
    """Dollars for a reader: `$75,600`, `$3.50`, `$0.0021`; a rate keeps its per-part: `$105/h`."""
    units = value.units
    per = (units / ureg.dollar).dimensionality
    amount = float(value.magnitude)
    if digits is None:
        size = abs(amount)
        digits = 0 if size >= 1000 or amount == int(amount) else 2 if size >= 0.1 else 6
    text = f"{abs(amount):,.{digits}f}"
    if digits == 6:
        text = text.rstrip("0")
    suffix = (
        ""
        if not per
        else f"{(1 / ureg.Quantity(1, ureg.dollar) * ureg.Quantity(1, units)).units:~P}".replace("1/", "/")
    )
    return f"{'-' if amount < 0 else ''}${text}{suffix}"


def show(value: Any, digits: int = 4) -> str:
    """A quantity for a table cell: four significant digits, thousands separated, short unit."""
    if isinstance(value, pint.Quantity):
        if value.dimensionality == {"[money]": 1}:
            return money(value.to("dollar"))
        return f"{_number(float(value.magnitude), digits)} {value.units:~P}".strip()
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    return _number(float(value), digits)


def count(value: Quantity, unit: str) -> str:
    """The number alone, in `unit`, for a sentence that names the things itself: `f"{count(n, 'token')} tokens"`."""
    return _number(magnitude(value, unit), 4)


def _number(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    if abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{digits}g}"
