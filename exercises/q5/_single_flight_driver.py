"""Runs a single flight on a clock that jumps from event to event."""

from __future__ import annotations

from typing import Any

from exercises.model import Value


def drive(implementation: Any, arguments: dict[str, Value]) -> Value:
    """Runs the requests [at, key, leaves after] on a clock that jumps from event to event; returns what each got and
    when, and when each load began and how it ended. In a thread: a notebook has a running loop of its own."""
    import asyncio
    import selectors
    import threading

    clock, turns = [0.0], [0]

    class Stuck(BaseException):
        pass

    class Jumping(selectors.SelectSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            turns[0] += 1
            if timeout is None or turns[0] > 20_000:
                raise Stuck
            clock[0] += max(0.0, timeout)
            return super().select(0)

    class Loop(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return clock[0]

    answers: list[Any] = [[0.0, "waits"] for _ in arguments["requests"]]
    loads: list[list[Any]] = []
    counts: dict[str, int] = {}
    raised: list[BaseException] = []

    # Nested annotations name builtins only: this function is run as source, without the imports of its module.
    def loader(key: str) -> object:
        async def load() -> object:
            plan = arguments["loads"][key]
            number = counts[key] = counts.get(key, 0) + 1
            seconds, value = plan[(number - 1) % len(plan)]
            entry: list[Any] = [clock[0], key, -1.0, "runs"]
            loads.append(entry)
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                entry[2:] = [clock[0], "cancelled"]
                raise
            entry[2:] = [clock[0], "ended"]
            if value is None:
                raise RuntimeError(f"load {number} of {key} failed")
            return value

        return load

    async def play() -> None:
        flights = implementation(arguments["ttl_s"], lambda: clock[0])

        async def ask(number: int, at: float, key: str, leaves: float | None) -> None:
            await asyncio.sleep(at)
            try:
                async with asyncio.timeout(leaves):
                    found = ["got", await flights.get(key, loader(key))]
            except TimeoutError:
                found = ["left"]
            except asyncio.CancelledError:
                found = ["was cancelled"]
            except NotImplementedError as error:
                raised.append(error)
                return
            except Exception as error:
                found = ["raised", f"{type(error).__name__}: {str(error)[:80]}"]
            answers[number] = [clock[0], *found]

        asks = [asyncio.create_task(ask(number, *one)) for number, one in enumerate(arguments["requests"])]
        await asyncio.sleep(arguments["until"])
        del asks  # held until now: a loop refers to its tasks weakly

    def run() -> None:
        loop = Loop(Jumping())
        loop.set_exception_handler(lambda *_: None)
        try:
            loop.run_until_complete(play())
        except BaseException as error:  # handed to the thread that waits
            raised.append(RuntimeError("nothing happens any more") if isinstance(error, Stuck) else error)
        # What is seen is what was there at the end, not what tidying up does to it.
        seen.append([[list(one) for one in answers], sorted(list(one) for one in loads)])
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            turns[0] = 0
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        except BaseException:
            pass
        loop.close()

    seen: list[Any] = []
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return {"answers": seen[0][0], "loads": seen[0][1]}
