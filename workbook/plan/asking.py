"""Options and a file into requirements: options replace what the file says, and errors become usage errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbook.errors import UsageError

if TYPE_CHECKING:
    from reference.sizing.fleet.plan.requirements import Requirements


def requirements_of(file: str | None, options: Mapping[str, Any], prices: Sequence[str] = ()) -> Requirements:
    """Requirements from a TOML file, or the defaults, with the options that were given in place of its fields.

    options: field name -> value, None for an option that was not given. prices: GPU=USD texts. Raises UsageError.
    """
    from reference.sizing.fleet.plan.from_toml import read
    from reference.sizing.fleet.plan.requirements import Requirements

    changes = {name: value for name, value in options.items() if value not in (None, ())}
    try:
        start = read(file) if file else Requirements()
        if prices:
            changes["prices"] = {**start.prices, **dict(_price(text) for text in prices)}
        for part in ("prompt", "output"):
            # A p99 of the file belongs to the file's mean; with another mean the ratio of the default trace holds.
            if f"{part}_mean" in changes:
                changes.setdefault(f"{part}_p99", None)
                changes.setdefault(f"{part}_median", None)
            elif changes.get(f"{part}_p99") is not None:
                changes[f"{part}_median"] = None
        return dataclasses.replace(start, **changes)
    except ValueError as error:
        raise UsageError(str(error), "`workbook plan --example` prints a file with every field") from None


def _price(text: str) -> tuple[str, float]:
    gpu, separator, usd = text.partition("=")
    try:
        return gpu.strip(), float(usd)
    except ValueError:
        raise ValueError(
            f"--price must be GPU=USD, for example h200=6.00, got {text!r}{'' if separator else ': no ='}"
        ) from None
