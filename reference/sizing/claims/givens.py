"""What a question starts from (users, documents, requests): nobody can be wrong about it, but verdicts turn with it."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from dataclasses import dataclass
from typing import Any

from reference.sizing.units import Quantity, show

from .ledger import Claim, claims, default_assumptions, judge

HALF, DOUBLE = 0.5, 2.0


@dataclass(frozen=True)
class Turned:
    """What half and twice an assumption do to the verdicts.

    Attributes:
        value: what the question assumes.
        read_by: ids of the records whose function reads it.
        turned: factor -> ids whose verdict is another one; a factor is missing where the value would be refused.
    """

    field: str
    value: Any
    read_by: tuple[str, ...]
    turned: dict[float, tuple[str, ...]]

    @property
    def reason(self) -> str:
        words = {HALF: "half of it", DOUBLE: "twice as much"}
        parts = [
            f"{words[factor]} turns {', '.join(ids) if ids else 'none'}" for factor, ids in sorted(self.turned.items())
        ]
        named = ", ".join(show(one) for one in self.value) if isinstance(self.value, tuple) else (
            show(self.value) if isinstance(self.value, Quantity | int | float) else str(self.value)
        )  # fmt: skip
        return f"{named}, read by {len(self.read_by)} records: {'; '.join(parts) or 'a name, which has no half'}"


@functools.cache
def _records(question: int) -> tuple[Claim, ...]:
    return tuple(claims(question))


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_scaled(one, factor) for one in value)
    if isinstance(value, int):
        return max(1, round(value * factor))
    return value * factor


@functools.cache
def what_turns(question: int, field: str) -> Turned:
    """Judge the records that read the assumption again, with half and with twice its value.

    Raises KeyError for an unknown assumption. A number is doubled as it is, a share above one is refused by the
    assumptions themselves and left out.
    """
    base = default_assumptions(question)
    names = [one.name for one in dataclasses.fields(base)]
    if field not in names:
        raise KeyError(f"question {question} assumes no {field!r}; it assumes {', '.join(names)}")
    value = getattr(base, field)
    readers = [record for record in _records(question) if field in record.evidence.to_dict()["assumptions"]]
    turned = {}
    for factor in (HALF, DOUBLE) if not isinstance(value, str) else ():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                changed = dataclasses.replace(base, **{field: _scaled(value, factor)})
        except ValueError:
            continue
        turned[factor] = tuple(one.id for one in readers if judge(one.id, changed).verdict != one.verdict)
    return Turned(field, value, tuple(one.id for one in readers), turned)
