"""Recorded answers of two models to the same questions: which were right, and what each cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from reference.serving.model_routing.sealed import RoutingError


@dataclass(frozen=True)
class Judged:
    """Per question: was the strong model right, was the small one, what did each cost.

    Attributes:
        groups: what is drawn together in intervals (the sentence a question was made from).
        choosing: cost of the choice itself, paid for every question.
        asks_small_first: a cascade pays the small model for every question, a router only for those it sends there.
    """

    strong_right: Any
    small_right: Any
    strong_cost: Any
    small_cost: Any
    groups: tuple[str, ...]
    choosing: float = 0.0
    asks_small_first: bool = False

    def __post_init__(self) -> None:
        import numpy as np

        n = len(self.groups)
        if n == 0:
            raise RoutingError("groups: no questions")
        for name, kind in (
            ("strong_right", bool),
            ("small_right", bool),
            ("strong_cost", float),
            ("small_cost", float),
        ):
            values = np.asarray(getattr(self, name), dtype=kind)
            values = np.broadcast_to(values, (n,)) if values.ndim == 0 and kind is float else values
            if values.shape != (n,):
                raise RoutingError(f"{name}: {values.shape} for {n} questions")
            if kind is float and not (np.isfinite(values).all() and (values >= 0).all()):
                raise RoutingError(f"{name}: costs must be finite and not negative")
            object.__setattr__(self, name, values)
        if not self.choosing >= 0:
            raise RoutingError(f"choosing: must not be negative, got {self.choosing}")
        if not self.strong_cost.sum() > 0:
            raise RoutingError("strong_cost: must be above 0 somewhere, or no share of it exists")

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def strong_quality(self) -> float:
        return float(self.strong_right.mean())

    @property
    def small_quality(self) -> float:
        return float(self.small_right.mean())

    def right(self, to_small: Any) -> Any:
        """bool [n]: was the answer right, with `to_small` sent to the small model."""
        import numpy as np

        return np.where(to_small, self.small_right, self.strong_right)

    def costs(self, to_small: Any) -> Any:
        """float [n]"""
        import numpy as np

        first = self.small_cost if self.asks_small_first else 0.0
        return (
            self.choosing
            + first
            + np.where(to_small, 0.0 if self.asks_small_first else self.small_cost, self.strong_cost)
        )

    def cost_share(self, to_small: Any) -> float:
        return float(self.costs(to_small).sum() / self.strong_cost.sum())


def with_costs(judged: Judged, strong: float, small: float, choosing: float = 0.0) -> Judged:
    """The same answers at other costs per question, e.g. list prices instead of seconds."""
    import numpy as np

    n = len(judged)
    return replace(judged, strong_cost=np.full(n, strong), small_cost=np.full(n, small), choosing=choosing)
