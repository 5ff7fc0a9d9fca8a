"""The whole ledger as it was last reviewed, in claims_as_reviewed.json.

`python tests/unit/sizing/claims_as_reviewed.py` writes it anew; the difference is what a reviewer reads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

REVIEWED = Path(__file__).with_suffix(".json")
NUMBER = re.compile(r"\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
JUDGES = ("close_to", "enough", "reaches", "not_above", "over_range", "over_choices")
BOUNDS = ("tolerance", "low", "high", "search")  # what a judge holds a figure to
# Judged in milliseconds, so they are judged once more where everything that they assume is somewhat different.
QUICK = (4, 5, 6, 7)


@contextlib.contextmanager
def bounds_noted(found: dict[str, str]) -> Iterator[None]:
    """Claim -> how it is judged, of all claims that are judged inside."""
    from reference.sizing.claims import ledger, verdicts

    told: list[str] = []

    def noting(name: str) -> Any:
        judge = getattr(verdicts, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            bound = inspect.signature(judge).bind(*args, **kwargs)
            bound.apply_defaults()
            given = (f"{one}={bound.arguments[one]}" for one in BOUNDS if one in bound.arguments)
            told.append(" ".join([name, *given]))
            return judge(*args, **kwargs)

        return wrapper

    def judged(entry: Any, assumptions: Any, judge: Any = ledger._judge) -> Any:
        told.clear()
        record = judge(entry, assumptions)
        found[entry.id] = "; ".join(told)
        return record

    with contextlib.ExitStack() as patched:
        for name, module in list(sys.modules.items()):
            if name.startswith("reference.sizing.claims.q"):
                for one in JUDGES:
                    if hasattr(module, one):
                        patched.enter_context(mock.patch.object(module, one, noting(one)))
        patched.enter_context(mock.patch.object(ledger, "_judge", judged))
        yield


def elsewhere(question: int) -> Any:
    """The question's assumptions, every second number a tenth more and the others a tenth less, where that can be."""
    from reference.sizing.claims.ledger import default_assumptions
    from reference.sizing.units import Quantity

    changed = default_assumptions(question)
    for index, field in enumerate(dataclasses.fields(changed)):
        value = getattr(changed, field.name)
        if isinstance(value, float | Quantity) and field.name != "hours_per_month":
            with contextlib.suppress(ValueError):
                changed = dataclasses.replace(changed, **{field.name: value * (0.9, 1.1)[index % 2]})
    return changed


def ledger_now() -> dict[str, dict[str, Any]]:
    """Claim -> stated, computed, unit, verdict, reason, evidence ...; what a reader is shown of it."""
    from reference.sizing.claims import claims, ledger, questions

    how: dict[str, str] = {}
    ledger._import(questions())
    with bounds_noted(how):
        records = [one for number in questions() for one in claims(number)]
    other = {one.id: one for number in QUICK for one in claims(number, {number: elsewhere(number)})}
    return {
        one.id: {
            "stated": one.stated, "computed": one.computed, "unit": one.unit, "verdict": one.verdict,
            "reason": one.reason, "badge": one.evidence.badge, "turns on": str(one.variable),
            "turns at": str(one.threshold), "says": one.statement, "where": f"question {one.question}",
            "how": "implied" if one.implied else "printed", "judged by": how[one.id],
        } | ({"elsewhere": f"{other[one.id].verdict}: {other[one.id].reason}"} if one.id in other else {})
        for one in records
    }  # fmt: skip


def words_and_numbers(text: str) -> tuple[str, list[str]]:
    """A sentence without its numbers, and the numbers."""
    return NUMBER.sub("#", text), [found.replace(",", "").rstrip(".") for found in NUMBER.findall(text)]


def same_number(found: str, reviewed: str) -> bool:
    """Equal but for the last digit, which another processor may round otherwise; small whole numbers exactly."""
    digits = reviewed.split("e")[0].partition(".")[2]
    last = 10.0 ** -len(digits) * (float("1e" + reviewed.split("e")[1]) if "e" in reviewed else 1.0)
    size = float(reviewed)
    return math.isclose(float(found), size, rel_tol=0, abs_tol=min(max(1.01 * last, 1e-5 * size), 0.02 * size))


if __name__ == "__main__":
    REVIEWED.write_text(json.dumps(ledger_now(), indent=1) + "\n", encoding="utf-8")
    print(f"written: {REVIEWED}")
