"""Build it: the account of a review, which sets the worst case aside before a call is made."""

from __future__ import annotations

from random import Random
from typing import Any

from exercises.model import Build, Case, Exercise, Kind, Params, Value, Wrong
from reference.agents.orchestrator.budget import Ledger

AGENTS = ("quality", "security", "performance", "tests", "documentation")
UNIT = 64  # amounts are whole sixty-fourths of a dollar: sums of them have no rounding


def draw(random: Random) -> dict[str, object]:
    return {"budget": random.choice([0.25, 0.5, 0.75, 1.0]), "agents": random.choice([3, 4, 5])}


def prompt(p: Params) -> str:
    return f"""{p["agents"]} agents call a language model side by side, and together they may never spend more than the
{p["budget"]:.2f} dollars of this review. Counting afterwards is too late. Write the class `Ledger(total)`:

- `reserve(agent, worst)` sets `worst` dollars aside before a call and returns a reservation (any object). If they are
  more than what is neither spent nor set aside, it raises an exception and sets nothing aside; what fits exactly, fits.
- `settle(reservation, actual)` puts what the call really cost in the place of what was set aside. A reservation is
  settled once: again raises an exception and changes nothing. If more was spent than set aside, that is counted in full
  and then raises an exception. An `actual` below 0 is no amount: what was set aside is counted as spent, since nobody
  knows better, and then it raises an exception.
- `spent` and `reserved` are attributes (or properties): dollars spent, and dollars set aside and not yet settled.

A `worst` below 0 raises an exception and sets nothing aside."""


STUB = '''class Ledger:
    """Dollars of one review: spent + reserved never passes total, but for a call that costs more than its worst case.

    total: dollars, 0 or more. spent, reserved: dollars.
    """

    def __init__(self, total):
        raise NotImplementedError

    def reserve(self, agent, worst):
        """A reservation of `worst` dollars. Raises an exception if they are not there, or below 0."""
        raise NotImplementedError

    def settle(self, reservation, actual):
        """Spends `actual` instead. Raises an exception if settled before (nothing changes), if `actual` is above what
        was set aside (it is counted), or below 0 (what was set aside is counted)."""
        raise NotImplementedError
'''


class _ByHand:
    """A right one; subclasses have one thing wrong."""

    counts_reserved = True
    releases = True
    settles_once = True
    counts_overspend = True
    takes_exact_fit = True

    def __init__(self, total: float) -> None:
        self.total, self.spent, self.open = total, 0.0, list[list[float]]()

    @property
    def reserved(self) -> float:
        return sum(one[0] for one in self.open)

    def reserve(self, agent: str, worst: float) -> list[float]:
        left = self.total - self.spent - (self.reserved if self.counts_reserved else 0.0)
        if worst < 0 or worst > left or (worst == left and not self.takes_exact_fit):
            raise ValueError(f"{agent}: {worst} of {left}")
        self.open.append([worst])
        return self.open[-1]

    def settle(self, reservation: list[float], actual: float) -> None:
        still = any(one is reservation for one in self.open)
        if not still and self.settles_once:
            raise ValueError("settled before")
        worst = reservation[0]
        self.open = [one for one in self.open if one is not reservation]
        if not self.releases and still and worst > actual:
            self.open.append([worst - actual])
        known = actual if actual >= 0 else worst
        self.spent += known if self.counts_overspend else min(known, worst)
        if not 0 <= actual <= worst:
            raise ValueError("more than was set aside, or no amount")


class IgnoresReserved(_ByHand):
    counts_reserved = False


class KeepsTheRest(_ByHand):
    releases = False


class SettlesAgain(_ByHand):
    settles_once = False


class ForgetsOverspend(_ByHand):
    counts_overspend = False


class RefusesExactFit(_ByHand):
    takes_exact_fit = False


def drive(implementation: Any, arguments: dict[str, Value]) -> Value:
    """Plays ["reserve", name, dollars] and ["settle", name, dollars]; returns [done?, spent, reserved] after each."""
    ledger = implementation(arguments["total"])
    held, log = {}, []
    for what, name, dollars in arguments["steps"]:
        try:
            if what == "reserve":
                held[name] = ledger.reserve(name.split()[0], dollars)
            elif name in held:
                ledger.settle(held[name], dollars)
            done = True
        except NotImplementedError:
            raise
        except Exception:
            done = False
        log.append([done, ledger.spent, ledger.reserved])
    return log


def cases(p: Params, random: Random) -> list[Case]:
    total = round(p["budget"] * UNIT)

    def case(group: str, *steps: tuple[str, str, int]) -> Case:
        return Case(group, {"total": p["budget"], "steps": [[what, name, part / UNIT] for what, name, part in steps]})

    def names(count: int) -> list[str]:
        return [f"{agent} {random.randint(100, 999)}" for agent in random.sample(AGENTS, count)]

    made = []
    for _ in range(3):  # one after the other, each well within what is left
        one, other = names(2)
        first, second = random.randint(3, total // 2 - 1), random.randint(2, total // 2 - 2)
        made.append(
            case("one call after another", ("reserve", one, first), ("settle", one, first),
                 ("reserve", other, second), ("settle", other, second))
        )  # fmt: skip
    for _ in range(3):  # together too much: the second is refused, a smaller third is not
        one, other, third = names(3)
        first = random.randint(total // 2, total - 4)
        made.append(
            case("calls side by side", ("reserve", one, first),
                 ("reserve", other, total - first + random.randint(1, first // 2)),
                 ("reserve", third, total - first - random.randint(1, 3)), ("settle", one, first))
        )  # fmt: skip
    for _ in range(3):  # what was not spent is free again
        one, other = names(2)
        worst = random.randint(total // 2 + 2, total - 2)
        actual = random.randint(1, worst // 2 - 1)
        made.append(
            case("cheaper than feared", ("reserve", one, worst), ("settle", one, actual),
                 ("reserve", other, random.randint(total - worst + 1, total - actual - 1)))
        )  # fmt: skip
    for _ in range(2):
        one, other = names(2)
        first = random.randint(2, total - 2)
        made.append(case("what fits exactly", ("reserve", one, first), ("reserve", other, total - first)))
    for _ in range(2):
        one, other = names(2)
        worst = random.randint(3, total // 3)
        made.append(
            case("settled twice", ("reserve", one, worst), ("settle", one, worst - random.randint(0, 2)),
                 ("settle", one, worst - 1), ("reserve", other, random.randint(1, total // 3)))
        )  # fmt: skip
    for _ in range(2):
        one, other = names(2)
        worst = random.randint(3, total // 4)
        actual = worst + random.randint(1, total // 4)
        made.append(
            case("dearer than feared", ("reserve", one, worst), ("settle", one, actual),
                 ("reserve", other, total - actual - random.randint(1, 2)))
        )  # fmt: skip
    one, other = names(2)
    part = random.randint(2, total // 2)
    below = case("amounts below 0", ("reserve", one, part), ("reserve", other, -part), ("settle", one, -1))
    return [*made, below]


EXERCISE = Exercise(
    id="q6-hard-stop",
    kind=Kind.BUILD,
    title="A review that cannot overspend",
    section="4.8",
    difficulty=1,
    minutes=15,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "What is free is the total less what is spent less what is set aside.",
        "Keep the open reservations in a dictionary or list: settling takes one out.",
        "Check first, change afterwards: an operation that raises has changed nothing, with one exception.",
    ),
    build=Build(
        name="Ledger",
        stub=STUB,
        reference=Ledger,
        wrong=(
            Wrong("reserved_not_counted", IgnoresReserved),
            Wrong("reservation_not_released", KeepsTheRest),
            Wrong("settled_twice", SettlesAgain),
            Wrong("overspend_forgotten", ForgetsOverspend),
            Wrong("exact_fit_refused", RefusesExactFit),
        ),
        cases=cases,
        driver=drive,
    ),
)
