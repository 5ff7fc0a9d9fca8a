"""Usage exports of OpenAI, LiteLLM and this workbook's gateway as a stream of records, in constant memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reference.sizing.bill.lines import BillError
from reference.sizing.bill.records import Faults, Record, RowFault

from .document import DECODER, items
from .fields import record_of, times_of
from .shapes import FORMATS, Format, Shape, shape_of
from .source import Source, container_of, open_source
from .table import rows

__all__ = ["FORMATS", "Format", "read_records"]

_Empty = Callable[[Mapping[str, Any], Shape], None]
_NEEDED = (
    "a table needs a column for the model (`model`) and one for input tokens (`input_tokens`, `prompt_tokens` or "
    "`n_context_tokens_total`)"
)


def read_records(
    path: str | Path,
    faults: Faults,
    *,
    format: Format | None = None,
    seen: Counter[str] | None = None,
    covered: Callable[[float, float | None], None] | None = None,
) -> Iterator[Record]:
    """Records of one export, as they are read; rows that cannot be used go to `faults`.

    CSV, JSON lines and JSON documents, gzipped or not. Memory is bounded by the longest row (4 MiB a line, 16 MiB an
    item of a document), not by the file.

    Args:
        format: how names are read; None: told from the names of each row. See FORMATS.
        seen: counts rows by format, and `empty` ones that say nothing was used.
        covered: told start and end of such an empty row, since it belongs to the period all the same.

    Raises:
        BillError: no readable file, an unknown format, or a table without the columns that a bill needs.
    """
    if format is not None and format not in FORMATS:
        raise BillError(f"format {format!r} is not known; one of {', '.join(FORMATS)}")
    seen = Counter() if seen is None else seen

    def empty(row: Mapping[str, Any], shape: Shape) -> None:
        seen["empty"] += 1
        start, end = times_of(row, shape)
        if start is not None and covered is not None:
            covered(start, end)

    with open_source(path, faults) as source:
        container = container_of(source.head)
        if container == "table":
            yield from _from_table(source, format, seen, empty)
        else:
            yield from _from_json(source, container == "lines", format, seen, empty)


def _from_table(source: Source, format: Format | None, seen: Counter[str], empty: _Empty) -> Iterator[Record]:
    stream = rows(source)
    number, header = next(stream, (0, []))
    if not header:
        return
    names = tuple(header)
    shape = shape_of(names, format)
    if not shape.model or not (shape.input or shape.uncached):
        known = {name.strip().lower() for name in names}
        what = "cost export, which has no tokens: export the activity view" if "amount_value" in known else "table"
        raise BillError(f"{source.name} is a {what}; {_NEEDED}; found: {', '.join(names)[:300]}")
    if len(set(names)) < len(names):
        raise BillError(f"{source.name}: two columns have one name: {', '.join(names)[:300]}")
    name, format_name = source.name, shape.format
    for number, fields in stream:
        row = dict(zip(names, fields, strict=True))
        try:
            record = record_of(row, shape)
        except RowFault as fault:
            source.faults.add(name, number, fault)
            continue
        if record is None:
            empty(row, shape)
        else:
            seen[format_name] += 1
            yield record


def _from_json(
    source: Source, by_line: bool, format: Format | None, seen: Counter[str], empty: _Empty
) -> Iterator[Record]:
    for number, item in _lines(source) if by_line else items(source):
        for row in _flat(item):
            try:
                if not isinstance(row, Mapping):
                    raise RowFault("not an object", f"expected an object, got {type(row).__name__}")
                shape = shape_of(tuple(row), format)
                record = record_of(row, shape)
            except RowFault as fault:
                source.faults.add(source.name, number, fault)
                continue
            if record is None:
                empty(row, shape)
            else:
                seen[shape.format] += 1
                yield record


def _lines(source: Source) -> Iterator[tuple[int, Any]]:
    decode = DECODER.decode
    for number, text in source.lines():
        try:
            yield number, decode(text)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            source.fault(number, "broken JSON", f"broken JSON: {reason}"[:160])


def _flat(item: Any) -> Iterator[Any]:
    """Rows of a page, of a bucket (which lends them its times), of a list; a row itself."""
    if isinstance(item, list):
        for one in item:
            yield from _flat(one)
    elif isinstance(item, Mapping) and isinstance(item.get("data"), list) and "usage" not in item:
        yield from _flat(item["data"])
    elif isinstance(item, Mapping) and isinstance(item.get("results"), list):
        times = {name: item[name] for name in ("start_time", "end_time") if name in item}
        if not item["results"] and times:
            yield {"object": "bucket", **times, "model": "", "input_tokens": 0}
        for one in item["results"]:
            yield {**times, **one} if isinstance(one, Mapping) else one
    else:
        yield item
