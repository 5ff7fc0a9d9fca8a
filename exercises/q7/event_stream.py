"""Build it: a parser of server-sent events that gets its bytes in pieces, cut anywhere."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from exercises.model import Build, Case, Exercise, Kind, Params, Value, Wrong
from exercises.q7 import _event_stream_wrong as wrong

# Of one, two, three and four bytes in UTF-8.
PIECES = (" the sea", " is wide", "größer", " – nie", "波は高い", " 🌊", "\n", " über", " and", " deep", "é")


def draw(random: Random) -> dict[str, object]:
    return {"retry_ms": random.choice([500, 1500, 3000]), "first_id": random.choice([1, 12, 97, 640])}


def prompt(p: Params) -> str:
    return f"""The service of question 7 numbers the events of a stream, so that a client which loses its connection
can come back with the number of the last event that it has *whole*. Write the client's side: a class `EventStream`
with `feed(chunk)`, which takes the next bytes as the network cut them and returns the events that they complete.
Afterwards `last_event_id` is what the client would send as `Last-Event-ID`, and `retry_ms` how long it would wait
before it does (this server says {p["retry_ms"]}). The rules are those of the HTML standard, and stand in the
docstring."""


STUB = '''class EventStream:
    """A stream of server-sent events, fed with bytes as they come.

    Lines end with LF; a CR right before it belongs to the ending. Bytes are UTF-8.
      ":..."          a comment: ignored (servers send them as heartbeats)
      "field: value"  field and value; one space after the colon, if there is one, is no part of the value
      "data"          appends a line to the event's data; several are joined with "\\\\n"
      "event"         the type of this event alone; "message" if it has none
      "id"            kept from event to event, until another one comes
      "retry"         digits only: milliseconds, goes to retry_ms. Any other field is ignored.
      an empty line   ends the event. One without a data line is not returned; its id counts, its type is dropped.
    An event that the end of the bytes leaves unfinished is not returned, and its id does not count.

    last_event_id: of the last event that was ended; "" before the first. retry_ms: None until the server says it.
    """

    def __init__(self):
        self.last_event_id = ""
        self.retry_ms = None
        raise NotImplementedError

    def feed(self, chunk: bytes) -> list[dict]:
        """The events that are complete with this chunk, in order: {"id": str, "event": str, "data": str}."""
        raise NotImplementedError
'''


class Reference:
    """The decoder of the openai client, through which all answers of the engine come, fed with lines.

    It also reports events without data; those are left out here, as the standard says. It reports nothing for an empty
    line where there is no id or an empty one, which takes an earlier id back.
    """

    def __init__(self) -> None:
        from openai._streaming import SSEDecoder

        self._decoder, self._rest, self._has_data = SSEDecoder(), b"", False
        self.last_event_id = ""
        self.retry_ms: int | None = None

    def feed(self, chunk: bytes) -> list[dict[str, str]]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = []
        for raw in lines:
            line = raw.removesuffix(b"\r").decode()
            self._has_data = self._has_data or line.partition(":")[0] == "data"
            event = self._decoder.decode(line)
            if event is None:
                self.last_event_id = self.last_event_id if line else ""
                continue
            self.last_event_id = event.id or ""
            self.retry_ms = event.retry if event.retry is not None else self.retry_ms
            if self._has_data:
                found.append({"id": self.last_event_id, "event": event.event or "message", "data": event.data})
            self._has_data = False
        return found


def drive(implementation: Any, arguments: dict[str, Value]) -> Value:
    """Feeds the chunks in order; what each of them returned, and what is known at the end."""
    stream = implementation()
    returned = [stream.feed(bytes.fromhex(chunk)) for chunk in arguments["chunks"]]
    return {"returned": returned, "last_event_id": stream.last_event_id, "retry_ms": stream.retry_ms}


def cases(p: Params, random: Random) -> list[Case]:
    from reference.serving.modes.stream_log import frame

    def token() -> bytes:
        delta = {"choices": [{"index": 0, "delta": {"content": random.choice(PIECES)}}]}
        return json.dumps(delta, ensure_ascii=False).encode()

    def words(count: int = 3) -> str:
        return "".join(random.choice(PIECES) for _ in range(count)).replace("\n", " ")

    def numbered(count: int) -> list[bytes]:
        first = p["first_id"] + random.randrange(50)
        return [frame(first + place, token()) for place in range(count)]

    def case(group: str, *chunks: bytes) -> Case:
        return Case(group, {"chunks": [chunk.hex() for chunk in chunks]})

    def cut(stream: bytes, least: int = 1, most: int = 9) -> list[bytes]:
        pieces = []
        while stream:
            size = random.randint(least, most)
            pieces.append(stream[:size])
            stream = stream[size:]
        return pieces

    retry = b"retry: %d\n\n" % p["retry_ms"]
    whole = [case("one event in each chunk", retry, *numbered(n)) for n in (2, 3, 4)]
    several = [b"".join(numbered(4)), retry + b"".join(numbered(3)).replace(b"\n", b"\r\n")]
    split = [case("cut anywhere", *cut(stream)) for stream in several]
    two = b"".join(numbered(2))
    split.append(case("cut anywhere", two[:-1], two[-1:] + b": heartbeat\n\n", b"".join(numbered(1))))
    plain = [f"id: {random.randrange(1000)}\ndata: {words()}ü🌊\n\n".encode() for _ in range(3)]
    letters = [case("cut inside a character", *(bytes([one]) for one in stream)) for stream in plain]
    lines = []
    for _ in range(3):
        event = f"id: {random.randrange(1000)}\n" + "".join(f"data: {words(2)}\n" for _ in range(3)) + "\n"
        lines.append(case("data of several lines", event.encode(), *numbered(1)))
    fields = []
    for _ in range(3):
        name, number = random.choice(["usage", "finish", "ping"]), random.randrange(100, 999)
        stream = f"event: {name}\nid: {number}\ndata:   two spaces are left{random.randrange(99)} \n\n".encode()
        later = f"colour: blue\ndata:{random.randrange(99)}: {words(1)}\n\n".encode()
        fields.append(case("fields", retry.replace(b" ", b""), b": heartbeat\n\n", stream, later))
    silent = f"event: ping\nid: {random.randrange(1000, 1999)}\n\n".encode()
    fields.append(case("fields", *numbered(1), silent, f"data: {words(2)}\n\n".encode()))
    broken = []
    for _ in range(3):
        events = numbered(3)
        broken.append(case("the connection breaks", *events[:-1], events[-1][: -random.randint(1, 12)]))
    return [*whole, *split, *letters, *lines, *fields, *broken]


EXERCISE = Exercise(
    id="q7-event-stream",
    kind=Kind.BUILD,
    title="Server-sent events, cut anywhere",
    section="4.6",
    difficulty=3,
    minutes=30,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "Keep the bytes after the last LF until the next chunk comes. Which of the two may you decode: bytes or lines?",
        "An event is three things that grow line by line and are used up by the empty line. The id is not used up.",
        "When the connection breaks in the middle of event 9, the client must ask for what follows 8.",
    ),
    build=Build(
        name="EventStream",
        stub=STUB,
        reference=Reference,
        wrong=(
            Wrong("chunks_for_lines", wrong.ChunksForLines),
            Wrong("decoded_by_chunk", wrong.DecodedByChunk),
            Wrong("event_per_data_line", wrong.EventPerDataLine),
            Wrong("value_stripped", wrong.ValueStripped),
            Wrong("id_before_event", wrong.IdBeforeEvent),
            Wrong("type_kept", wrong.TypeKept),
        ),
        cases=cases,
        driver=drive,
    ),
)
