"""What the checks of one file find, before it becomes a Finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """`rule` without the specialist's name; lines from 1; `values` fill the rule's template."""

    rule: str
    line: int
    end_line: int
    values: Mapping[str, str] = field(default_factory=dict)
    tool: str = "ast"
    confidence: float = 0.8
