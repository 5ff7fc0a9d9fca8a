"""SIMULATED: the same stream of changes with and without muting, to see how fast a reviewer grows quiet."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reference.agents.types import ReviewError

from .muting import Standing, muted_ever
from .store import is_critical

# Assumed true acceptance of a team: some rules are loved, some are noise to it. One critical rule is unloved as well.
ACCEPTED: Mapping[str, float] = {
    "security/sql-injection": 0.10,
    "performance/query-in-loop": 0.60,
    "quality/swallowed-error": 0.55,
    "tests/untested-change": 0.30,
    "quality/debug-leftover": 0.06,
    "documentation/missing-docstring": 0.02,
    "performance/list-membership": 0.40,
    "documentation/undocumented-parameter": 0.03,
}
RATES = (0.03, 0.20)  # findings of one rule per change: drawn between these
DELAY = (1, 30)  # changes until the outcome of a comment is known
PER_DAY = 20.0  # changes, for the pause of 90 days
WINDOWS = 20
LOOKS = 200

Row = dict[str, int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Replay:
    """What the two runs gave.

    Attributes:
        rows: per window and run: `changes` so far, `comments` per change and `accepted` share in the window (None
            without a comment), and whether it was `learning`.
        muted: rules that are silent at the end of the run that learns.
        wrongly: probability that a rule whose comments are accepted half of the time is ever muted in LOOKS outcomes.
    """

    rows: list[Row]
    muted: tuple[str, ...]
    wrongly: float


def replay(changes: int, seed: int = 0, rules: Mapping[str, float] | None = None) -> Replay:
    """Replay a stream of changes twice on the same random numbers, with muting and without.

    Args:
        rules: rule -> true acceptance. The rate of its findings is drawn from `seed` and its name.

    Raises:
        ReviewError: changes below 1, no rule, or an acceptance that is no probability.
    """
    rules = ACCEPTED if rules is None else rules
    if changes < 1:
        raise ReviewError(f"changes: at least 1, got {changes}")
    if not rules:
        raise ReviewError("rules: at least one rule is needed")
    for rule, share in rules.items():
        if not 0 <= share <= 1:
            raise ReviewError(f"rules[{rule!r}]: a probability, got {share!r}")
    quiet, muted = _run(changes, seed, rules, learning=True)
    loud, _ = _run(changes, seed, rules, learning=False)
    return Replay(rows=quiet + loud, muted=muted, wrongly=muted_ever(0.5, LOOKS))


def _stream(changes: int, seed: int, rules: Mapping[str, float]) -> Iterator[list[tuple[str, bool, int]]]:
    """Per change: (rule, would be accepted, changes until that is known) of each finding. Does not depend on muting."""
    rates = {rule: random.Random(f"{seed} {rule}").uniform(*RATES) for rule in rules}
    draws = {rule: random.Random(f"{seed} {rule} findings") for rule in rules}
    for _ in range(changes):
        found = []
        for rule in sorted(rules):
            # three numbers each time, used or not, so that no rule's stream depends on what was posted
            here, accepted, delay = draws[rule].random(), draws[rule].random(), draws[rule].randint(*DELAY)
            if here < rates[rule]:
                found.append((rule, accepted < rules[rule], delay))
        yield found


def _run(changes: int, seed: int, rules: Mapping[str, float], *, learning: bool) -> tuple[list[Row], tuple[str, ...]]:
    standings = {rule: Standing() for rule in rules}
    waiting: list[tuple[int, int, str, bool]] = []  # due at change, finding, rule, outcome
    window = math.ceil(changes / WINDOWS)
    rows: list[Row] = []
    number = posted = accepted = begun = 0
    for at, found in enumerate(_stream(changes, seed, rules), 1):
        now = at / PER_DAY * 24 * 3600
        while waiting and waiting[0][0] <= at:
            _, finding, rule, outcome = heapq.heappop(waiting)
            standings[rule].outcome(finding, outcome, now)
        for rule, outcome, delay in found:
            if learning and not is_critical(rule) and standings[rule].muted_until(now) is not None:
                continue
            number += 1
            posted += 1
            accepted += outcome
            standings[rule].posted(number, now)
            heapq.heappush(waiting, (at + delay, number, rule, outcome))
        if at % window == 0 or at == changes:
            share = accepted / posted if posted else None
            rows.append({"changes": at, "comments": posted / (at - begun), "accepted": share, "learning": learning})
            posted = accepted = 0
            begun = at
    end = changes / PER_DAY * 24 * 3600
    silent = (rule for rule in rules if not is_critical(rule) and standings[rule].muted_until(end) is not None)
    return rows, tuple(sorted(silent)) if learning else ()
