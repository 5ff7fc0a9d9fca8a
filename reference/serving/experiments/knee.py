"""Where a load curve bends."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference.serving.load import LoadPoint


def knee(points: Sequence[LoadPoint], gain: float = 0.2) -> LoadPoint:
    """The last point of a closed-loop sweep from which doubling the users still gains `gain` in throughput.

    points: not void, of rising concurrency. A step that is not a doubling is scaled to one. The last point of all if
    the curve never flattens: the knee then lies beyond what was measured.
    """
    if not points:
        raise ValueError("no points: every one was void, or none was measured")
    for here, following in itertools.pairwise(points):
        assert here.concurrency
        assert following.concurrency
        doublings = following.concurrency / here.concurrency / 2
        if following.output_tok_s / here.output_tok_s - 1 < gain * doublings:
            return here
    return points[-1]
