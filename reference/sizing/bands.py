"""Plausibility: every kind of quantity the core takes or gives has a band, and a slip of unit is named as one.

A kind is written in a signature, `rate: Annotated[Quantity, "request_rate"]`, and `@checked` (functions) or
`@checked_fields` (dataclasses) enforces it: the dimension always, `possible` as an error, `typical` as a warning.
`check()` is the strict form for a figure of unknown origin, such as one read in somebody's design.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import tomllib
import typing
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from importlib import resources
from typing import Annotated, Any, TypeVar

from .units import Q, Quantity, UnitError, magnitude, show

_F = TypeVar("_F", bound=Callable[..., Any])
_C = TypeVar("_C", bound=type)


@dataclass(frozen=True)
class Band:
    """Limits of one kind of quantity, as numbers in `unit`."""

    name: str
    unit: str
    typical: tuple[float, float]
    possible: tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """Why a figure looks wrong: what was given, the band it missed, and the slips that would put it back inside."""

    name: str
    given: str
    band: Band
    impossible: bool
    slips: tuple[str, ...]

    def __str__(self) -> str:
        low, high = self.band.possible if self.impossible else self.band.typical
        text = (
            f"{self.name} = {self.given} is {'impossible' if self.impossible else 'implausible'}: "
            f"expected {show(low)} to {show(high)} {self.band.unit}".rstrip()
        )
        return text + (f". Looks like {' or '.join(self.slips)}." if self.slips else ".")


class Implausible(ValueError):
    """A quantity outside its band. `.finding` says what was given, the band, and the likely slip."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class ImplausibleWarning(UserWarning):
    """A quantity outside its typical band but not beyond what is possible."""


def _load() -> dict[str, Band]:
    raw = tomllib.loads(resources.files(__package__).joinpath("bands.toml").read_text("utf-8"))
    return {
        name: Band(name, row["unit"], (row["typical"][0], row["typical"][1]), (row["possible"][0], row["possible"][1]))
        for name, row in raw.items()
    }


BANDS: dict[str, Band] = _load()

# Factor between the figure as given and the figure as meant, and the slip that makes it; the common ones first.
_TIME_SLIPS = (
    (60.0, "a per-minute figure labelled per-second"),
    (3600.0, "a per-hour figure labelled per-second"),
    (86400.0, "a per-day figure labelled per-second"),
    (1 / 60, "a per-second figure labelled per-minute"),
)
_DURATION_SLIPS = (
    (1000.0, "milliseconds labelled seconds"),
    (60.0, "seconds labelled minutes"),
    (1e-3, "seconds labelled milliseconds"),
)
_BYTE_SLIPS = (
    (8.0, "bits labelled bytes"),
    (1024.0, "a unit prefix one step too large (KiB for bytes, MiB for KiB, GiB for MiB)"),
    (1 / 1024, "a unit prefix one step too small (bytes for KiB, MiB for GiB)"),
    (1 / 1024**3, "GB labelled bytes"),
)
_MONEY_SLIPS = (
    (100.0, "cents labelled dollars"),
    (730.0, "a per-month price labelled per-hour"),
    (8760.0, "a per-year price labelled per-hour"),
    (1 / 730, "a per-hour price labelled per-month"),
)
_GPU_SLIPS = ((8.0, "the figure of an 8-GPU server labelled per-GPU"), (2.0, "a 2-GPU figure labelled per-GPU"))
_SHARE_SLIPS = ((100.0, "percent labelled as a fraction"),)
_SCALE_SLIPS = (
    (1e3, "thousands labelled as units"),
    (1e6, "millions labelled as units"),
    (1e9, "billions labelled as units"),
    (1e-3, "a figure in thousands labelled as units"),
    (1e-6, "a figure in millions labelled as units"),
    (1e-9, "a figure in billions labelled as units"),
)


def _slips(quantity: Quantity, value: float, band: Band) -> tuple[str, ...]:
    dims = {str(name): float(str(power)) for name, power in quantity.dimensionality.items()}
    candidates: list[tuple[float, str]] = []
    counted = dims.keys() & {"[request]", "[token]", "[message]", "[query]", "[post]"}
    if counted and dims.get("[time]", 0) < 0 and "[money]" not in dims:
        candidates += _TIME_SLIPS
    if dims.get("[time]", 0) > 0:
        candidates += _DURATION_SLIPS
    if "[money]" in dims:
        candidates += _MONEY_SLIPS
    if "[information]" in dims:
        candidates += _BYTE_SLIPS
    if dims.get("[gpu]", 0) < 0:
        candidates += _GPU_SLIPS
    if not dims:
        candidates += _SHARE_SLIPS
    low, high = band.typical

    def matching(slips: typing.Iterable[tuple[float, str]]) -> list[str]:
        return [
            f"{text} ({show(quantity)} {f'/ {factor:g}' if factor >= 1 else f'x {1 / factor:g}'}"
            f" = {show(quantity / factor)})"
            for factor, text in slips
            if low <= value / factor <= high
        ]

    # A slip of scale explains almost anything, so it is offered only when nothing more specific fits.
    return tuple((matching(candidates) or matching(_SCALE_SLIPS if dims else ()))[:3])


def band(name: str) -> Band:
    """The band called `name`. Raises KeyError that lists the known ones."""
    try:
        return BANDS[name]
    except KeyError:
        raise KeyError(f"no plausibility band {name!r}; known: {', '.join(sorted(BANDS))}") from None


def find(name: str, quantity: Any, label: str | None = None) -> Finding | None:
    """What is odd about a quantity of kind `name`, or None. Raises UnitError for a wrong dimension."""
    limits = band(name)
    value: float = magnitude(quantity, limits.unit, label or name)
    if not isinstance(quantity, Quantity):
        quantity = Q(value, limits.unit)
    (low, high), (floor, ceiling) = limits.typical, limits.possible
    # One part in 1e9 of slack: 0.1 + 0.2 of a fraction must not be "impossible".
    impossible = not floor - abs(floor) * 1e-9 <= value <= ceiling + abs(ceiling) * 1e-9
    if not impossible and low <= value <= high:
        return None
    return Finding(label or name, show(quantity), limits, impossible, _slips(quantity, value, limits))


def check(name: str, quantity: Any, label: str | None = None) -> Quantity:
    """The quantity itself if it is inside its typical band; raises Implausible with the likely slip otherwise."""
    finding = find(name, quantity, label)
    if finding is not None:
        raise Implausible(finding)
    return quantity


_quiet: contextvars.ContextVar[bool] = contextvars.ContextVar("sizing_quiet_bands", default=False)


@contextlib.contextmanager
def what_if() -> Iterator[None]:
    """Inside this block figures outside the typical band pass without a warning; impossible ones still raise."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def _enforce(kind: str, value: Any, label: str) -> None:
    finding = find(kind, value, label)
    if finding is None:
        return
    if finding.impossible:
        raise Implausible(finding)
    if not _quiet.get():
        warnings.warn(str(finding), ImplausibleWarning, stacklevel=4)


def kind_of(annotation: Any) -> str | None:
    """The kind named in an annotation (`Annotated[Quantity, kind]`, also inside `| None`), or None."""
    if typing.get_origin(annotation) is Annotated:
        return next((note for note in typing.get_args(annotation)[1:] if isinstance(note, str)), None)
    return next((kind for part in typing.get_args(annotation) if (kind := kind_of(part))), None)


def kinds(owner: Any) -> dict[str, str]:
    """Argument, `return` or field name -> kind, for a function or a dataclass."""
    hints = typing.get_type_hints(owner, include_extras=True)
    found = {name: kind for name, hint in hints.items() if (kind := kind_of(hint))}
    for kind in found.values():
        band(kind)
    return found


def checked(function: _F) -> _F:
    """Enforce dimension and band of every argument and result whose annotation names a kind."""
    signature = inspect.signature(function)
    table: dict[str, str] = {}

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not table:  # on first call: annotations may name classes defined further down
            table.update(kinds(function))
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if name in table and value is not None:
                _enforce(table[name], value, name)
        result = function(*args, **kwargs)
        if "return" in table and result is not None:
            _enforce(table["return"], result, function.__name__)
        return result

    wrapper.__checked__ = True  # type: ignore[attr-defined]
    return typing.cast(_F, wrapper)


def checked_fields(cls: _C) -> _C:
    """Class decorator, above `@dataclass`: enforce the kinds of the fields on construction."""
    if not is_dataclass(cls):
        raise UnitError(f"{cls.__name__} must be a dataclass")
    original = cls.__init__
    table: dict[str, str] = {}

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if not table:
            table.update(kinds(cls))
        for field in fields(cls):
            value = getattr(self, field.name)
            if field.name in table and value is not None:
                _enforce(table[field.name], value, f"{cls.__name__}.{field.name}")

    patched: Any = cls  # a class under construction; mypy forbids to assign to its methods
    patched.__init__ = __init__
    patched.__checked__ = True
    return cls
