"""What the gateway's tests have in common."""

import random
import socket
import time
from collections.abc import Callable
from json import dumps
from typing import Any

import httpx
from fake_engine import MODEL

HELLO = [{"role": "user", "content": "hi there"}]


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """True as soon as `condition()` holds; False if it does not within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def free_port() -> int:
    """A port for a process that binds it later: below those that the kernel gives away meanwhile."""
    while True:
        with socket.socket() as probe:
            port = random.randrange(20_000, 30_000)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def body(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": HELLO, **fields}


def post(gateway: Any, json: Any = None, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
    """POST /v1/chat/completions with the gateway's own key."""
    auth = {"authorization": f"Bearer {gateway.api_key}"}
    if json is not None:
        options["json"] = json
    return httpx.post(
        f"{gateway.base_url}/chat/completions", headers={**auth, **(headers or {})}, timeout=120, **options
    )


def raw_request(gateway: Any, json: Any, receive_buffer: int | None = None) -> socket.socket:
    """A connection that has sent a chat request (bytes as they are) and has read nothing yet: its client may leave."""
    host, port = gateway.root_url.removeprefix("http://").split(":")
    content = json if isinstance(json, bytes) else dumps(json).encode()
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((host, int(port)))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.api_key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    connection.sendall(head.encode() + content)
    return connection


def metric(gateway: Any, name: str, **labels: str) -> float:
    """One sample of the gateway's /metrics, 0 if it is not there."""
    from prometheus_client.parser import text_string_to_metric_families

    text = httpx.get(f"{gateway.root_url}/metrics", timeout=30).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items()):
                return float(sample.value)
    return 0.0


def assert_openai_error(reply: httpx.Response, status: int, code: str, param: str | None = None) -> None:
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code, error
    assert error["message"].strip()
    if param is not None:
        assert error["param"] == param
    assert reply.headers["x-request-id"]
