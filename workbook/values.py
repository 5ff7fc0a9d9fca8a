"""Named values that a notebook records and a run reads back.

In a notebook:

    from workbook.values import record
    record("kv_bytes_per_token", 131072, unit="byte", evidence=evidence)

The value travels as one display output of its own media type, so it stays in the executed notebook, shows nothing
to the reader (the cell prints what the reader should see), and needs no side file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

MEDIA_TYPE = "application/vnd.workbook.value+json"


@dataclass(frozen=True)
class Value:
    """One recorded value. unit: pint's name of the unit, None for plain numbers; evidence: how the value is known."""

    name: str
    value: Any
    unit: str | None
    evidence: Any
    cell: int  # code cell that recorded it, 1-based, as JupyterLab numbers them under Run All

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class InvalidValue(ValueError):
    """A value that cannot be recorded or read back; the message names it."""


def plain(value: Any, name: str = "value") -> Any:
    """The value in JSON's types; numpy scalars and arrays are converted, NaN and infinities refused."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidValue(f"{name} is {value}: record a finite number, or None where there is none")
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, dict):
        return {str(key): plain(item, f"{name}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if hasattr(value, "to_dict"):
        return plain(value.to_dict(), name)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist(), name)
    raise InvalidValue(f"{name} is a {type(value).__name__}: record a number, a text, a list or a dict")


def record(name: str, value: Any, unit: str | None = None, evidence: Any = None) -> None:
    """Record a named value of this notebook. A pint quantity brings its own unit.

    evidence: a badge such as "DERIVED", or an object with `to_dict()`. Raises ValueError on an empty name, a value that
    is not JSON or not finite, or a unit that contradicts the quantity's own.
    """
    from IPython.display import display

    if not isinstance(name, str) or not name.strip():
        raise InvalidValue(f"name is {name!r}: give the value a name")
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        own = str(value.units)
        if unit is not None and unit != own:
            raise InvalidValue(f"{name} is in {own} but recorded as {unit}: convert it first")
        value, unit = value.magnitude, own
    payload = {
        "name": name,
        "value": plain(value, name),
        "unit": unit,
        "evidence": plain(evidence, f"evidence of {name}"),
    }
    json.dumps(payload, allow_nan=False)
    display({MEDIA_TYPE: payload}, raw=True)


def read(notebook: Any) -> list[Value]:
    """The values of an executed notebook (an nbformat node), in order; ValueError if one name is recorded twice."""
    values: dict[str, Value] = {}
    for number, cell in numbered_code_cells(notebook.cells):
        for output in cell.get("outputs", []):
            payload = output.get("data", {}).get(MEDIA_TYPE)
            if payload is None:
                continue
            found = Value(payload["name"], payload["value"], payload["unit"], payload["evidence"], number)
            if found.name in values:
                first = values[found.name].cell
                raise InvalidValue(f"{found.name!r} is recorded in code cell {first} and again in {number}: rename one")
            values[found.name] = found
    return list(values.values())


def numbered_code_cells(cells: Iterable[Any]) -> Iterable[tuple[int, Any]]:
    """(number, cell) of every code cell, 1-based; the cell that papermill injects, which no reader sees, is skipped."""
    number = 0
    for cell in cells:
        if cell.cell_type != "code" or "injected-parameters" in cell.metadata.get("tags", []):
            continue
        number += 1
        yield number, cell
