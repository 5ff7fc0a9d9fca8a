"""Check a reader's answer: right, not yet (with the likely slip), or not attempted.

    check(question_value, reference_value)

Answers are computed by the same functions that the notebook uses, so nothing is typed in twice.
"""

from __future__ import annotations

from typing import Any

# What a wrong answer is often wrong by -> what was probably missed.
SLIPS = (
    (2, "a factor of 2: keys and values, or bytes per value?"),
    (8, "a factor of 8: bits for bytes, or query heads for KV heads?"),
    (60, "a factor of 60: minutes and seconds?"),
    (1024, "a factor of 1,024: KiB and bytes?"),
    (1.024, "2.4 %: KiB and kB?"),
    (1.0737, "7.4 %: GiB and GB?"),
    (1000, "a factor of 1,000: milli or kilo?"),
    (3600, "a factor of 3,600: hours and seconds?"),
    (86400, "a factor of 86,400: days and seconds?"),
)


def check(answer: Any, expected: Any, tolerance: float = 0.02) -> str:
    """Compare a number (or a quantity, in any fitting unit) with the computed one; returns what to tell the reader.

    tolerance: relative. None counts as not attempted, so that a notebook runs through with its exercises open.
    Quantities of different dimensions are named as such.
    """
    if answer is None:
        return "not attempted: put your number in place of None and run the cell again"
    if hasattr(expected, "units") and hasattr(answer, "units"):
        if not answer.is_compatible_with(expected.units):
            return f"not yet: your answer is in {answer.units}, the question asks for {expected.units}"
        answer = answer.to(expected.units)
    given = float(getattr(answer, "magnitude", answer))
    wanted = float(getattr(expected, "magnitude", expected))
    if wanted and abs(given / wanted - 1) <= tolerance:
        return f"right: {wanted:,.4g}"
    if given == 0 or wanted == 0:
        return "not yet: zero cannot be right"
    ratio = given / wanted
    for factor, slip in SLIPS:
        for candidate in (factor, 1 / factor):
            if abs(ratio / candidate - 1) <= min(tolerance, abs(factor - 1) / 3):
                return f"not yet: you are off by {slip}"
    return f"not yet: your number is {'above' if ratio > 1 else 'below'} the computed one"
