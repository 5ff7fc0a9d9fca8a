"""Read what a student's process says: bytes that may be anything become plain values of known types, or nothing.

Nothing here raises on what came out of the sandbox. A value is only ever None, bool, int, float, str, list or dict.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field

from exercises.builds import Observation
from exercises.model import Value
from workbook.grading.types import Collect, Ended

_DEEPEST = 60
_LONGEST_TEXT = 2000
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LARGEST_BITS = 1000  # an int that a float can still hold
_ENDED = {"ok": Ended.OK, "raised": Ended.RAISED, "memory": Ended.MEMORY}


@dataclass
class Line:
    """What a cell reported. values holds only names that were asked for; seen has one entry per case, or is None."""

    cell: int
    ended: Ended
    error: str
    values: dict[str, Value] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    seen: list[Observation] | None = None


class _Bad(ValueError):
    pass


def read_line(raw: bytes, word: str, collects: list[Collect | None]) -> Line | None:
    """None for what is no line of this run: another word, not JSON, other types, a cell that does not exist.

    word: with which this run's lines begin. collects: what was asked of each cell; cell -1 says that the runner is up.
    """
    head = word.encode() + b" "
    if not raw.startswith(head):
        return None
    try:
        data = json.loads(raw[len(head) :].decode("ascii"), object_pairs_hook=_pairs, parse_int=_int)
        return _line(data, collects)
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError):
        return None


def _pairs(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise _Bad("a name twice in one object")
    return data


def _int(text: str) -> int:
    if len(text) > 320:
        raise _Bad("a number of too many digits")
    return int(text)


def _line(data: Value, collects: list[Collect | None]) -> Line:
    cell, ended, error, reasons = data["cell"], data["ended"], data["error"], data["reasons"]
    values, seen = data["values"], data["seen"]
    if type(cell) is not int or not -1 <= cell < len(collects):
        raise _Bad("no such cell")
    if type(ended) is not str or type(error) is not str or type(reasons) is not list or type(values) is not dict:
        raise _Bad("other types")
    line = Line(cell, _ENDED[ended], shown(error)[-_LONGEST_TEXT:])
    line.reasons = [shown(reason)[:300] for reason in reasons[:20] if type(reason) is str]
    collect = collects[cell] if cell >= 0 else None
    if collect is None:
        return line
    for name in collect.names:
        if name in values:
            try:
                line.values[name] = _plain(values[name], finite=True)
            except _Bad as why:
                line.reasons.append(f"`{name}` {why}")
    if collect.build and type(seen) is list and len(seen) == len(collect.cases):
        line.seen = [_observation(one) for one in seen]
    return line


def _observation(data: Value) -> Observation:
    if type(data) is not dict or len(data) != 1:
        return {"raises": "no result"}
    if data.get("open") is True:
        return {"open": True}
    if type(data.get("raises")) is str:
        return {"raises": shown(data["raises"])[:80]}
    if "value" not in data:
        return {"raises": "no result"}
    try:
        return {"value": _plain(data["value"], finite=False)}
    except _Bad as why:
        return {"raises": f"a result that {why}"[:80]}


def _plain(value: Value, finite: bool, depth: int = 0) -> Value:
    """The value with text that can be written to a file. Raises _Bad; finite: neither NaN nor infinity."""
    if depth > _DEEPEST:
        raise _Bad("is nested too deep")
    if type(value) is str:
        return clean(value)
    if type(value) is list:
        return [_plain(part, finite, depth + 1) for part in value]
    if type(value) is dict:
        return {clean(name): _plain(part, finite, depth + 1) for name, part in value.items()}
    if type(value) is int and value.bit_length() > _LARGEST_BITS:
        raise _Bad("is a number of too many digits")
    if finite and type(value) is float and not math.isfinite(value):
        raise _Bad("is not a finite number")
    return value


def clean(text: str) -> str:
    """Without halves of characters, which no file takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shown(text: str) -> str:
    """Clean, and without what moves a terminal's cursor or changes its colours."""
    return _CONTROL.sub("", clean(text))
