"""The documentation specialist."""

from __future__ import annotations

import asyncio

from reference.agents.documentation.docstrings import docstrings
from reference.agents.interfaces import Context
from reference.agents.quality.guard import Gathering
from reference.agents.types import Agent, AgentReport, Status


class DocumentationSpecialist:
    """Reads the docstrings of the Python files of the change, before and after."""

    agent = Agent.DOCUMENTATION

    async def review(self, context: Context) -> AgentReport:
        return await asyncio.to_thread(self._review, context)

    def _review(self, context: Context) -> AgentReport:
        files = [x for x in context.change.files if x.path in context.files and x.is_code]
        if not files:
            return AgentReport(self.agent, status=Status.SKIPPED, reason="no code in the change")
        gathering = Gathering(self.agent, context.timeout_s)
        for file in files:
            gathering.take(f"docstrings of {file.path}", lambda file=file: list(docstrings(file)))  # type: ignore[misc]
        return gathering.report()
