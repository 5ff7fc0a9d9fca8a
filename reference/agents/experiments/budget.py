"""The hard stop at work: one change under smaller and smaller budgets, a scripted model at a real list price."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reference.agents.interfaces import Reply
from reference.agents.llm import Prices, Triage
from reference.agents.types import Change, Review


class AgreeingModel:
    """Calls every finding real, in the number of tokens that such an answer takes. It shows accounting, not ability."""

    def __init__(self, priced_as: str) -> None:
        self.name, self.prices = f"scripted, priced as {priced_as}", Prices.of(priced_as)

    async def complete(
        self, system: str, user: str, schema: Mapping[str, object], max_tokens: int, timeout_s: float
    ) -> Reply:
        del schema, max_tokens, timeout_s
        n = user.count("\nFinding ") + user.startswith("Finding ")
        text = json.dumps({"verdicts": [{"finding": k, "verdict": "real"} for k in range(1, n + 1)]})
        return Reply(text, (len(system) + len(user)) // 4, len(text) // 3, 0.0)


@dataclass(frozen=True, slots=True)
class Capped:
    budget: float
    review: Review


async def capped_reviews(change: Change, budgets: Sequence[float], priced_as: str = "claude-opus-4-5") -> list[Capped]:
    """One review per budget, in dollars. Each posts what it has, and names what it could not pay for."""
    from reference.agents.orchestrator import default_reviewer

    model = AgreeingModel(priced_as)
    return [
        Capped(one, await default_reviewer(model=model, tier=Triage(), budget=one).review(change)) for one in budgets
    ]
