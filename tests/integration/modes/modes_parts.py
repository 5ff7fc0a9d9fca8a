"""What the tests of the modes have in common."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fake_engine import MODEL

from reference.serving import redis_store
from reference.serving.gateway.keys import KeyStore

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "hi there"}]}


@dataclass
class Service:
    """A service with its workers, and calls as one tenant makes them."""

    gateway: Any
    modes: Any
    fleet: Any
    settings: Any

    def call(self, method: str, path: str, *, key: str = "", **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key or self.gateway.api_key}", **options.pop("headers", {})}
        return httpx.request(method, f"{self.gateway.root_url}{path}", headers=headers, timeout=30, **options)

    def job(self, chat: dict[str, Any] | None = None, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        body = {"request": {**CHAT, **(chat or {})}, **fields}
        return self.call("POST", "/v1/jobs", json=body, headers=headers or {})

    def ended(self, job_id: str, timeout_s: float = 60.0) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while True:
            status = self.call("GET", f"/v1/jobs/{job_id}").json()
            if status["status"] in {"succeeded", "dead", "cancelled"}:
                return status
            assert time.monotonic() < deadline, status
            time.sleep(0.01)

    def other_tenant(self) -> str:
        with redis_store.connect(self.settings.redis_url) as client:
            return KeyStore(client, self.settings.key_prefix).create("other")[0]

    @contextmanager
    def stream(self, path: str = "/v1/streams", **options: Any) -> Iterator[Iterator[tuple[int, str]]]:
        method = "POST" if path == "/v1/streams" else "GET"
        headers = {"authorization": f"Bearer {self.gateway.api_key}", **options.pop("headers", {})}
        url = f"{self.gateway.root_url}{path}"
        if method == "POST":
            options.setdefault("json", CHAT)
        with httpx.Client(timeout=30) as client, client.stream(method, url, headers=headers, **options) as reply:
            yield Events(reply)


class Events:
    """Server-sent events of a response as (number, data)."""

    def __init__(self, reply: httpx.Response) -> None:
        self.reply = reply

    @property
    def stream_id(self) -> str:
        return self.reply.headers["x-stream-id"]

    def __iter__(self) -> Iterator[tuple[int, str]]:
        number = 0
        for line in self.reply.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: "):
                yield number, line[6:]


def text_of(events: list[tuple[int, str]]) -> str:
    """The answer that some events amount to."""
    pieces = [json.loads(data) for _, data in events if data != "[DONE]"]
    return "".join(c["delta"].get("content", "") for piece in pieces for c in piece.get("choices", []))
