"""A bell wakes all who wait when it rings, and nobody is left behind in it."""

import asyncio

from reference.serving.bell import Bell


def test_a_ring_wakes_everybody_who_waits_once():
    async def run():
        bell, woken = Bell(), []

        async def waiting(name, timeout_s):
            woken.append((name, await bell.wait(timeout_s)))

        tasks = [asyncio.create_task(waiting(name, timeout)) for name, timeout in enumerate([None, 60.0, None])]
        await asyncio.sleep(0)
        assert not woken
        bell.ring()
        await asyncio.gather(*tasks)
        assert sorted(woken) == [(0, True), (1, True), (2, True)]
        # It rang for those who waited then: the next one waits for the next ring.
        assert await bell.wait(0.01) is False

    asyncio.run(run())


def test_who_stops_waiting_leaves_nothing_behind():
    async def run():
        bell = Bell()
        task = asyncio.create_task(bell.wait())
        await asyncio.sleep(0)
        assert len(bell._waiters) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await bell.wait(0.001) is False
        assert not bell._waiters
        bell.ring()  # rings for nobody

    asyncio.run(run())
