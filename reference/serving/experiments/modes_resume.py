"""A client whose connection breaks in the middle of a stream, and who goes on after the last event that it saw."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.serving.experiments.modes_service import ModesService


@dataclass(frozen=True)
class Event:
    """A server-sent event, or a comment (number 0, data empty), and when it came: seconds from the request."""

    number: int
    data: str
    at_s: float

    @property
    def text(self) -> str:
        """The piece of the answer in it."""
        if not self.data.startswith("{"):
            return ""
        return "".join(one["delta"].get("content") or "" for one in json.loads(self.data).get("choices", []))


@dataclass(frozen=True)
class Resumed:
    """What both connections got. `whole`: the same stream, read again from its start when it was complete."""

    stream_id: str
    before: tuple[Event, ...]
    after: tuple[Event, ...]
    whole: tuple[Event, ...]
    away_s: float

    @property
    def numbers(self) -> list[int]:
        """Numbers of the events in the order in which they came."""
        return [one.number for one in (*self.before, *self.after)]

    @property
    def lost(self) -> int:
        """Events of the stream that neither connection got."""
        return len({one.number for one in self.whole} - set(self.numbers))

    @property
    def doubled(self) -> int:
        """Events that came more than once."""
        return len(self.numbers) - len(set(self.numbers))

    @property
    def same_text(self) -> bool:
        """Whether the two parts put together are the answer."""
        return text_of((*self.before, *self.after)) == text_of(self.whole)


def text_of(events: tuple[Event, ...]) -> str:
    """The answer that some events amount to."""
    return "".join(one.text for one in events)


@contextmanager
def stream(service: ModesService, path: str, body: dict[str, Any] | None, after: int = 0) -> Iterator[tuple[str, Any]]:
    """(id, events as they come) of a stream; comments are events too. The connection ends with the block."""
    import httpx

    headers = {"authorization": f"Bearer {service.gateway.api_key}"}
    if after:
        headers["last-event-id"] = str(after)
    begun = time.perf_counter()
    with (
        httpx.Client(timeout=120, trust_env=False) as client,
        client.stream(
            "GET" if body is None else "POST", f"{service.base_url}{path}", headers=headers, json=body
        ) as got,
    ):
        if got.status_code != 200:
            got.read()
            raise RuntimeError(f"{path} answered {got.status_code}: {got.text[:200]}")

        def events() -> Iterator[Event]:
            number = 0
            for line in got.iter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: "):
                    yield Event(number, line[6:], time.perf_counter() - begun)
                elif line.startswith(":"):
                    yield Event(0, "", time.perf_counter() - begun)

        yield got.headers["x-stream-id"], events()


def cut_and_resume(service: ModesService, body: dict[str, Any], *, cut_after: int, away_s: float) -> Resumed:
    """Reads `cut_after` events, drops the connection, comes back after `away_s` seconds with Last-Event-ID."""
    before: list[Event] = []
    with stream(service, "/streams", body) as (stream_id, events):
        for event in events:
            if event.number:
                before.append(event)
            if len(before) == cut_after:
                break
    time.sleep(away_s)
    with stream(service, f"/streams/{stream_id}", None, before[-1].number) as (_, events):
        after = tuple(event for event in events if event.number)
    with stream(service, f"/streams/{stream_id}", None) as (_, events):
        whole = tuple(event for event in events if event.number)
    return Resumed(stream_id, tuple(before), after, whole, away_s)
