"""A replay on a machine that pauses: what is late is waited for, and is no failure of a strategy."""

import anyio
import httpx
import pytest
from savings_fakes import MODEL, engine_of, fake_parts, running_engine

from reference.serving.savings import Switches, make_workload, replay, taped

pytestmark = pytest.mark.slow


def test_the_tape_asks_the_engine_on_a_new_connection_each_time(quick_servers):
    with running_engine() as strong, taped(engine_of(strong)) as tape:
        for text in ("one", "two", "three"):
            body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 4}
            assert httpx.post(f"{tape.base_url}/chat/completions", json=body, timeout=30).status_code == 200
        assert len(set(strong.peers)) == strong.calls == 3


def test_a_pause_while_connections_are_made_fails_no_request(quick_servers, monkeypatch):
    connect, late = anyio.connect_tcp, []

    async def paused(*given, **more):
        """As on a machine that stands still while requests connect to the tape."""
        if late:
            await anyio.sleep(2.2)
        late.append(1)
        return await connect(*given, **more)

    with fake_parts() as (parts, _, _):
        monkeypatch.setattr(anyio, "connect_tcp", paused)  # the first is the monitor's
        outcome = replay(make_workload(8, 0, 0, 0, seed=3), Switches(), parts)
    assert outcome.failed == 0
    assert len(late) > 1
