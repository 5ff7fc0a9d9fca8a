"""`python -m reference.serving.gateway.usage`: the usage of all tenants as a file, one line per hour and series."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from reference.serving.gateway.settings import Settings, SettingsError
from reference.serving.gateway.usage.records import HOUR_S, hash_key, split_key
from reference.serving.gateway.usage.report import COLUMNS, rows
from reference.sizing.spreadsheet import harmless

if TYPE_CHECKING:
    import redis

_AT_ONCE = 100


class ExportError(ValueError):
    """The export cannot be made as asked; the message names the option and the mend."""


def moment(text: str, option: str) -> int:
    """Unix seconds from a whole number or an ISO date (UTC where it names no zone). Raises ExportError."""
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ExportError(f"{option}: give Unix seconds or a date such as 2026-11-01, not {text!r}") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def usage_rows(client: redis.Redis, prefix: str, start: int = 0, end: int | None = None) -> Iterator[dict[str, Any]]:
    """Results of all tenants whose hour lies in [start, end), by hour and tenant. Names are held, counts are not."""
    pattern = f"{prefix}:usage:{{*}}:*"  # a prefix has no characters that a pattern reads otherwise
    names: list[tuple[int, str]] = []
    for raw in client.scan_iter(match=pattern, count=1000):
        found = split_key(prefix, raw.decode())
        if found and start < found[1] + HOUR_S and (end is None or found[1] < end):
            names.append((found[1], found[0]))
    names.sort()
    for place in range(0, len(names), _AT_ONCE):
        part = names[place : place + _AT_ONCE]
        pipeline = client.pipeline(transaction=False)
        for hour, tenant in part:
            pipeline.hgetall(hash_key(prefix, tenant, hour))
        for (hour, tenant), stored in zip(part, pipeline.execute(), strict=True):
            yield from rows(tenant, hour, stored)


def write(path: Path, found: Iterator[dict[str, Any]], form: str) -> int:
    """Writes rows to `path`, whole or not at all; how many. Raises ExportError."""
    put = _csv if form == "csv" else _jsonl
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ExportError(f"--out {path}: {error.strerror}") from None
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            line, count = put(file), 0
            for row in found:
                line(row)
                count += 1
        os.replace(name, path)
    except OSError as error:
        raise ExportError(f"--out {path}: {error.strerror}") from None
    finally:
        Path(name).unlink(missing_ok=True)
    return count


def _jsonl(file: IO[str]) -> Callable[[dict[str, Any]], object]:
    return lambda row: file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _csv(file: IO[str]) -> Callable[[dict[str, Any]], object]:
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()

    def line(row: dict[str, Any]) -> None:
        plain = {name: str(value).lower() if isinstance(value, bool) else value for name, value in row.items()}
        # A feature is the client's word, and the operator's spreadsheet would run it.
        writer.writerow({name: harmless(value) if isinstance(value, str) else value for name, value in plain.items()})

    return line


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and exports. Returns the exit status."""
    import redis

    from reference.serving import redis_store

    parser = argparse.ArgumentParser(prog="python -m reference.serving.gateway.usage", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file to write; replaced only when the export is whole")
    parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    parser.add_argument("--start", help="first hour: Unix seconds or an ISO date (UTC); default: all that is kept")
    parser.add_argument("--end", help="the export ends before this hour; default: now, the running hour included")
    parser.add_argument("--redis-url", help="default: GATEWAY_REDIS_URL, REDIS_URL, else the private server")
    options = parser.parse_args(argv)
    try:
        settings = Settings.from_env(redis_url=options.redis_url)
        start = moment(options.start, "--start") if options.start else 0
        end = moment(options.end, "--end") if options.end else None
        if end is not None and end <= start:
            raise ExportError("--end: must be after --start")
        with redis_store.connect(settings.redis_url or redis_store.redis_url()) as client:
            found = usage_rows(cast("redis.Redis", client), settings.key_prefix, start, end)
            count = write(options.out, found, options.format)
    except (ExportError, SettingsError, redis_store.RedisUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except redis.RedisError as error:
        print(f"error: Redis: {error}", file=sys.stderr)
        return 1
    print(f"{count} rows in {options.out}", file=sys.stderr)
    return 0
