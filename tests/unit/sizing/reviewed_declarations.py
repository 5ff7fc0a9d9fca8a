"""What the modules of sizing declare: constants, defaults of parameters and fields, frozen or not, cached or not."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
from pathlib import Path
from types import FunctionType
from typing import Any

from reviewed import plain

ROOT = Path(__file__).parents[3]
# Those of engines and fleets have tests of their own that pin every parameter.
ELSEWHERE = ("engine_model", "fleet", "error_rates", "evidence", "files")

STATE = ("_shapes", "_ENTRIES", "_ASSUMPTIONS")  # filled as they are used


def _modules() -> list[str]:
    found = []
    for path in sorted((ROOT / "reference" / "sizing").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[2] not in ELSEWHERE and path.name != "__init__.py":
            found.append(".".join(parts))
    return found


MODULES = _modules()


def _defaults(function: Any) -> dict[str, Any]:
    return {
        f"{'*' if one.kind is one.KEYWORD_ONLY else ''}{name}": plain(one.default)
        for name, one in inspect.signature(function).parameters.items()
        if one.default is not one.empty or one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_ONLY)
    }


def _function(member: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"defaults": _defaults(member)}
    if isinstance(member, functools._lru_cache_wrapper):
        told["cached"] = member.cache_parameters()["maxsize"]
    if getattr(member, "__checked__", False):
        told["checked"] = True
    return told


def _field(one: dataclasses.Field[Any]) -> Any:
    if one.default is not dataclasses.MISSING:
        return plain(one.default)
    return plain(one.default_factory()) if one.default_factory is not dataclasses.MISSING else "needed"


def _class(member: type) -> dict[str, Any]:
    told: dict[str, Any] = {"checked": getattr(member, "__checked__", False)}
    if dataclasses.is_dataclass(member):
        told["frozen"] = member.__dataclass_params__.frozen  # type: ignore[attr-defined]
        told["slots"] = "__slots__" in vars(member)
        told["fields"] = {one.name: _field(one) for one in dataclasses.fields(member)}
    for name, one in vars(member).items():
        if name.startswith("__"):
            continue
        if isinstance(one, property | classmethod | staticmethod | functools.cached_property):
            told[name] = type(one).__name__
        elif isinstance(one, FunctionType):
            told[name] = _defaults(one)
    return told


def declared(module: str) -> dict[str, Any]:
    """Name -> constant, defaults of a function, fields and members of a class."""
    here = importlib.import_module(module)
    told = {}
    for name, member in vars(here).items():
        if name.startswith("__") or name in STATE or inspect.ismodule(member):
            continue
        if isinstance(member, FunctionType | functools._lru_cache_wrapper):
            if member.__module__ == module:
                told[name] = _function(member)
        elif isinstance(member, type):
            if member.__module__ == module:
                told[name] = _class(member)
        elif not callable(member) and isinstance(member, int | float | str | tuple | list | dict | frozenset):
            told[name] = plain(member)
    return told
