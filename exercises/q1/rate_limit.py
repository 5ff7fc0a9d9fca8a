"""Build it: the rate limiter of question 1's gateway, on a clock that the caller gives."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong

Clock = Callable[[], float]


def draw(random: Random) -> dict[str, object]:
    # Cells per second and seconds per cell are exact in binary: whoever counts in either gets the same whole cells.
    return {"limit": random.choice([15, 30, 60]), "large": random.choice([120, 240])}


def prompt(p: Params) -> str:
    return f"""The gateway allows each API key a number of *cells* per minute: one per request, or one per token. Write
the class `RateLimiter`. A key that was idle may spend its whole limit at once ({p["limit"]}, or {p["large"]} for a
larger customer), and regains it evenly, one cell every 60 / limit seconds, at any moment and not at the full minute.

The calls come with a clock that only ever goes forward, so that nothing has to sleep. What a charge returns, and what
happens with too large and with negative costs, stands in the docstring."""


STUB = '''class RateLimiter:
    """Limits per key. clock() returns seconds as a float; it never goes back."""

    def __init__(self, clock):
        raise NotImplementedError

    def charge(self, key: str, limit: int, cost: int) -> dict:
        """Charge `cost` cells to `key`, whose limit is `limit` cells per minute (always the same for a key).

        Returns {"allowed": bool, "remaining": int, "retry_s": float}:
        allowed: whether the whole cost fits now. If it does not, nothing at all is taken.
        remaining: whole cells that are left after this charge, rounded down, at least 0.
        retry_s: 0 if allowed, else the seconds until this very cost would fit; -1 if it never will (cost > limit).

        A key that is new has its whole limit. A key never has more than its limit, however long it was idle.
        A negative cost gives cells back; it is always allowed.
        """
        raise NotImplementedError
'''


class Reference:
    """The gateway's own, whose answers also say when the quota is full again."""

    def __init__(self, clock: Clock) -> None:
        from reference.serving.gateway.limits import LocalGcra  # loads the Redis client, a third of a second

        self._inner = LocalGcra(clock)

    def charge(self, key: str, limit: int, cost: int) -> dict[str, Any]:
        found = self._inner.charge(key, limit, cost)
        return {"allowed": found.allowed, "remaining": max(0, found.remaining), "retry_s": found.retry_s}


class _Bucket:
    """The same by hand with a counter of cells, for one thing to be wrong in."""

    most = 1.0  # cells that idle time saves up, in limits

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.cells: dict[str, tuple[float, float]] = {}

    def name(self, key: str) -> str:
        return key

    def left(self, key: str, limit: int, now: float) -> float:
        cells, since = self.cells.get(key, (float(limit), now))
        return min(self.most * limit, cells + (now - since) * limit / 60)

    def charge(self, key: str, limit: int, cost: int) -> dict[str, Any]:
        key, now = self.name(key), self.clock()
        left = self.left(key, limit, now)
        if cost > limit or (cost > 0 and cost > left):
            self.refused(key, left, cost, now)
            retry = -1.0 if cost > limit else (cost - left) * 60 / limit
            return {"allowed": False, "remaining": max(0, int(left)), "retry_s": retry}
        left = min(self.most * limit, left - cost)
        self.cells[key] = (left, now)
        return {"allowed": True, "remaining": max(0, int(left)), "retry_s": 0.0}

    def refused(self, key: str, left: float, cost: int, now: float) -> None:
        pass


class OneQuota(_Bucket):
    def name(self, key: str) -> str:
        return "all"


class Hoards(_Bucket):
    most = 1e9


class ChargesRefusals(_Bucket):
    def refused(self, key: str, left: float, cost: int, now: float) -> None:
        self.cells[key] = (left - cost, now)


class FixedWindow(_Bucket):
    """A counter that starts anew at each full minute."""

    def left(self, key: str, limit: int, now: float) -> float:
        cells, since = self.cells.get(key, (float(limit), now))
        return float(limit) if now // 60 > since // 60 else cells


class WholeCells(_Bucket):
    """Credits whole cells and forgets the part that was under way."""

    def left(self, key: str, limit: int, now: float) -> float:
        cells, since = self.cells.get(key, (float(limit), now))
        return float(min(limit, cells + int((now - since) * limit / 60)))


def run(implementation: Any, arguments: dict[str, Any]) -> list[Any]:
    """Every call at its time; what came back, call by call."""
    now = [0.0]
    limiter = implementation(lambda: now[0])
    log = []
    for at, key, limit, cost in arguments["calls"]:
        now[0] = at
        found = limiter.charge(key, limit, cost)
        log.append([found["allowed"], found["remaining"], found["retry_s"]])
    return log


def cases(p: Params, random: Random) -> list[Case]:
    """Times are multiples of a quarter of the seconds of one cell, so that no rounding decides a case."""
    limit, large = p["limit"], p["large"]
    cell = 60 / limit

    def times(count: int, quarters: tuple[int, int], start: float) -> list[float]:
        found = [start]
        for _ in range(count - 1):
            found.append(found[-1] + random.randint(*quarters) * cell / 4)
        return found

    def start() -> float:
        return random.randint(0, 50) * cell

    def case(group: str, calls: list[list[Any]]) -> Case:
        return Case(group, {"calls": calls})

    spent, idle, refused, keys, odd = [], [], [], [], []
    for _ in range(3):
        at = start()
        first = random.randint(limit // 2, limit - 2)
        rest = [random.randint(1, 3) for _ in range(3)]
        spent.append(case("a burst from a full quota", [[at, "a", limit, cost] for cost in (first, *rest, limit)]))
    for _ in range(4):
        # Spend most of it, ask in small steps that are no whole cells, then idle for long and spend again.
        at = start()
        calls = [[at, "a", limit, limit - random.randint(1, 3)]]
        steps = times(7, (2, 7), at + cell / 4 * random.randint(1, 3))
        calls += [[moment, "a", limit, random.randint(1, 2)] for moment in steps]
        long_after = steps[-1] + 60 + random.randint(20, 200) * cell
        more = random.randint(1, 4)
        calls += [
            [long_after, "a", limit, more],
            [long_after + cell, "a", limit, limit],
            [long_after + 2 * cell, "a", limit, 1],
        ]
        idle.append(case("what time gives back", calls))
    for _ in range(4):
        # Nearly empty: refused, refused again, and just before and at the moment when it fits.
        at, want = start(), random.randint(3, limit // 2)
        due = at + want * cell
        moments = [at + cell / 4, at + cell * (want - 1), due - cell / 4, due, due + cell / 4]
        refused.append(
            case(
                "a refusal takes nothing",
                [[at, "a", limit, limit], *([moment, "a", limit, want] for moment in moments)],
            )
        )
    for _ in range(3):
        at = start()
        moments = times(8, (0, 6), at)
        calls = [[moment, random.choice("ab"), limit, random.randint(1, limit // 2)] for moment in moments]
        calls += [
            [moments[-1], "c", large, random.randint(1, large)],
            [moments[-1], "c", large, random.randint(1, large)],
        ]
        keys.append(case("several keys", calls))
    for _ in range(3):
        at, back = start(), random.randint(2, limit // 2)
        spend = random.randint(back + 1, limit - 1)
        calls = [[at, "a", limit, limit + random.randint(1, 9)], [at, "a", limit, spend], [at, "a", limit, -back]]
        later = at + cell / 2
        calls += [
            [later, "a", limit, -limit],
            [later, "a", limit, limit + 1],
            [later, "a", limit, random.randint(1, limit)],
        ]
        odd.append(case("costs that never fit, or give back", calls))
    return [*spent, *idle, *refused, *keys, *odd]


EXERCISE = Exercise(
    id="q1-rate-limit",
    kind=Kind.BUILD,
    title="A rate limiter that forgets nothing",
    section="4.6",
    difficulty=3,
    minutes=25,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "One number per key is enough: the moment at which its quota would be full again.",
        "A charge moves that moment on by cost x 60 / limit seconds; if it is past, it starts from now.",
        "It fits if the moment is then at most a minute away. Decide first, store afterwards.",
        "What is left is the part of the minute between that moment and a minute from now, in whole cells.",
    ),
    build=Build(
        name="RateLimiter",
        stub=STUB,
        reference=Reference,
        wrong=(
            Wrong("fixed_window", FixedWindow),
            Wrong("refusal_charged", ChargesRefusals),
            Wrong("one_quota_for_all", OneQuota),
            Wrong("idle_time_hoarded", Hoards),
            Wrong("refills_whole_cells", WholeCells),
        ),
        cases=cases,
        driver=run,
        tolerance=1e-6,
    ),
)
