"""How many workers a queue needs: the one function that the real fleet and its simulation decide by."""

from __future__ import annotations

import math


def wanted_workers(depth: int, service_s: float, slots: int, target_wait_s: float, least: int, most: int) -> int:
    """Workers that clear `depth` waiting jobs within `target_wait_s`.

    Args:
        service_s: mean seconds of a job in a slot; slots: jobs that one worker runs at once.
        least, most: bounds of the answer; least 0 scales to zero.
    """
    if target_wait_s <= 0 or service_s < 0 or slots < 1 or not 0 <= least <= most:
        raise ValueError("wanted_workers: needs target_wait_s > 0, service_s >= 0, slots >= 1 and 0 <= least <= most")
    return max(least, min(most, math.ceil(depth * service_s / (slots * target_wait_s))))
