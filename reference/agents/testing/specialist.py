"""The tests specialist: heuristics where no coverage is given, and the tests of the change themselves."""

from __future__ import annotations

import asyncio

from reference.agents.interfaces import Context
from reference.agents.quality.guard import Gathering
from reference.agents.testing.smells import deleted_tests, removed_tests, scripts, smells
from reference.agents.testing.uncovered import uncovered
from reference.agents.testing.untested import untested
from reference.agents.types import Agent, AgentReport, Status


class TestsSpecialist:
    """Reads source and test files of the change, and greps the snapshot's tests for names."""

    __test__ = False  # not a test class, whatever pytest makes of the name
    agent = Agent.TESTS

    async def review(self, context: Context) -> AgentReport:
        return await asyncio.to_thread(self._review, context)

    def _review(self, context: Context) -> AgentReport:
        files = [x for x in context.change.files if x.path in context.files and x.is_code]
        if not files:
            return AgentReport(self.agent, status=Status.SKIPPED, reason="no code in the change")
        gathering = Gathering(self.agent, context.timeout_s)
        gathering.take("coverage", lambda: uncovered(context.change, files))
        gathering.take("untested changes", lambda: untested(context.change, files))
        gathering.take("removed tests", lambda: list(removed_tests(context.change, files)))
        gathering.take("deleted tests", lambda: list(deleted_tests(context.change, files)))
        for file in files:
            if file.role.value == "test":
                gathering.take(f"tests of {file.path}", lambda file=file: [*smells(file), *scripts(file)])  # type: ignore[misc]
        return gathering.report()
