"""Exports into a bill and its plan, with what could not be read beside them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from workbook.errors import FAILED, UsageError, WorkbookError

if TYPE_CHECKING:
    from reference.sizing.bill.importers import Format
    from reference.sizing.bill.plan import Plan, PlanAssumptions
    from reference.sizing.bill.records import Faults
    from reference.sizing.bill.statement import Bill

_TELL = 1_000_000  # rows between two signs of life


class ExportError(WorkbookError):
    """A file is no usage export."""

    exit_code = FAILED


@dataclass(frozen=True)
class FileRead:
    """Rows of one file: used, empty (nothing was used then) and faulty."""

    name: str
    rows: int
    empty: int
    faulty: int


@dataclass(frozen=True)
class Reading:
    """A bill and where it comes from. `formats`: rows by the way their names were read."""

    bill: Bill
    files: tuple[FileRead, ...]
    formats: Mapping[str, int]
    faults: Faults
    unused: Mapping[str, str]
    seconds: float


def read_bill(
    files: Sequence[str],
    *,
    format: str | None = None,
    price_as: Sequence[str] = (),
    days: float | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Reading:
    """Read exports into one bill.

    Raises:
        UsageError: an option or a path that cannot be. ExportError: a file that is no usage export.
    """
    from reference.sizing.bill.account import Account
    from reference.sizing.bill.importers import FORMATS, read_records
    from reference.sizing.bill.lines import BillError
    from reference.sizing.bill.records import Faults

    begun = time.perf_counter()
    if format is not None and format not in FORMATS:
        raise UsageError(
            f"--format {format} is not known", f"one of {', '.join(FORMATS)}; without it each row is looked at"
        )
    paths = _paths(files)
    try:
        account = Account(_pairs(price_as))
        account.bill(days)
    except BillError as error:
        raise UsageError(str(error)) from None
    faults, formats, read = Faults(), Counter[str](), []
    for path in paths:
        seen: Counter[str] = Counter()
        before_faults, before = faults.total, account.records
        try:
            for record in read_records(path, faults, format=cast("Format", format), seen=seen, covered=account.cover):
                account.add(record)
                if account.records % _TELL == 0:
                    tell(f"{account.records:,} rows read")
        except BillError as error:
            raise ExportError(str(error), "`workbook bill --help` names the exports that it reads") from None
        read.append(FileRead(path.name, account.records - before, seen["empty"], faults.total - before_faults))
        formats.update({name: count for name, count in seen.items() if name != "empty"})
    return Reading(
        bill=account.bill(days),
        files=tuple(read),
        formats=dict(formats),
        faults=faults,
        unused=account.unused_price_as(),
        seconds=time.perf_counter() - begun,
    )


def read_assumptions(path: str | None) -> PlanAssumptions:
    """The plan's assumptions, changed by a TOML file. Raises UsageError for one that cannot be used."""
    from reference.sizing.bill.lines import BillError
    from reference.sizing.bill.plan import PlanAssumptions

    try:
        return PlanAssumptions() if path is None else PlanAssumptions.from_toml(path)
    except BillError as error:
        raise UsageError(str(error)) from None


def plan_for(bill: Bill, assumptions: PlanAssumptions) -> Plan | None:
    """What to do about a bill; None if nothing in it has a price."""
    from reference.sizing.bill.plan import make_plan

    apart = {feature for features in assumptions.by_feature.values() for feature in features}
    lines = bill.monthly(features=apart)
    return make_plan(lines, assumptions) if bill.total.dollars.total > 0 else None


def _paths(files: Sequence[str]) -> list[Path]:
    paths = [Path(name) for name in files]
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist", "name a usage export")
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("a file is named twice, so its usage would be counted twice", "name every export once")
    return paths


def _pairs(price_as: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in price_as:
        name, equals, model = text.rpartition("=")
        if not (name.strip() and equals and model.strip()):
            raise UsageError(f"--price-as {text}: expected NAME=MODEL", "for example --price-as my-llama=gpt-4o-mini")
        pairs[name.strip()] = model.strip()
    return pairs
