"""Rows of a table (CSV, with commas, semicolons or tabs), one at a time, each broken one on its own."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from reference.sizing.bill.lines import BillError

from .source import Source

RECORD_LINES = 2_000  # a quoted text may run over this many lines
RECORD = 8 << 20  # characters
_DELIMITERS = ",;\t|"


def rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of the header, then of every row with as many fields.

    A row with a wrong number of fields or a quote that never closes is a fault of that row; reading goes on at the
    next line.

    Raises:
        BillError: the first line is no header.
    """
    lines = _Lines(source)
    first = lines.next()
    if first is None:
        return
    number, text = first
    delimiter = max(_DELIMITERS, key=text.count)
    if text.lower().startswith("sep=") and len(text) == 5:  # Excel's hint to itself
        delimiter = text[4]
        if (first := lines.next()) is None:
            return
        number, text = first
    csv.field_size_limit(RECORD)
    header = next(csv.reader([text], delimiter=delimiter))
    if len(header) < 2:
        raise BillError(
            f"{source.name}: the first line has one column, {header[0][:60]!r}; a table needs a header line with "
            "commas, semicolons or tabs"
        )
    yield number, header
    width = len(header)
    while (first := lines.next()) is not None:
        number, text = first
        if '"' not in text:
            fields = text.split(delimiter)
        else:
            quoted = _quoted(lines, number, text, delimiter)
            if quoted is None:
                source.fault(number, "open quote", "a quoted field never ends")
                continue
            fields = quoted
        if len(fields) != width:
            if len(fields) > width and not any(fields[width:]):
                del fields[width:]
            else:
                reason = f"{len(fields)} fields where the header has {width}; a comma in a field needs quotes around it"
                source.fault(number, "wrong number of fields", reason)
                continue
        yield number, fields


class _Lines:
    """Lines that may be put back."""

    def __init__(self, source: Source) -> None:
        self._lines = source.lines()
        self._back: deque[tuple[int, str]] = deque()

    def next(self) -> tuple[int, str] | None:
        return self._back.popleft() if self._back else next(self._lines, None)

    def put_back(self, lines: list[tuple[int, str]]) -> None:
        self._back.extendleft(reversed(lines))


def _quoted(lines: _Lines, number: int, text: str, delimiter: str) -> list[str] | None:
    """Fields of a row that holds quotes, over as many lines as it takes. None: no end in sight, lines put back."""
    if text.count('"') % 2 == 0:
        return _parse(text, delimiter, strict=True) or _parse(text, delimiter, strict=False)
    if (fields := _parse(text, delimiter, strict=True)) is not None:  # a quote within a field, as in 5" screen
        return fields
    taken: list[tuple[int, str]] = []
    quotes, size = 1, len(text)
    while quotes % 2 and len(taken) < RECORD_LINES and size < RECORD and (following := lines.next()) is not None:
        taken.append(following)
        quotes += following[1].count('"')
        size += len(following[1])
    if quotes % 2 == 0:
        # Strict: a stray quote that met the next row's quote is no record.
        fields = _parse("\n".join([text, *(line for _, line in taken)]), delimiter, strict=True)
        if fields is not None:
            return fields
    lines.put_back(taken)
    return None


def _parse(text: str, delimiter: str, strict: bool) -> list[str] | None:
    """Fields of one record, None where it is not one."""
    try:
        # The reader takes one text, line ends and all, for one record.
        found = list(csv.reader(iter([text]), delimiter=delimiter, strict=strict))
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None
