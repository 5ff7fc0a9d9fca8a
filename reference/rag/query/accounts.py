"""What the stages of a search share: estimated costs, counts, and the decision what still fits into the time left."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from reference.rag.deadline import StageCosts, affordable

from .requests import Work

Observer = Callable[[str, float, int], None]  # stage, seconds, queries in the batch

DROP_ORDER = (("expand",), ("rerank",), ("embed", "dense"))
_SAYS = {
    "expand": "no time for expansion: only the query itself was searched",
    "rerank": "no time for the rerank: fused order kept",
    "embed": "no time for the vector search: lexical only",
    "dense": "no time for the vector search: lexical only",
}


class Accounts:
    """Costs and counts of one searcher.

    Args:
        lexical: whether there is a lexical index; without one the vector search is never dropped.
        observer: called after each stage, for metrics.
    """

    def __init__(self, first_costs: Mapping[str, float], lexical: bool, observer: Observer | None) -> None:
        self.costs = StageCosts(first_costs)
        self.counts: Counter[str] = Counter()
        self._order = DROP_ORDER if lexical else DROP_ORDER[:2]
        self._observer = observer or (lambda stage, seconds, queries: None)
        self._lock = threading.Lock()

    def count(self, what: str, by: int = 1) -> None:
        """Adds to a count; `+=` on a Counter is not safe between threads."""
        if by:
            with self._lock:
                self.counts[what] += by

    def plan(self, works: Sequence[Work]) -> None:
        """Drops from each request what its remaining time does not allow, and says so."""
        for work in works:
            remaining = work.budget.remaining()
            if remaining == math.inf:
                continue
            ran = set(work.result.stages)
            costs = {stage: self.costs.estimate(stage, len(works)) for stage in (work.wants - ran) | {"fuse"}}
            kept, dropped = affordable(remaining, costs, self._order)
            work.wants &= kept | ran
            for stage in dropped:
                self.costs.skipped(stage, len(works))
                self.count(f"dropped_{stage}")
                work.degraded(_SAYS[stage])

    def timed(self, stage: str, works: Sequence[Work], seconds: float) -> None:
        """Takes in one run of a stage for these requests."""
        self.costs.observe(stage, seconds, len(works))
        self._observer(stage, seconds, len(works))
        for work in works:
            work.result.stages[stage] = seconds

    def time_for(self, work: Work, batch: int) -> float | None:
        """Seconds that a stage may take so that a lexical search still fits behind it; None without a limit."""
        remaining = work.budget.remaining()
        if remaining == math.inf:
            return None
        later = sum(self.costs.estimate(name, batch) for name in ("lexical", "fuse"))
        return max(0.001, remaining - later)
