"""Usage records as exports hold them, the checks that each must pass, and the list of those that did not."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from .lines import BillError, Kind

# More than any provider serves in a day; a larger figure is a slip, not usage.
MOST_TOKENS = 10**15
NAME_LENGTH = 120
_REMEMBERED = 400  # characters of a text that a cache may hold

_CURRENCY = re.compile(r"US\$|USD|EUR|GBP|[$€£¥]", re.IGNORECASE)
_NOT_DOLLARS = re.compile(r"EUR|GBP|[€£¥]", re.IGNORECASE)
_GROUPS = str.maketrans("", "", " _'’\u00a0\u202f\t")
_PLAIN = re.compile(r"-?\d+")
_COMMA_GROUPS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
_DOT_GROUPS = re.compile(r"-?\d{1,3}(\.\d{3}){2,}(,\d+)?|-?\d{1,3}(\.\d{3})+,\d+")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d{1,2}")


class RowFault(BillError):
    """One row cannot be used. `kind` names the fault in a few words, the message also says where and what."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(slots=True)
class Record:
    """Usage of one request, or of several that an export has summed.

    Attributes:
        start, end: seconds since 1970, UTC; None: the export does not say.
        stated: what the export says it cost, in dollars; None: nothing, or another currency.
        answered_from_cache: by a cache of the caller's own, so that no provider was paid.
        avoided: answers beside these requests that needed none, with the input and output tokens of theirs.
        unpriced: tokens by kind that no list price is applied to (audio, cache writes).
        remarks: what had to be assumed, in a few fixed words.
    """

    model: str
    input_tokens: int
    output_tokens: int = 0
    cached_tokens: int = 0
    requests: int = 1
    batch: bool = False
    tenant: str = ""
    feature: str = ""
    provider: str = ""
    kind: Kind = "chat"
    start: float | None = None
    end: float | None = None
    stated: float | None = None
    answered_from_cache: bool = False
    avoided: tuple[int, int, int] = (0, 0, 0)
    unpriced: tuple[tuple[str, int], ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A row that is not in the bill. `line`: the row's first line, from 1; 0 where the file as a whole is meant."""

    file: str
    line: int
    kind: str
    reason: str


@dataclass
class Faults:
    """The first `keep` faults with their place, the rest counted by kind."""

    keep: int = 20
    first: list[Fault] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Rows that could not be read, of every kind."""
        return sum(self.kinds.values())

    def add(self, file: str, line: int, fault: RowFault) -> None:
        """Count a fault; the first `keep` are kept with their file and line."""
        self.kinds[fault.kind] += 1
        if len(self.first) < self.keep:
            self.first.append(Fault(file, line, fault.kind, str(fault)))


def shown(value: object, length: int = 40) -> str:
    """A value of a row for a message: one line, printable, short."""
    return clean_name(repr(value) if not isinstance(value, str) else f"{value[: length + 1]!r}", length)


def clean_name(text: str, length: int = NAME_LENGTH) -> str:
    """A name that may be printed anywhere: no control or direction characters, not longer than `length`."""
    return _clean(text if len(text) <= _REMEMBERED else text.strip()[:_REMEMBERED], length)


@lru_cache(16_384)
def _clean(text: str, length: int) -> str:
    text = text.strip()
    if len(text) > length:
        text = text[: length - 1] + "…"
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text


def whole(value: object, name: str) -> int | None:
    """A count from JSON or a table cell; None where it is empty.

    Takes `1,234`, `1 234`, `$1,234` and `12.0`.

    Raises:
        RowFault: negative, not a whole number, not finite, or beyond MOST_TOKENS.
    """
    if type(value) is int:
        number = value
    elif value is None or value == "":
        return None
    elif isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if len(text) <= 16 and text.isascii() and text.isdigit():
            return _within(int(text), name, value)
        found = _number(text, name, value)
        number = _whole_float(found, name, value) if isinstance(found, float) else found
    elif isinstance(value, float):
        number = _whole_float(value, name, value)
    else:
        raise RowFault("not a number", f"{name}: {shown(value)} is not a number")
    return _within(number, name, value)


def _within(number: int, name: str, value: object) -> int:
    if number < 0:
        raise RowFault("negative", f"{name}: {shown(value)} is negative; corrections belong in no usage file")
    if number > MOST_TOKENS:
        raise RowFault("too large", f"{name}: {shown(value)} is more than one row can hold ({MOST_TOKENS:.0e})")
    return number


def _whole_float(number: float, name: str, value: object) -> int:
    if not math.isfinite(number):
        raise RowFault("not finite", f"{name}: {shown(value)} is not finite")
    if number != int(number):
        raise RowFault("not whole", f"{name}: {shown(value)} is not a whole number; write 1,234 or 1234")
    return int(number)


def money(value: object) -> tuple[float | None, str]:
    """Dollars of a cell, and a remark where it could not be used: `1,234.56`, `$12`, `12,50`, `1.234,56`."""
    if value is None or value == "":
        return None, ""
    if isinstance(value, str):
        if not value.strip():
            return None, ""
        if _NOT_DOLLARS.search(value):
            return None, "a stated cost in another currency is not compared"
    try:
        number = float(_number(value.strip(), "cost", value)) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (RowFault, TypeError, ValueError, OverflowError):
        return None, "a stated cost that is no number is not compared"
    if not math.isfinite(number):
        return None, "a stated cost that is no number is not compared"
    return number, ""


def _number(text: str, name: str, value: object) -> int | float:
    text = _CURRENCY.sub("", text).translate(_GROUPS)
    if len(text) > 40:
        raise RowFault("too large", f"{name}: {shown(value)} is no plausible number")
    if text.startswith("(") and text.endswith(")"):  # accountants' negative
        text = "-" + text[1:-1]
    if _COMMA_GROUPS.fullmatch(text):
        text = text.replace(",", "")
    elif _DOT_GROUPS.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if _PLAIN.fullmatch(text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        raise RowFault("not a number", f"{name}: {shown(value)} is not a number") from None


def flag(value: object) -> bool:
    """True of JSON's true, and of `true`, `yes`, `1`, `hit` in any case."""
    if value is True or value is False:
        return value
    return isinstance(value, str | int) and str(value).strip().lower() in ("true", "t", "yes", "y", "1", "hit")


def instant(value: object) -> float | None:
    """Seconds since 1970 from epoch seconds or milliseconds, or from ISO 8601 (UTC where no zone is given)."""
    if isinstance(value, str):
        return _instant_of_text(value) if len(value) <= _REMEMBERED else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _epoch(value)


@lru_cache(16_384)
def _instant_of_text(text: str) -> float | None:
    text = text.strip()
    if not (text.isdigit() and len(text) != 8):  # `20251005` reads as a date, other digits as an epoch
        try:
            moment = dt.datetime.fromisoformat(text.removesuffix(" UTC"))
            return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    try:
        return _epoch(float(text))
    except ValueError:
        return None


def _epoch(value: float) -> float | None:
    try:
        seconds = float(value)
    except OverflowError:
        return None
    if not math.isfinite(seconds):
        return None
    while seconds > 1e11:  # milliseconds, microseconds
        seconds /= 1000
    return seconds if 9.4e8 < seconds < 4.2e9 else None  # 2000 to 2103
