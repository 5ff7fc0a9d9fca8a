"""Background tasks end, also those that take a cancellation for something else."""

import asyncio

from reference.serving.ending import end_tasks


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same():
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end_tasks(task)
    assert task.done()
    assert swallowed == 2


async def test_a_task_that_has_ended_and_one_that_fails_are_no_trouble():
    async def fails() -> None:
        raise ValueError("no")

    done, failing = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(fails())
    await asyncio.sleep(0.01)
    await end_tasks(done, failing)
    assert done.done()
    await end_tasks()
