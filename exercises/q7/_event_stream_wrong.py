"""Parsers of server-sent events as people write them, each with one thing wrong."""

from __future__ import annotations


class _Lines:
    """A whole parser in small steps, so that each of the others below changes one of them."""

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self._rest = b""
        self._id, self._type = "", ""
        self._data: list[str] = []

    def lines(self, chunk: bytes) -> list[str]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.removesuffix(b"\r").decode() for line in lines]

    def value_of(self, text: str) -> str:
        return text.removeprefix(" ")

    def on_id(self, value: str) -> None:
        self._id = value

    def on_data(self, value: str, found: list[dict[str, str]]) -> None:
        del found
        self._data.append(value)

    def on_end(self, found: list[dict[str, str]]) -> None:
        self.last_event_id = self._id
        if self._data:
            found.append(self.event("\n".join(self._data)))
        self._data, self._type = [], self.next_type()

    def next_type(self) -> str:
        return ""

    def event(self, data: str) -> dict[str, str]:
        return {"id": self._id, "event": self._type or "message", "data": data}

    def feed(self, chunk: bytes) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for line in self.lines(chunk):
            if not line:
                self.on_end(found)
                continue
            field, _, rest = line.partition(":")
            value = self.value_of(rest)
            if field == "data":
                self.on_data(value, found)
            elif field == "event":
                self._type = value
            elif field == "id":
                self.on_id(value)
            elif field == "retry" and value.isdecimal():
                self.retry_ms = int(value)
        return found


class ChunksForLines(_Lines):
    """Takes each chunk for whole lines."""

    def lines(self, chunk: bytes) -> list[str]:
        return chunk.decode(errors="replace").splitlines()


class DecodedByChunk(_Lines):
    """Decodes what comes, then looks for lines."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""

    def lines(self, chunk: bytes) -> list[str]:
        *lines, self._text = (self._text + chunk.decode(errors="replace")).split("\n")
        return [line.removesuffix("\r") for line in lines]


class EventPerDataLine(_Lines):
    """Enough for a server that puts each event into one line, and for no other."""

    def on_data(self, value: str, found: list[dict[str, str]]) -> None:
        found.append(self.event(value))


class ValueStripped(_Lines):
    """Loses the spaces at both ends of a value: some of a model's tokens begin with one."""

    def value_of(self, text: str) -> str:
        return text.strip()


class IdBeforeEvent(_Lines):
    """Comes back after an event that it never had whole, which is then lost."""

    def on_id(self, value: str) -> None:
        self._id = self.last_event_id = value


class TypeKept(_Lines):
    """Gives the type of one event to those after it."""

    def next_type(self) -> str:
        return self._type
