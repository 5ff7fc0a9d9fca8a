"""The most surprising verdict of a question: where stated and computed figure lie furthest apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .ledger import Claim, claims


@dataclass(frozen=True)
class Surprise:
    """A claim that does not hold. factor: the larger of stated and computed figure over the smaller one."""

    claim: Claim
    factor: float

    def to_dict(self) -> dict[str, Any]:
        one = self.claim
        return {
            "question": one.question, "id": one.id, "statement": one.statement, "stated": one.stated_text,
            "computed": one.computed_text, "factor": self.factor, "reason": one.reason,
        }  # fmt: skip


def factor_off(record: Claim) -> float | None:
    """How many times the computed figure is the stated one, or the other way round; None where no factor says it.

    That is so if nothing could be computed, and where one of the two is zero or negative.
    """
    if record.computed is None or record.stated <= 0 or record.computed <= 0:
        return None
    return max(record.stated / record.computed, record.computed / record.stated)


def most_surprising(question: int, records: Iterable[Claim] | None = None) -> Surprise | None:
    """The claim of the question that does not hold by the largest factor, None if none fails by one.

    Figures that the source prints come before those that its design merely implies: a reader can look them up.
    """
    judged = claims(question) if records is None else records
    failed = [
        Surprise(record, factor)
        for record in judged
        if record.question == question
        and record.verdict == "does-not-hold"
        and (factor := factor_off(record)) is not None
    ]
    printed = [one for one in failed if not one.claim.implied]
    return max(printed or failed, key=lambda one: one.factor, default=None)
