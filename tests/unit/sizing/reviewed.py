"""Values as they were last reviewed: expressions in the names of a module, and what they gave, in reviewed/*.json.

`python tests/unit/sizing/reviewed.py` evaluates the expressions anew and writes the files; the difference is what a
reviewer reads. A new case is a new expression with `null` behind it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import importlib
import json
import math
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).with_name("reviewed")
REWRITE = "if it is meant: python tests/unit/sizing/reviewed.py, and read the difference"
VALUES = ("core", "services", "bill", "designs")
MANY = 12  # entries of an array that are written out


def _float(value: float) -> Any:
    return float(f"{value:.9g}") if math.isfinite(value) else str(value)


def _array(values: np.ndarray) -> Any:
    """All of a short one; of a long one its length, its sum and a few places."""
    if values.dtype.kind in "OUS" or values.size <= MANY:
        return [plain(one) for one in values.tolist()]
    flat = np.nan_to_num(values.astype(float).ravel(), nan=-1.0, posinf=1e99, neginf=-1e99)
    places = [_float(float(one)) for one in flat[:: max(1, flat.size // 5)]]
    return {"shape": list(values.shape), "sum": _float(float(flat.sum())), "some": places}


def _properties(value: Any) -> dict[str, Any]:
    names = [
        name
        for one in type(value).__mro__
        for name, member in vars(one).items()
        if isinstance(member, property) and not name.startswith("_") and name != "evidence"
    ]
    return {name: plain(attempt(lambda name=name: getattr(value, name))) for name in sorted(set(names))}


def plain(value: Any) -> Any:
    """As JSON holds it: a dataclass by its fields and properties, floats to nine digits."""
    if value is None or isinstance(value, bool | int | str):
        return value.name if isinstance(value, enum.Enum) else value
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, float | np.generic):
        return _float(float(value))
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        return [plain(value.magnitude), f"{value.units:~P}"]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return {"": type(value).__name__, **fields, **_properties(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, dt.date):
        return value.isoformat()
    return "function" if callable(value) else str(value)


def attempt(work: Any) -> Any:
    """What a call gives, or its error in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return work()
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def values_of(module: str, expressions: Iterable[str]) -> dict[str, Any]:
    """Expression -> value, in the names of a module."""
    import reviewed_data

    names = {"np": np, "math": math, "dt": dt, "dataclasses": dataclasses}
    for one in ("reference.sizing", module):
        names |= vars(importlib.import_module(one))
    return evaluated(expressions, names | vars(reviewed_data))


def evaluated(expressions: Iterable[str], names: Mapping[str, Any]) -> dict[str, Any]:
    """Expression -> value or error in words."""
    return {one: plain(attempt(lambda one=one: eval(one, dict(names)))) for one in expressions}


def same(found: Any, wanted: Any, rel: float = 1e-7) -> bool:
    """Equal; floats within the digits that another processor may round otherwise."""
    if isinstance(wanted, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == wanted.keys()
            and all(same(found[key], wanted[key], rel) for key in wanted)
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(same(one, other, rel) for one, other in zip(found, wanted, strict=True))
        )
    numbers = (int, float)
    if isinstance(wanted, numbers) and isinstance(found, numbers) and not isinstance(wanted, bool):
        return not isinstance(found, bool) and math.isclose(found, wanted, rel_tol=rel, abs_tol=1e-12)
    return type(found) is type(wanted) and found == wanted


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Name -> (now, as reviewed) of whatever is not the same."""
    names = [*wanted, *(name for name in found if name not in wanted)]
    return {name: (found.get(name), wanted.get(name)) for name in names if not same(found.get(name), wanted.get(name))}


def read(path: Path) -> dict[str, dict[str, Any]]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def as_reviewed(name: str) -> dict[str, dict[str, Any]]:
    return read(FOLDER / f"{name}.json")


def main() -> None:
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]
    from reviewed_declarations import MODULES, declared

    for name in VALUES:
        found = {module: values_of(module, list(values)) for module, values in as_reviewed(name).items()}
        write(FOLDER / f"{name}.json", found)
    write(FOLDER / "declarations.json", {module: declared(module) for module in MODULES})


def write(path: Path, found: Mapping[str, Any]) -> None:
    """One line for each expression, so that a difference shows which."""
    parts = []
    for module, values in found.items():
        lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
        parts.append(json.dumps(module) + ": {\n" + ",\n".join(lines) + "\n}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
