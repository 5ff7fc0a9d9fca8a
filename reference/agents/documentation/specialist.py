"""The documentation specialist."""

from __future__ import annotations

import asyncio

from reference.agents.documentation.docstrings import docstrings
from reference.agents.documentation.drift import comments, sections
from reference.agents.documentation.references import docs, stale_references, undocumented_options
from reference.agents.interfaces import Context
from reference.agents.quality.guard import Gathering
from reference.agents.types import Agent, AgentReport, Status


class DocumentationSpecialist:
    """Reads docstrings and comments of the changed code before and after, and the docs of the head revision."""

    agent = Agent.DOCUMENTATION

    async def review(self, context: Context) -> AgentReport:
        return await asyncio.to_thread(self._review, context)

    def _review(self, context: Context) -> AgentReport:
        files = [x for x in context.change.files if x.path in context.files and x.is_code]
        if not files:
            return AgentReport(self.agent, status=Status.SKIPPED, reason="no code in the change")
        gathering = Gathering(self.agent, context.timeout_s)
        change = context.change
        for file in files:
            gathering.take(f"docstrings of {file.path}", lambda file=file: list(docstrings(file, change.snapshot)))  # type: ignore[misc]
            gathering.take(f"comments of {file.path}", lambda file=file: list(comments(file)))  # type: ignore[misc]
        gathering.take("pydoclint", lambda: list(sections(files, max(1.0, gathering.left_s))))
        gathering.take("stale references", lambda: list(stale_references(change, files, docs(change))))
        gathering.take("options", lambda: list(undocumented_options(change, files, docs(change))))
        return gathering.report()
