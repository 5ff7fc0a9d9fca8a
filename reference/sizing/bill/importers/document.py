"""A JSON document read piece by piece: the items of its outermost lists, never the document as a whole."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, NoReturn

from .source import Source

ITEM = 16 << 20  # characters; a bucket of a usage page with thousands of results fits
_CHUNK = 1 << 16
_SPACE = " \t\r\n"


def refuse_constant(name: str) -> NoReturn:
    """JSON has no NaN and no Infinity; Python's reader would take them."""
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_constant=refuse_constant)


class _Broken(Exception):
    """The document cannot be followed any further."""


class _Window:
    """The part of a document that is in memory."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.text = ""
        self.at = 0
        self.line = 1
        self.ended = False

    def grow(self, size: int = 0) -> bool:
        """Read on, `size` bytes or a chunk; False at the end."""
        if self.ended:
            return False
        raw = self._source.read(size or _CHUNK)
        self.ended = not raw
        self.line += self.text.count("\n", 0, self.at)
        self.text = self.text[self.at :] + self._decoder.decode(raw, self.ended)
        self.at = 0
        return not self.ended

    def line_here(self) -> int:
        return self.line + self.text.count("\n", 0, self.at)

    def next_char(self, skip: str = _SPACE) -> str:
        """The next character that is not in `skip`, not consumed; empty at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in skip:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def take(self, expected: str) -> None:
        if self.next_char() != expected:
            raise _Broken(f"expected {expected!r}")
        self.at += 1

    def value(self) -> Any:
        """The JSON value that stands here."""
        self.next_char()
        size = _CHUNK
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except (ValueError, RecursionError) as error:
                # Cut off, or broken? Only more text can tell, and each try doubles it.
                if len(self.text) - self.at > ITEM:
                    raise _Broken(f"an item is longer than {ITEM >> 20} MiB") from None
                if not self.grow(size):
                    raise _Broken(str(error)) from None
                size = min(2 * size, ITEM)
                continue
            if end == len(self.text) and not self.ended and self.grow(size):
                continue  # a number may go on in the next piece
            self.at = end
            return value


def items(source: Source) -> Iterator[tuple[int, Any]]:
    """Line and value of every item: those of a top-level list, of lists directly in top-level objects, other values.

    Several documents may follow one another. Where the text stops being JSON the rest is reported as one fault: what
    belongs to what is no longer known there.
    """
    window = _Window(source)
    try:
        while char := window.next_char(_SPACE + ","):
            if char == "[":
                yield from _list(window)
            elif char == "{":
                yield from _object(window)
            else:
                line = window.line_here()
                yield line, window.value()
    except _Broken as broken:
        reason = f"broken JSON ({broken}); the rest of the file was not read. JSON lines survive such damage"
        source.fault(window.line_here(), "broken JSON", reason)


def _list(window: _Window) -> Iterator[tuple[int, Any]]:
    window.take("[")
    while True:
        char = window.next_char()
        if char == "]":
            window.at += 1
            return
        if not char:
            raise _Broken("the list never ends")
        line = window.line_here()
        yield line, window.value()
        char = window.next_char()
        if char == ",":
            window.at += 1
        elif char != "]":
            raise _Broken("expected ',' or ']'" if char else "the list never ends")


def _object(window: _Window) -> Iterator[tuple[int, Any]]:
    """Lists of the object as their items; if it has none, the object itself."""
    line = window.line_here()
    window.take("{")
    rest: dict[str, Any] = {}
    streamed = False
    while window.next_char() != "}":
        name = window.value()
        if not isinstance(name, str):
            raise _Broken("a name must be a text")
        window.take(":")
        if name in ("data", "results", "rows", "logs", "items", "buckets") and window.next_char() == "[":
            streamed = True
            around = dict(rest)  # a bucket names its times before its results
            for at, item in _list(window):
                if name == "results" and isinstance(item, dict) and around:
                    item = {**{k: v for k, v in around.items() if k in ("start_time", "end_time")}, **item}
                yield at, item
        else:
            rest[name] = window.value()
        char = window.next_char()
        if char == ",":
            window.at += 1
        elif char != "}":
            raise _Broken("expected ',' or '}'" if char else "the object never ends")
    window.at += 1
    if not streamed:
        yield line, rest
