"""Names that the reviewed expressions use."""

import dataclasses
import gzip
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from reference.sizing.bill.account import Account
from reference.sizing.bill.importers import document, read_records
from reference.sizing.bill.lines import BillError, Line
from reference.sizing.bill.records import Faults, Record
from reference.sizing.claims.ledger import default_assumptions, judge
from reference.sizing.inference_modes.economics import Setting
from reference.sizing.inference_modes.scenarios import scenarios
from reference.sizing.pipeline import Batching, ServiceTime

POINTS = [
    {"concurrency": users, "n_in": 512, "n_out": 128, "output_tok_s": rate, "tpot_ms": tpot, "ttft_ms": ttft}
    for users, rate, tpot, ttft in ((1, 50.0, 18.0, 60.0), (4, 190.0, 20.0, 95.0), (16, 610.0, 25.5, 240.0))
]
FALLING = [{**one, "tpot_ms": 40.0 - one["concurrency"]} for one in POINTS]
RISING = [{**one, "tpot_ms": float(one["concurrency"] ** 2)} for one in POINTS]
__all__ = ["Batching"]
SCENARIOS = scenarios()
SETTING = Setting(ServiceTime.exponential(20.0), slots=2, deadline_s=90.0, late=0.05, seconds=1800.0, burst_s=120.0)
_random = np.random.default_rng(11)
AT = np.sort(_random.uniform(0, 120, 60))
WORK = _random.exponential(6.0, 60) + 0.5


def read(data: Any, name: str = "export", chunk: int = 1 << 16, **options: Any) -> dict[str, Any]:
    """What the importers make of a file: text, bytes, or rows that are written as JSON lines."""
    if isinstance(data, list):
        data = "".join(json.dumps(row) + "\n" for row in data)
    faults, seen, covered = Faults(), Counter[str](), []
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(document, "_CHUNK", chunk):
        path = Path(folder) / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        options |= {"seen": seen, "covered": lambda *span: covered.append(span)}
        try:
            records = list(read_records(path, faults, **options))
        except BillError as error:
            return {"refused": str(error).replace(folder, "")}
    return {
        "records": [told(one) for one in records], "faults": [(one.line, one.kind, one.reason) for one in faults.first],
        "seen": dict(seen), "covered": covered,
    }  # fmt: skip


def claim_under(name: str, **changes: Any) -> tuple[Any, str, str]:
    """Figure, verdict and reason of a claim with other assumptions than its question's own."""
    record = judge(name, dataclasses.replace(default_assumptions(int(name[1])), **changes))
    return record.computed, record.verdict, record.reason


def told(record: Record) -> dict[str, Any]:
    """What a record says beside the defaults."""
    plain = Record("", -1)
    return {name: getattr(record, name) for name in Record.__slots__ if getattr(record, name) != getattr(plain, name)}


def bill(*records: Record, days: float | None = None, **options: Any) -> Any:
    account = Account(**options)
    for one in records:
        account.add(one)
    return account.bill(days)


def zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), 1, mtime=0)


NOW = 1730419200.0
RECORDS = (
    Record("gpt-4", 1000, 200, 400, start=NOW, end=NOW + 86400, stated=0.05, tenant="a", feature="search"),
    Record(
        "gpt-4", 3000, 100, 0, requests=7, batch=True, start=NOW + 86400, tenant="b", feature="chat", remarks=("tier",)
    ),
    Record(
        "azure/gpt-4o-mini", 9000, 900, 100, start=NOW + 5 * 86400, tenant="a", remarks=("tier", "tier"), stated=0.5
    ),
    Record("text-embedding-3-small", 70_000, kind="embedding", start=NOW - 3600, feature="search", batch=True),
    Record("house-model", 500, 50, stated=2.0, unpriced=(("audio", 3), ("cache write", 4))),
    Record("house-model", 500, 50, 100, answered_from_cache=True),
    Record("gpt-4", 10, 2, answered_from_cache=True, stated=0.0, tenant="c"),
    Record("gpt-4", 10, 2, avoided=(2, 500, 60), tenant="c", unpriced=(("audio", 5),)),
)
BILL_LINES = (
    Line("gpt-4", 1e5, 9e7, 4e7, 1e7, False, "", "search"),
    Line("gpt-4o", 2e5, 4e8, 4e7, 0.0, True, "", "chat"),
    Line("gpt-3.5-turbo", 3e6, 2.4e9, 9e8, 0.0, False, "", "chat"),
    Line("text-embedding-3-small", 1e8, 2e10, kind="embedding"),
)
