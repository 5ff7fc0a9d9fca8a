"""Where a load curve bends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reference.sizing.knee import knee_index

if TYPE_CHECKING:
    from reference.serving.load import LoadPoint


def knee(points: Sequence[LoadPoint], gain: float = 0.2) -> LoadPoint:
    """The last point of a closed-loop sweep from which doubling the users still gains `gain` in throughput.

    points: not void, of rising concurrency; the rule is `reference.sizing.knee.knee_index`.
    """
    users = [point.concurrency or 0 for point in points]
    return points[knee_index(users, [point.output_tok_s for point in points], gain)]
