"""An export as bytes: opened with or without gzip, read in bounded lines, its container told from its beginning."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from reference.sizing.bill.lines import BillError
from reference.sizing.bill.records import Faults, RowFault

Container = Literal["table", "lines", "document"]

LINE = 4 << 20  # bytes; a request log with its texts fits
HEAD = 1 << 16  # bytes looked at to tell what a file is

_REFUSED = {
    b"PK\x03\x04": ("a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    b"PAR1": ("a Parquet file", "write it as CSV or JSON lines"),
    b"SQLite format 3": ("a database", "export the table as CSV or JSON lines"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unpack it; gzip is read as it is"),
    b"BZh": ("compressed with bzip2", "unpack it; gzip is read as it is"),
    codecs.BOM_UTF16_LE: ("UTF-16 text", "save it as UTF-8"),
    codecs.BOM_UTF16_BE: ("UTF-16 text", "save it as UTF-8"),
}


@dataclass
class Source:
    """An open export: `stream` stands at its first byte behind a byte order mark."""

    name: str
    stream: io.BufferedIOBase
    head: bytes
    faults: Faults

    def fault(self, line: int, kind: str, reason: str) -> None:
        """A row that cannot be read: counted, and kept if it is among the first."""
        self.faults.add(self.name, line, RowFault(kind, reason))

    def _damaged(self, line: int, error: Exception) -> None:
        reason = f"the gzip file ends early or is damaged ({error}); what came before is counted"
        self.fault(line, "damaged archive", reason)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; a damaged archive ends here, and is reported."""
        try:
            return self.stream.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._damaged(0, error)
            return b""

    def lines(self) -> Iterator[tuple[int, str]]:
        """Number and text of every line that is not blank; over-long lines and lines with a NUL byte are faults."""
        readline = self.stream.readline
        number = 0
        while True:
            try:
                raw = readline(LINE + 1)
                number += 1
                if len(raw) > LINE:
                    while raw and not raw.endswith(b"\n"):
                        raw = readline(LINE)
                    self.fault(number, "line too long", f"the line is longer than {LINE >> 20} MiB")
                    continue
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                self.fault(
                    number,
                    "damaged archive",
                    f"the gzip file ends early or is damaged ({error}); what came before is counted",
                )
                return
            if not raw:
                return
            if b"\0" in raw:
                self.fault(number, "NUL byte", "the line holds a NUL byte: it is damaged")
                continue
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if text and not text.isspace():
                yield number, text


@contextmanager
def open_source(path: str | Path, faults: Faults) -> Iterator[Source]:
    """Open an export for one pass. Raises BillError for what is no file, or in a form that is not read."""
    path = Path(path)
    if path.is_dir():
        raise BillError(f"{path} is a folder; name the files in it")
    try:
        raw: io.RawIOBase = io.FileIO(path)
    except OSError as error:
        raise BillError(f"{path} cannot be read: {error.strerror}") from None
    with io.BufferedReader(raw, HEAD) as plain:
        stream = plain
        if plain.peek(2)[:2] == b"\x1f\x8b":
            stream = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=plain)), HEAD)
        try:
            head = stream.peek(HEAD)[:HEAD]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BillError(f"{path} is a damaged gzip file: {error}") from None
        for magic, (what, mend) in _REFUSED.items():
            if head.startswith(magic):
                raise BillError(f"{path} is {what}: {mend}")
        if head.startswith(codecs.BOM_UTF8):
            stream.read(len(codecs.BOM_UTF8))
            head = head[len(codecs.BOM_UTF8) :]
        yield Source(path.name, stream, head, faults)


def container_of(head: bytes) -> Container:
    """A table, JSON lines, or one JSON document, from the first bytes of a file.

    JSON whose first line is a whole value is read line by line, so that a broken line costs that line alone.
    """
    import json

    text = head.lstrip()
    if text[:1] not in (b"{", b"["):
        return "table"
    first, newline, _ = text.partition(b"\n")
    try:
        json.loads(first)
    except ValueError:
        if newline:
            return "document" if _opens_a_document(first) else "lines"
        # No end of line in sight: rows with long texts, or one huge line. A page opens its `data` at once.
        start = first[:200].replace(b" ", b"")
        return "document" if start.startswith(b"[") or b'"data":[' in start else "lines"
    return "lines"


def _opens_a_document(first: bytes) -> bool:
    """Whether a first line is the start of something longer: a lone bracket, or a page that goes on below."""
    start = first.strip().replace(b" ", b"")
    return start in (b"{", b"[", b"[{") or (start.endswith((b"[", b"{", b",")) and not start.endswith(b"},"))
