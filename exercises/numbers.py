"""Judge one number or one choice: right, a known slip, or wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exercises.model import Ask, Mistake, Part, Value, Verdict
from exercises.slips import SLIPS

# Above this, a float holds no fraction to round, and ints of many thousand digits would be converted for nothing.
LARGEST = 1e15


def rounded(ask: Ask, value: float) -> float:
    """As the ask wants it: whole, up or down. A hair of float noise (1e-9) does not make one more."""
    if ask.whole == "up":
        return float(math.ceil(value - 1e-9 * max(1.0, abs(value))))
    if ask.whole == "down":
        return float(math.floor(value + 1e-9 * max(1.0, abs(value))))
    return value


def judge_ask(ask: Ask, given: Value, right: float | str, mistakes: Sequence[Mistake] = ()) -> Part:
    """One part with its reason. None is not attempted; anything but a finite plain number (or a choice) is unusable.

    The exercise's own mistakes are tried first, then rounding, then the factors that every number may be off by.
    """
    if given is None:
        return Part(ask.name, Verdict.OPEN, 0.0, ask.weight, "not attempted: put your answer in place of None")
    if ask.choices:
        return _judge_choice(ask, given, str(right), mistakes)
    reason = unusable(given, ask.unit)
    if reason:
        return Part(ask.name, Verdict.UNUSABLE, 0.0, ask.weight, reason)
    number, wanted = float(given), float(right)
    if _equal(ask, number, wanted):
        return Part(ask.name, Verdict.RIGHT, 1.0, ask.weight, "right")
    for mistake in mistakes:
        if _equal(ask, number, float(mistake.value)):
            return _slip(ask, mistake.slip, mistake.credit)
    slip = _rounding(ask, number, wanted) or _factor(ask, number, wanted)
    if slip:
        return _slip(ask, slip, None)
    return Part(ask.name, Verdict.WRONG, 0.0, ask.weight, "not yet: no known slip; redo it with the units written out")


def unusable(given: Value, unit: str) -> str:
    """Why this is no plain number, and what to do; "" if it is one."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        kind = type(given).__name__
        if hasattr(given, "magnitude"):
            return f"a plain number is asked for: take `.to('{unit}').magnitude` of your quantity"
        return f"a plain number{' in ' + unit if unit else ''} is asked for, this is a {kind}"
    if not math.isfinite(given) if isinstance(given, float) else abs(given) > LARGEST:
        return "a finite number of a sensible size is asked for"
    return ""


def _judge_choice(ask: Ask, given: Value, right: str, mistakes: Sequence[Mistake]) -> Part:
    if isinstance(given, bool) or not isinstance(given, int | str) or str(given)[:80].strip() not in ask.choices:
        return Part(ask.name, Verdict.UNUSABLE, 0.0, ask.weight, f"one of these is asked for: {', '.join(ask.choices)}")
    chosen = str(given).strip()
    if chosen == right:
        return Part(ask.name, Verdict.RIGHT, 1.0, ask.weight, "right")
    for mistake in mistakes:
        if chosen == mistake.value:
            return _slip(ask, mistake.slip, mistake.credit)
    return Part(ask.name, Verdict.WRONG, 0.0, ask.weight, "not yet: another one")


def _equal(ask: Ask, given: float, wanted: float) -> bool:
    if ask.whole:
        return given == rounded(ask, wanted)
    return abs(given - wanted) <= ask.tolerance * abs(wanted)


def _slip(ask: Ask, slip: str, credit: float | None) -> Part:
    known = SLIPS[slip]
    earned = known.credit if credit is None else credit
    return Part(ask.name, Verdict.SLIP, earned, ask.weight, f"not yet: {known.say}", slip)


def _rounding(ask: Ask, given: float, wanted: float) -> str:
    if not ask.whole:
        return ""
    other_way = math.floor(wanted) if ask.whole == "up" else math.ceil(wanted)
    if given == other_way:
        return "rounded_down"
    # Somebody who types 9.27 where 9.268 is meant has not rounded, whatever the last digit.
    return "not_rounded" if given != int(given) and abs(given - wanted) <= 0.02 * abs(wanted) else ""


def _factor(ask: Ask, given: float, wanted: float) -> str:
    """The slip whose factor explains the answer best; "" if none does."""
    if not given or not wanted:
        return ""
    best: tuple[float, str] | None = None
    for key, slip in SLIPS.items():
        for factor in (f for base in slip.factors for f in (base, 1 / base)):
            room = min(ask.tolerance, 0.02, abs(factor - 1) / 3)
            off = abs(given / (wanted * factor) - 1)
            if ask.whole and given in {float(math.ceil(wanted * factor)), float(math.floor(wanted * factor))}:
                off = min(off, room)
            if off <= room and (best is None or off < best[0]):
                best = (off, key)
    if best:
        return best[1]
    return "reciprocal" if abs(given * wanted - 1) <= min(ask.tolerance, 0.02) else ""
