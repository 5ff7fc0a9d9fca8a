"""Settings from environment variables: a prefix and the field's name in capitals, for any pydantic model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def settings_from_env(
    kind: type[M], prefix: str, environ: Mapping[str, str], overrides: Mapping[str, object], error: type[Exception]
) -> M:
    """`kind` from the variables that begin with `prefix`; `overrides` that are not None win.

    Raises:
        error: names the field, the variable and the rule it breaks; also for a variable that is no setting. The value
            is left out: it may be a secret.
    """
    values: dict[str, object] = {}
    for name, value in environ.items():
        if name.startswith(prefix):
            field = name[len(prefix) :].lower()
            if field not in kind.model_fields:
                raise error(f"{name}: no such setting; there are {', '.join(kind.model_fields)}")
            values[field] = value
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return kind(**values)
    except ValidationError as problem:
        raise error(_explained(problem, prefix)) from None


def _explained(problem: ValidationError, prefix: str) -> str:
    lines = []
    for item in problem.errors(include_input=False):
        field = ".".join(str(part) for part in item["loc"])
        place = f"{field} (environment variable {prefix}{field.upper()})" if field else "settings"
        lines.append(f"{place}: {item['msg']}")
    return "; ".join(lines)
