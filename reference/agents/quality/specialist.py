"""The quality specialist: ruff, lizard and vulture against the text before, and checks of our own."""

from __future__ import annotations

import asyncio

from reference.agents.interfaces import Context
from reference.agents.quality import certain, leftovers, tools
from reference.agents.quality.duplication import duplicated
from reference.agents.quality.flow import flow
from reference.agents.quality.guard import Gathering
from reference.agents.types import Agent, AgentReport, Status


class QualitySpecialist:
    """Reads code files of the change; of the snapshot only what a new block may be a copy of."""

    agent = Agent.QUALITY

    async def review(self, context: Context) -> AgentReport:
        return await asyncio.to_thread(self._review, context)

    def _review(self, context: Context) -> AgentReport:
        files = [x for x in context.change.files if x.path in context.files and x.is_code]
        if not files:
            return AgentReport(self.agent, status=Status.SKIPPED, reason="no code in the change")
        gathering = Gathering(self.agent, context.timeout_s)
        gathering.take("ruff", lambda: list(tools.ruff(files, max(1.0, gathering.left_s))))
        checks = (
            ("lines", certain.lines), ("syntax", certain.python), ("lizard", tools.complexity), ("flow", flow),
            ("prints", leftovers.prints), ("lengths", leftovers.long_functions), ("scripts", leftovers.scripts),
        )  # fmt: skip
        for file in files:
            for name, check in checks:
                gathering.take(f"{name} of {file.path}", lambda file=file, check=check: list(check(file)))  # type: ignore[misc]
        gathering.take("vulture", lambda: list(leftovers.unreachable(files, max(1.0, gathering.left_s))))
        gathering.take("clones", lambda: duplicated(context.change, files))
        return gathering.report()
