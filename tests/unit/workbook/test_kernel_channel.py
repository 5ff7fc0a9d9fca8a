"""A reply of the kernel that nobody was told of is found all the same."""

from __future__ import annotations

import asyncio
import time
from queue import Empty

import pytest

from workbook.runner.kernel import look_again


async def deaf_channel(context):
    """(channel that is told of nothing, the kernel's end): what has come is seen by a new look only."""
    import zmq
    from jupyter_client.channels import AsyncZMQSocketChannel
    from jupyter_client.session import Session

    ours, its = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    ours.bind("inproc://kernel")
    its.connect("inproc://kernel")
    channel = AsyncZMQSocketChannel(ours, Session(key=b"k"))
    waits = channel.get_msg

    async def get_msg(timeout=None):
        if ours.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            return await waits(timeout=0)
        await asyncio.sleep(3600 if timeout is None else timeout)
        raise Empty

    channel.get_msg = get_msg
    return channel, its


@pytest.mark.parametrize("timeout", [None, 30.0])
async def test_a_reply_that_was_not_announced_is_found_soon(timeout):
    import zmq.asyncio
    from jupyter_client.session import Session

    with zmq.asyncio.Context() as context:
        channel, its = await deaf_channel(context)
        look_again(channel, every_s=0.01)
        waiting = asyncio.create_task(channel.get_msg(timeout=timeout))
        await asyncio.sleep(0.03)
        await its.send_multipart(Session(key=b"k").serialize(Session(key=b"k").msg("execute_reply")))
        assert (await asyncio.wait_for(waiting, 10))["msg_type"] == "execute_reply"
        channel.socket.close(0)
        its.close(0)


async def test_a_time_out_is_kept_to():
    import zmq.asyncio

    with zmq.asyncio.Context() as context:
        channel, its = await deaf_channel(context)
        look_again(channel, every_s=0.01)
        begun = time.monotonic()
        with pytest.raises(Empty):
            await channel.get_msg(timeout=0.1)
        assert time.monotonic() - begun >= 0.1
        channel.socket.close(0)
        its.close(0)
