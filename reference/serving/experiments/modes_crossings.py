"""Loads at which the choice between question 7's modes changes."""

from __future__ import annotations

from collections.abc import Sequence

from reference.serving.experiments.modes_clients import Mode
from reference.serving.experiments.modes_comparison import Comparison


def crossing(loads: Sequence[float], values: Sequence[float], level: float, *, rising: bool) -> float | None:
    """The load at which `values` first pass `level` upwards (`rising`) or downwards, by a straight line between two.

    0.0 if they are beyond it at the lightest load already, None if they never are. loads: rising.
    """
    if len(loads) != len(values) or not loads:
        raise ValueError(f"as many values as loads are needed, got {len(values)} and {len(loads)}")
    sign = 1 if rising else -1
    above = [sign * (value - level) for value in values]
    if above[0] > 0:
        return 0.0
    for place in range(1, len(loads)):
        if above[place] > 0:
            part = -above[place - 1] / (above[place] - above[place - 1])
            return loads[place - 1] + part * (loads[place] - loads[place - 1])
    return None


def crossings(result: Comparison, *, in_time: float = 0.95, gain: float = 0.1) -> dict[str, float | None]:
    """Loads (arrival rate over the roof's) at which the choice of a mode changes; 0.0 and None as in `crossing`.

    `sync late`, `streaming late`: fewer than `in_time` of all requests are answered in time. `jobs answer more`: more
    requests than sync, by `gain`. `batch saves little`: sync needs at most `gain` more engine seconds per answer, of
    the loads at which both answered something (without an answer nothing can be said of its price).
    """
    by_mode = {mode: result.of(mode) for mode in Mode}
    loads = [one.share for one in by_mode[Mode.SYNC]]

    def useful(mode: Mode) -> list[float]:
        return [one.in_time / one.n for one in by_mode[mode]]

    now, later, bulk = by_mode[Mode.SYNC], by_mode[Mode.ASYNC], by_mode[Mode.BATCH]
    more = [b.answered / max(1, a.answered) for a, b in zip(now, later, strict=True)]
    dearer = {
        a.share: (a.held_s / a.answered) / (b.held_s / b.answered)
        for a, b in zip(now, bulk, strict=True)
        if a.answered and b.answered and b.held_s > 0
    }
    return {
        "sync late": crossing(loads, useful(Mode.SYNC), in_time, rising=False),
        "streaming late": crossing(loads, useful(Mode.STREAMING), in_time, rising=False),
        "jobs answer more": crossing(loads, more, 1 + gain, rising=True),
        "batch saves little": crossing([*dearer], [*dearer.values()], 1 + gain, rising=False) if dearer else None,
    }
