"""A server on a thread: up before the block, ended behind it, and a failed start says why."""

from __future__ import annotations

import ast
import io
import socket
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn

from reference.serving.thread_server import on_thread


class Failed(Exception):
    pass


async def hello(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def server_of(app, lifespan: str = "off") -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan=lifespan))


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_the_server_answers_within_the_block_and_its_thread_ends_with_it(listener):
    server = server_of(hello)
    with on_thread(server, lambda: server.run(sockets=[listener]), name="hello's server", error=Failed):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert httpx.get(url, trust_env=False).text == "hello"
        assert "hello's server" in {thread.name for thread in threading.enumerate()}
    assert "hello's server" not in {thread.name for thread in threading.enumerate()}


def test_a_start_that_fails_is_raised_with_its_cause(listener):
    def run() -> None:
        raise OSError("no more sockets")

    with pytest.raises(Failed, match="hello did not start: no more sockets") as raised:  # noqa: SIM117
        with on_thread(server_of(hello), run, name="hello", error=Failed):
            pass
    assert isinstance(raised.value.__cause__, OSError)


def test_an_application_that_refuses_to_start_is_not_waited_for(listener):
    async def refuses(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    server = server_of(refuses, lifespan="on")
    with pytest.raises(Failed, match="see the log above"):  # noqa: SIM117
        with on_thread(server, lambda: server.run(sockets=[listener]), name="hello", error=Failed):
            pass


def test_a_server_that_hangs_at_its_start_is_named_after_the_time_given():
    ended = threading.Event()
    with pytest.raises(Failed, match=r"hello did not start within 0\.05 s"):  # noqa: SIM117
        with on_thread(server_of(hello), lambda: ended.wait(10), name="hello", error=Failed, start_s=0.05, end_s=0.0):
            pass
    ended.set()


def test_a_server_writes_to_the_error_stream_of_the_moment_and_keeps_none_that_was_closed():
    """uvicorn's own configuration binds the stream that it finds, which a test's capture closes; every server of the
    project does without it."""
    root = Path(__file__).parents[3]
    calls = {}
    for folder in ("reference", "workbook", "exercises", "tests"):
        for path in root.glob(f"{folder}/**/*.py"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)) if "uvicorn.Config(" in text else ():
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "uvicorn.Config":
                    given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                    calls[f"{path.relative_to(root)}:{node.lineno}"] = given.get("log_config")
    assert len(calls) >= 8
    assert {place for place, given in calls.items() if given != "None"} == set()


def test_the_gateways_log_follows_the_error_stream(monkeypatch):
    from reference.serving.gateway import logs

    monkeypatch.setattr(logs.logger, "handlers", [])
    monkeypatch.setattr(logs.logger, "propagate", True)
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", first)
    logs.configure()
    logs.log_event("one")
    monkeypatch.setattr("sys.stderr", second)
    first.close()
    logs.log_event("two")
    assert '"event": "two"' in second.getvalue()
