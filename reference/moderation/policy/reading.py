"""One policy file: read, and checked as a whole.

A folder holds one TOML file per version:

    version = "2026-11"
    effective_from = 2026-11-01T00:00:00Z
    effective_until = 2027-05-01T00:00:00Z      # left out: still in force; the last version only

    [categories.hate]
    severity = 4
    ...

    [[overlays]]                                 # a country's differences
    countries = ["DE"]
    category = "hate"
    reject_at = 0.93
    effective_from = 2026-12-01T00:00:00Z        # optional, within the version's own dates
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reference.moderation.types import Action, ModerationError

from .model import ALWAYS_TO_A_PERSON, CATEGORIES, DSA_CATEGORIES, CategoryPolicy

FILE_KEYS = ("version", "effective_from", "effective_until", "categories", "overlays")
CATEGORY_KEYS = (
    "severity",
    "dsa_category",
    "ground",
    "ground_reference",
    "explanation",
    "rule_action",
    "reject_at",
    "escalate_at",
    "judge",
)
OPTIONAL = ("reject_at",)
OVERLAY_KEYS = ("countries", "category", "effective_from", "effective_until", *CATEGORY_KEYS)
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Overlay:
    countries: tuple[str, ...]
    category: str
    begin: datetime
    end: datetime
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    name: str
    file: Path
    begin: datetime
    end: datetime
    categories: Mapping[str, CategoryPolicy]
    overlays: tuple[Overlay, ...]


def version_of(file: Path) -> Version:
    """Reads one file and checks it as a whole.

    Raises:
        ModerationError: names file, key and mend; see `PolicyBook.load`.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModerationError(f"{file.name} cannot be read as TOML: {error}; mend that place") from error
    _known_keys(file, "", data, FILE_KEYS)
    name = _value(file, "version", data.get("version"), str)
    begin = _date(file, "effective_from", data.get("effective_from"))
    end = _date(file, "effective_until", data["effective_until"]) if "effective_until" in data else FOREVER
    _order(file, "effective_until", begin, end)
    tables = _value(file, "categories", data.get("categories"), dict)
    categories = {}
    for category, table in tables.items():
        where = f"categories.{category}"
        _known_category(file, where, category)
        fields = _fields(file, where, _value(file, where, table, dict), CATEGORY_KEYS)
        for key in CATEGORY_KEYS:
            if key not in fields and key not in OPTIONAL:
                raise ModerationError(f"{file.name}: {where}.{key} is missing; add it")
        fields.setdefault("reject_at", None)
        categories[category] = CategoryPolicy(name=category, **fields)
        _thresholds(file, where, categories[category])
    if missing := [category for category in CATEGORIES if category not in categories]:
        raise ModerationError(
            f"{file.name}: categories.{missing[0]} is missing; detectors report it: the policy must say what to do"
        )
    overlays = _overlays(file, data.get("overlays", []), categories, begin, end)
    return Version(name, file, begin, end, categories, overlays)


def _overlays(
    file: Path, tables: Any, categories: Mapping[str, CategoryPolicy], begin: datetime, end: datetime
) -> tuple[Overlay, ...]:
    overlays: list[Overlay] = []
    for number, table in enumerate(_value(file, "overlays", tables, list), start=1):
        where = f"overlays[{number}]"
        _value(file, where, table, dict)
        _known_keys(file, f"{where}.", table, OVERLAY_KEYS)
        countries = tuple(_value(file, f"{where}.countries", table.get("countries"), list))
        if not countries:
            raise ModerationError(f"{file.name}: {where}.countries is empty; name at least one, or drop the overlay")
        for country in countries:
            if not isinstance(country, str) or country not in _countries():
                raise ModerationError(
                    f"{file.name}: {where}.countries holds {country!r}, no ISO 3166 code; write two capitals, DE"
                )
        category = _value(file, f"{where}.category", table.get("category"), str)
        _known_category(file, f"{where}.category", category)
        fields = _fields(file, where, {key: table[key] for key in CATEGORY_KEYS if key in table}, CATEGORY_KEYS)
        if not fields:
            raise ModerationError(f"{file.name}: {where} changes nothing; name a field such as reject_at, or drop it")
        first = _date(file, f"{where}.effective_from", table["effective_from"]) if "effective_from" in table else begin
        last = _date(file, f"{where}.effective_until", table["effective_until"]) if "effective_until" in table else end
        _order(file, f"{where}.effective_until", first, last)
        if first < begin or last > end:
            raise ModerationError(f"{file.name}: {where} is dated outside its version; keep it within, or move it")
        for index, other in enumerate(overlays, start=1):
            both = sorted(set(countries) & set(other.countries))
            if category == other.category and both and first < other.end and other.begin < last:
                raise ModerationError(
                    f"{file.name}: {where} and overlays[{index}] change {category} for {both[0]} at the same time; "
                    "join them, or date them apart"
                )
        _thresholds(file, where, replace(categories[category], **fields))
        overlays.append(Overlay(countries, category, first, last, fields))
    return tuple(overlays)


def _fields(file: Path, where: str, table: Mapping[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    """The fields of one category, each of its type and range."""
    _known_keys(file, f"{where}.", table, allowed)
    fields: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{where}.{key}"
        if key == "severity":
            fields[key] = _value(file, name, value, int)
            if not 1 <= value <= 4:
                raise ModerationError(f"{file.name}: {name} = {value} is out of range; use 1 (nuisance) to 4 (danger)")
        elif key in ("reject_at", "escalate_at"):
            fields[key] = float(_value(file, name, value, (int, float)))
            if not 0.0 < value <= 1.0:
                raise ModerationError(f"{file.name}: {name} = {value} is no probability above 0; use 0.9 for instance")
        elif key == "judge":
            fields[key] = _value(file, name, value, bool)
        elif key == "rule_action":
            if value not in ("reject", "escalate"):
                raise ModerationError(
                    f"{file.name}: {name} = {value!r}; use reject or escalate (nothing found is approval)"
                )
            fields[key] = Action(value)
        else:
            fields[key] = _value(file, name, value, str).strip()
            choices = {"dsa_category": DSA_CATEGORIES, "ground": ("legal", "terms")}.get(key)
            if choices and value not in choices:
                raise ModerationError(f"{file.name}: {name} = {value!r} is unknown{_nearest(value, choices)}")
            if not fields[key]:
                raise ModerationError(f"{file.name}: {name} is empty; authors are shown it, so write it")
    return fields


def _thresholds(file: Path, where: str, category: CategoryPolicy) -> None:
    if category.reject_at is not None and category.escalate_at > category.reject_at:
        raise ModerationError(
            f"{file.name}: {where}, escalate_at {category.escalate_at:g} is above reject_at {category.reject_at:g}; "
            "lower escalate_at, or drop reject_at if no model may reject"
        )


def _known_category(file: Path, where: str, category: str) -> None:
    if category in ALWAYS_TO_A_PERSON:
        raise ModerationError(
            f"{file.name}: {where}: {category} always goes to a person and cannot be configured; drop it"
        )
    if category not in CATEGORIES:
        raise ModerationError(f"{file.name}: {where}: no detector reports {category!r}{_nearest(category, CATEGORIES)}")


def _known_keys(file: Path, prefix: str, table: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            raise ModerationError(f"{file.name}: unknown key {prefix}{key}{_nearest(key, allowed)}")


def _nearest(value: str, choices: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(choices)}"


def _value(file: Path, name: str, value: Any, kind: type | tuple[type, ...]) -> Any:
    if value is None:
        raise ModerationError(f"{file.name}: {name} is missing; add it")
    boolean_as_number = isinstance(value, bool) and kind is not bool
    if not isinstance(value, kind) or boolean_as_number:
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(
            {"str": "text", "dict": "table", "list": "array"}.get(k.__name__, k.__name__) for k in kinds
        )
        raise ModerationError(f"{file.name}: {name} = {value!r} is of the wrong type; use {wanted}")
    return value


def _date(file: Path, name: str, value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        what = "is missing" if value is None else f"= {value} has no time or no time zone"
        raise ModerationError(f"{file.name}: {name} {what}; write 2026-11-01T00:00:00Z for instance")
    return value.astimezone(UTC)


def _order(file: Path, name: str, begin: datetime, end: datetime) -> None:
    if end <= begin:
        raise ModerationError(f"{file.name}: {name} ({shown(end)}) is not after the beginning ({shown(begin)})")


def shown(when: datetime) -> str:
    """A date as messages say it; the end of what has none is "now on"."""
    return "now on" if when == FOREVER else when.isoformat()


_CODES = re.compile(r"[A-Z]{2}")


def _countries() -> frozenset[str]:
    """ISO 3166 alpha-2 codes, officially assigned (249)."""
    global _assigned
    if _assigned is None:
        _assigned = frozenset(_CODES.findall((Path(__file__).parent / "countries.json").read_text(encoding="utf-8")))
    return _assigned


_assigned: frozenset[str] | None = None
