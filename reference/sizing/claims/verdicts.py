"""How a claim is judged: the stated figure against the computed one, or a condition over all that was left open.

No verdict is written down anywhere. Each of these functions returns one, from numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reference.sizing.units import Quantity, show

Verdict = Literal["holds", "does-not-hold", "depends"]


@dataclass(frozen=True)
class Outcome:
    """What a claim's function returns. `variable` and `threshold`: what the verdict turns on and where it flips.

    against: the figure that `computed` was held against, where the verdict is that comparison and nothing else.
    """

    computed: Any
    verdict: Verdict
    reason: str
    variable: str | None = None
    threshold: Any = None
    against: Any = None


def _ratio(a: Any, b: Any) -> float:
    return float((a / b).to("").magnitude) if isinstance(a, Quantity) else float(a) / float(b)


def close_to(stated: Any, computed: Any, reason: str, tolerance: float = 0.05) -> Outcome:
    """Holds if the computed figure lies within `tolerance` (relative) of the stated one."""
    off = _ratio(computed, stated) - 1
    verdict: Verdict = "holds" if abs(off) <= tolerance else "does-not-hold"
    distance = "as stated" if abs(off) < 5e-4 else f"{off:+.1%} from the stated"
    return Outcome(computed, verdict, f"{reason} ({distance})", against=stated)


def enough(stated: Any, computed: Any, reason: str) -> Outcome:
    """Holds if what was stated is at least what is needed (`computed`)."""
    verdict: Verdict = "holds" if _ratio(stated, computed) >= 1 - 1e-9 else "does-not-hold"
    return Outcome(computed, verdict, reason, against=stated)


def reaches(stated: Any, computed: Any, reason: str) -> Outcome:
    """Holds if the computed figure, what is there, is at least the stated one."""
    verdict: Verdict = "holds" if _ratio(computed, stated) >= 1 - 1e-9 else "does-not-hold"
    return Outcome(computed, verdict, reason, against=stated)


def not_above(limit: Any, computed: Any, reason: str) -> Outcome:
    """Holds if the computed figure stays at or below the stated limit."""
    verdict: Verdict = "holds" if _ratio(computed, limit) <= 1 + 1e-9 else "does-not-hold"
    return Outcome(computed, verdict, reason, against=limit)


def over_range(
    computed: Any,
    condition: Callable[[float], bool],
    *,
    variable: str,
    low: float,
    high: float,
    unit: str = "",
    reason: str,
    search: tuple[float, float] | None = None,
) -> Outcome:
    """Judge `condition` over the plausible range of a `variable` that the source left open.

    Same answer at both ends: that is the verdict. Different answers: it depends, and the threshold is found by
    bisection (the condition is monotone in the variable). `search`: a wider interval in which a threshold outside the
    plausible range is looked for, so that the reason can say how far off it is.
    """
    at_low, at_high = condition(low), condition(high)
    bounds = (low, high) if at_low != at_high else search
    threshold = None
    if bounds is not None and condition(bounds[0]) != condition(bounds[1]):
        threshold = _flip(condition, *bounds)
    if at_low != at_high and threshold is not None:
        side = "above" if at_high else "below"
        text = f"{reason}; it holds {side} {variable} = {_show(threshold, unit)}, plausible {_span(low, high, unit)}"
        return Outcome(computed, "depends", text, variable, threshold)
    flips = f", and would flip only at {_show(threshold, unit)}" if threshold is not None else ""
    text = f"{reason}; so for every {variable} from {_span(low, high, unit)}{flips}"
    return Outcome(computed, "holds" if at_low else "does-not-hold", text, variable, threshold)


def over_choices(computed: Any, choices: Mapping[str, bool], *, variable: str, reason: str) -> Outcome:
    """Judge over named alternatives that the source left open: `choices` says for which of them the claim is true."""
    if not choices:
        raise ValueError(f"no alternatives given for {variable}")
    good = [name for name, true in choices.items() if true]
    bad = [name for name, true in choices.items() if not true]
    verdict: Verdict = "depends" if good and bad else "holds" if good else "does-not-hold"
    listed = "; ".join(
        f"{label} {', '.join(names)}" for label, names in (("true for", good), ("not for", bad)) if names
    )
    return Outcome(computed, verdict, f"{reason}; {listed}", variable, good or None)


def _show(value: float, unit: str) -> str:
    return f"{show(float(value))} {unit}".strip()


def _span(low: float, high: float, unit: str) -> str:
    return f"{show(float(low))} to {_show(high, unit)}"


def _flip(condition: Callable[[float], bool], low: float, high: float) -> float:
    first = condition(low)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if condition(middle) == first else (low, middle)
        if high - low <= 1e-6 * max(abs(low), abs(high)):
            break
    return (low + high) / 2
