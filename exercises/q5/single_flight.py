"""Build it: a cache in which equal requests at the same time cost one load, as the gateway's exact cache has it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from exercises.model import Build, Case, Exercise, Kind, Params, Value, Wrong
from exercises.q5 import _single_flight_wrong as wrong
from exercises.q5._single_flight_driver import drive

NAMES = ("refund", "opening hours", "password", "invoice", "delivery")


def draw(random: Random) -> dict[str, object]:
    return {"ttl_s": random.choice([6.0, 8.0, 10.0, 12.0]), "prefix": random.choice(["faq", "shop", "desk", "help"])}


def prompt(p: Params) -> str:
    return f"""A thousand users press enter on the same question in the same second. A cache alone does not help: none
of them finds an answer yet, and a thousand generations begin. Write the class `SingleFlight(ttl_s, now)`, which the
gateway would make with ttl_s = {p["ttl_s"]:g}, with one method, `async get(key, load)`:

- Nothing kept for `key` and nothing loading: call `load()` and await it; whoever asks for the same key meanwhile waits
  for this load and gets its answer in the moment it ends.
- An answer is kept for `ttl_s` seconds from the *end* of its load: while `now()` is less than that end plus `ttl_s`, it
  is given at once, without a load. Afterwards the next one to ask loads again.
- If a load raises, everybody who waits for it gets that exception. Nothing is kept: the next one to ask loads again.
- Different keys never wait for each other.
- Who asks may leave (its task is cancelled), the first one too. The load goes on as long as somebody waits for it; when
  the last one leaves it is cancelled, and the next one to ask loads again.

The check runs it on a clock of its own: use asyncio for waiting, `now()` for the time, no threads and no polling."""


STUB = '''class SingleFlight:
    """Answers by key; equal requests at the same time share one load.

    ttl_s: seconds that an answer is kept, from the end of its load.
    now: a function without arguments; the time in seconds.
    """

    def __init__(self, ttl_s, now):
        raise NotImplementedError

    async def get(self, key, load):
        """The answer for `key`: kept, from a running load, or from `await load()`. Raises what the load raises."""
        raise NotImplementedError
'''


class Reference:
    """The gateway's own flights and generations, for any value."""

    def __init__(self, ttl_s: float, now: wrong.Clock) -> None:
        from reference.serving.gateway.flights import Flights

        self._ttl_s, self._now = ttl_s, now
        self._flights = Flights()
        self._kept: dict[str, tuple[Any, float]] = {}
        self._raised: dict[int, Exception] = {}

    async def get(self, key: str, load: wrong.Load) -> Any:
        from reference.serving.gateway.errors import GatewayError

        value, until = self._kept.get(key, (None, float("-inf")))
        if self._now() < until:
            return value
        generation = self._flights.join(key)
        if generation is None:
            generation = self._lead(key, load)
        generation.attach()
        try:
            return json.loads((await generation.result()).choices[0].text)
        except GatewayError:
            raise self._raised[id(generation)] from None
        finally:
            generation.detach()

    def _lead(self, key: str, load: wrong.Load) -> Any:
        from reference.serving.gateway.errors import GatewayError
        from reference.serving.gateway.exact_cache import Answer
        from reference.serving.gateway.generation import Generation
        from reference.serving.gateway.upstream import Delta, Event, Finish

        generation = Generation(deadline=asyncio.get_running_loop().time() + 1e6, max_bytes=1_000_000)

        async def source() -> AsyncGenerator[Event]:
            try:
                answer = json.dumps(await load())
            except Exception as error:
                self._raised[id(generation)] = error
                raise GatewayError(502, "engine_error", "the load failed") from None
            yield Delta(0, answer)
            yield Finish(0, "stop")

        async def keep(answer: Answer) -> None:
            self._kept[key] = json.loads(answer.choices[0].text), self._now() + self._ttl_s

        resources = AsyncExitStack()
        resources.callback(self._flights.forget, key, generation)
        self._flights.lead(key, generation)
        generation.start(source, keep, resources)
        return generation


def cases(p: Params, random: Random) -> list[Case]:
    """Requests come at halves of a second, loads end at quarters, leavers leave at eighths: nothing happens at once."""
    ttl = p["ttl_s"]

    def key() -> str:
        return f"{p['prefix']}/{random.choice(NAMES)}"

    def halves(least: float, most: float) -> float:
        return random.randint(round(2 * least), round(2 * most)) / 2

    def load(least: float = 1.0, most: float = 3.0, fails: bool = False) -> list[Value]:
        return [halves(least, most) + 0.25, None if fails else f"answer {random.randint(1000, 9999)}"]

    def case(group: str, requests: list[list[Value]], loads: dict[str, list[list[Value]]]) -> Case:
        for plan in loads.values():
            plan += [load() for _ in range(6)]
        return Case(group, {"ttl_s": ttl, "requests": requests, "loads": loads, "until": 64.0})

    made = []
    for _ in range(3):
        one, first = key(), halves(0, 3)
        later = sorted(first + 3.5 + halves(0, 2) for _ in range(random.randint(2, 4)))
        made.append(case("a load, then the kept answer", [[at, one, None] for at in (first, *later)], {one: [load()]}))
    for _ in range(2):
        one, first = key(), halves(0, 3)
        plan = load(3, 4)
        times = [first, *sorted(first + halves(0, 3) for _ in range(random.randint(2, 4))), first + 5]
        made.append(case("equal requests at the same time", [[at, one, None] for at in times], {one: [plan]}))
    for _ in range(2):
        names = [f"{p['prefix']}/{name}" for name in random.sample(NAMES, 3)]
        asked: list[list[Value]] = [[halves(*when), name, None] for when in ((0, 1), (2, 3)) for name in names]
        made.append(case("different keys", asked, {name: [load(2, 4)] for name in names}))
    for _ in range(2):
        one, first, plan = key(), halves(0, 2), load(2, 3)
        end = first + plan[0] - 0.25
        # Kept by its end, but not by its start; then gone; then kept again.
        times = [first, first + ttl + halves(0.5, 1.5), end + ttl + halves(1, 3)]
        made.append(case("answers expire", [[at, one, None] for at in [*times, times[-1] + 4.5]], {one: [plan]}))
    for _ in range(2):
        one, first = key(), halves(0, 2)
        times = [first, first + 0.5, first + halves(1, 2), first + halves(4, 5), first + halves(8.5, 9.5)]
        plans = [load(2, 3, fails=True), load(2, 3)]
        made.append(case("a load fails", [[at, one, None] for at in times], {one: plans}))
    one, first = key(), halves(0, 2)
    leader = [[first, one, 1.125], [first + 0.5, one, None], [first + 1, one, None], [first + 6, one, None]]
    made.append(case("somebody leaves", leader, {one: [load(3, 4)]}))
    one, first = key(), halves(0, 2)
    waiter = [[first, one, None], [first + 0.5, one, 1.125], [first + halves(1, 2), one, None]]
    made.append(case("somebody leaves", waiter, {one: [load(3, 4)]}))
    one, first = key(), halves(0, 2)
    everyone = [[first, one, 1.125], [first + 0.5, one, 1.625], [first + halves(2.5, 3.5), one, None]]
    made.append(case("somebody leaves", [*everyone, [first + 9.5, one, None]], {one: [load(6, 7)]}))
    return made


EXERCISE = Exercise(
    id="q5-single-flight",
    kind=Kind.BUILD,
    title="A thousand equal questions, one answer",
    section="4.3",
    difficulty=3,
    minutes=30,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "Two dictionaries: answers with their end, and running loads by key. No `await` between looking and entering.",
        "Put the load into a task of its own; whoever asks waits for the task, the first one too.",
        "A task that is awaited is cancelled with the one that awaits it, unless it is shielded.",
        "Count who waits; in `finally` the last one to leave cancels the load, and removes only its own entry.",
    ),
    build=Build(
        name="SingleFlight",
        stub=STUB,
        reference=Reference,
        wrong=(
            Wrong("each_asker_loads", wrong.CacheOnly),
            Wrong("waiters_load_again", wrong.LockOfTheKey),
            Wrong("failure_kept", wrong.KeepsFailures),
            Wrong("one_lock_for_all", wrong.OneAtATime),
            Wrong("kept_from_the_start", wrong.KeepsFromTheStart),
            Wrong("kept_for_ever", wrong.KeepsForEver),
            Wrong("load_left_running", wrong.StopsForNobody),
            Wrong("leader_takes_load_along", wrong.LeaderLoads),
            Wrong("leader_takes_load_along", wrong.LeaderLeavesThemWaiting),
        ),
        cases=cases,
        driver=drive,
    ),
)
