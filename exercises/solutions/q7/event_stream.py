"""Three buffers of different life. Bytes wait for their LF, and are decoded only as whole lines: LF is never part of
another character in UTF-8, so no character is cut. Data and type wait for the empty line, which uses them up. The id
is buffered too, but stays; what the client would come back with is set at the empty line only. Had it been set with
the id line, a break in the middle of that event would lose it: the server would go on with the next one."""


class EventStream:
    def __init__(self):
        self.last_event_id = ""
        self.retry_ms = None
        self._rest = b""
        self._id = ""
        self._type, self._data = "", []

    def feed(self, chunk):
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = []
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8")
            if line:
                self._field(line)
                continue
            self.last_event_id = self._id
            if self._data:
                events.append({"id": self._id, "event": self._type or "message", "data": "\n".join(self._data)})
            self._type, self._data = "", []
        return events

    def _field(self, line):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._type = value
        elif field == "id":
            self._id = value
        elif field == "retry" and value.isdigit():
            self.retry_ms = int(value)
