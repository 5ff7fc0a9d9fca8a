"""Assumptions of a question: dataclass fields that say where their value comes from."""

from __future__ import annotations

import dataclasses
from typing import Any


def given(value: Any, why: str) -> Any:
    """A dataclass field with its default and the reason for it."""
    return dataclasses.field(default=value, metadata={"why": why})


class Described:
    """For dataclasses whose fields are all `given`."""

    def describe(self) -> list[dict[str, Any]]:
        """Name, value and provenance of every input, for a table."""
        return [
            {"name": field.name, "value": getattr(self, field.name), "why": field.metadata["why"]}
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        ]
