"""Every claim with each assumption that it reads at a third and at three times its value, as reviewed.

`python tests/unit/sizing/claims_moved.py` writes reviewed/claims_moved.json anew; the difference is what a reviewer
reads. What holds under the usual assumptions alone says little about a formula: here bounds bind and turns are passed.
"""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Any

FACTORS = (1 / 3, 3.0)
# Judged in milliseconds; question 3 simulates.
QUESTIONS = (1, 2, 4, 5, 6, 7)


def moved(value: Any, factor: float) -> Any:
    """The value times the factor; None where it is no number."""
    from reference.sizing.units import Quantity

    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return max(1, round(value * factor))
    return value * factor if isinstance(value, float | Quantity) else None


def _judged(name: str, base: Any, field: str, factor: float) -> Any:
    from reference.sizing.claims.ledger import judge

    other = moved(getattr(base, field), factor)
    if other is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            record = judge(name, dataclasses.replace(base, **{field: other}))
        except (ValueError, ArithmeticError, LookupError) as error:
            return type(error).__name__
    turn = record.threshold if isinstance(record.threshold, float) else None
    return [record.verdict[0], *(None if one is None else float(f"{one:.6g}") for one in (record.computed, turn))]


def moved_claims(question: int) -> dict[str, dict[str, Any]]:
    """Claim -> assumption -> (verdict, figure, where it turns) at a third and at three times it."""
    from reference.sizing.claims import claims
    from reference.sizing.claims.ledger import default_assumptions

    base = default_assumptions(question)
    return {
        one.id: {
            field: [_judged(one.id, base, field, factor) for factor in FACTORS]
            for field in one.evidence.to_dict()["assumptions"]
            if moved(getattr(base, field), 1.0) is not None
        }
        for one in claims(question)
    }


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    from reviewed import FOLDER, write

    write(FOLDER / "claims_moved.json", {f"question {number}": moved_claims(number) for number in QUESTIONS})
