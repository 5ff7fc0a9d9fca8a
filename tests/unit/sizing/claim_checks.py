"""What every claim of every question must be: moved by what it read, and complete."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from reference.sizing.claims.ledger import Claim
from reference.sizing.units import Quantity


def changes_of(value: Any) -> list[Any]:
    """Other values to try an assumption with; none where nobody can tell what another value would be."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value * 2]
    return [value * 1.3, value * 0.7] if isinstance(value, float | Quantity) else []


def assert_moves(
    record: Claim, assumptions: Any, judged: Callable[[str, dict[str, Any]], Claim], others: Mapping[str, Any] = {}
) -> None:
    """Some input that the claim says it read moves its figure or its threshold; `others`: values for the odd ones."""
    read = record.evidence.to_dict()["assumptions"]
    assert read, f"{record.id} read no assumption at all"
    for name in read:
        for other in [others[name]] if name in others else changes_of(getattr(assumptions, name)):
            try:
                changed = judged(record.id, {name: other})
            except ValueError:
                continue  # refused, as a share above one is
            if (changed.computed, changed.threshold) != (record.computed, record.threshold):
                return
    raise AssertionError(f"{record.id} does not move with any of {sorted(read)}")


def assert_complete(record: Claim) -> None:
    assert math.isfinite(record.stated)
    assert record.computed is not None
    assert math.isfinite(record.computed)
    assert record.evidence.badge == "DERIVED"
    assert any(character.isdigit() for character in record.reason)
    assert record.statement.endswith(".")
    if record.verdict == "depends":
        assert record.variable
        assert record.threshold is not None
