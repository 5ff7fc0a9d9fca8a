"""The most surprising verdict of a question: where stated and computed figure lie furthest apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .coverage import StatedFigure, same_figure, stated_figures
from .ledger import Claim, claims


@dataclass(frozen=True)
class Surprise:
    """A claim that does not hold.

    Attributes:
        figure: what the answer states, in our words, with the very number that was compared; None where the claim
            fails by something else than a number of the answer.
        factor: the larger of stated and computed figure over the smaller one; None without such a figure.
    """

    claim: Claim
    figure: StatedFigure | None = None
    factor: float | None = None

    @property
    def says(self) -> str:
        """What both numbers are, such as "instances that rerank"; "" where no two numbers were compared."""
        return self.figure.says if self.figure else ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: `stated`, `computed` and `factor` are None where no two numbers were compared."""
        one = self.claim
        stated, computed = (one.stated_text, one.computed_text) if self.figure else (None, None)
        return {
            "question": one.question, "id": one.id, "statement": one.statement, "says": self.says, "stated": stated,
            "computed": computed, "factor": self.factor, "reason": one.reason,
        }  # fmt: skip


def factor_off(record: Claim) -> float | None:
    """How many times the computed figure is the stated one, or the other way round; None where no factor says it.

    That is so if nothing could be computed, where one of the two is zero or negative, and where the verdict is no
    comparison of the two.
    """
    if not record.compared or record.computed is None or record.stated <= 0 or record.computed <= 0:
        return None
    return max(record.stated / record.computed, record.computed / record.stated)


def most_surprising(question: int, records: Iterable[Claim] | None = None) -> Surprise | None:
    """The claim of the question that does not hold by the largest factor; None if every claim holds or depends.

    A factor counts only between a number that the answer prints and the same number computed, so that a reader can look
    both up. Claims that the source makes come before those that its design merely implies, and a claim that fails
    without such a number comes last.
    """
    judged = claims(question) if records is None else records
    failed = [one for one in judged if one.question == question and one.verdict == "does-not-hold"]
    found = [_surprise(record) for record in failed]
    return max(found, key=lambda one: (one.factor is not None, not one.claim.implied, one.factor or 0), default=None)


def _surprise(record: Claim) -> Surprise:
    factor, figure = factor_off(record), _printed(record)
    return Surprise(record, figure, factor) if factor is not None and figure is not None else Surprise(record)


def _printed(record: Claim) -> StatedFigure | None:
    """The figure of the source whose number the record states."""
    for figure in stated_figures(record.question):
        if record.id in figure.records and any(
            same_figure(value, figure.unit, record.stated, record.unit) for value in figure.values
        ):
            return figure
    return None
