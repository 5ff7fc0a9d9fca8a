"""Specialists whose only work is waiting, as for a language model behind an API: what does it cost together?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reference.agents.interfaces import Context
from reference.agents.types import Agent, AgentReport, Review, ReviewError


class Waiting:
    """Specialist that waits so many seconds and finds nothing."""

    def __init__(self, agent: Agent, seconds: float) -> None:
        self.agent, self.seconds = agent, seconds

    async def review(self, context: Context) -> AgentReport:
        del context
        await asyncio.sleep(self.seconds)
        return AgentReport(self.agent)


async def waiting_review(seconds: Sequence[float]) -> Review:
    """A review of the demonstration change by one waiting specialist per item of `seconds` (at most five)."""
    from reference.agents.demo import demo_change
    from reference.agents.orchestrator import Reviewer

    if not 1 <= len(seconds) <= len(Agent):
        raise ReviewError(f"seconds: 1 to {len(Agent)} waiting times, got {len(seconds)}")
    specialists = [Waiting(agent, one) for agent, one in zip(Agent, seconds, strict=False)]
    return await Reviewer(specialists).review(demo_change())
