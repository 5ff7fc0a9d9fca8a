"""Measured figures that the assumptions of questions rest on, from recorded.toml beside this module."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """The median of one row of a benchmark, and where it comes from.

    Attributes:
        unit: as the benchmark writes it: `1/s`, or empty for a share.
        conditions: what was measured on what, in words.
    """

    benchmark: str
    target: str
    metric: str
    value: float
    unit: str
    date: str
    machine: str
    conditions: str

    def __str__(self) -> str:
        return f"benchmark {self.benchmark} of {self.date}, {self.machine}: {self.conditions}"


@functools.cache
def records() -> dict[str, dict[str, Any]]:
    """The whole file: benchmark -> date, machine, conditions, rows."""
    return tomllib.loads(resources.files(__package__).joinpath("recorded.toml").read_text("utf-8"))


def recorded(benchmark: str, target: str, metric: str) -> Recorded:
    """One row. Raises KeyError that lists the rows there are."""
    record = records().get(benchmark, {})
    for row in record.get("rows", ()):
        if (row["target"], row["metric"]) == (target, metric):
            return Recorded(
                benchmark, target, metric, row["median"], row["unit"],
                record["date"], record["machine"], record["conditions"],
            )  # fmt: skip
    known = [f"{name}: {row['target']}, {row['metric']}" for name, one in records().items() for row in one["rows"]]
    raise KeyError(f"no record of {benchmark}: {target}, {metric}; there are {'; '.join(known)}")
