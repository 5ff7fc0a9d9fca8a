"""Fan-out and fan-in by a pydantic-ai agent: the specialists are its tools, a model decides which to call."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from reference.agents.interfaces import Context, Specialist
from reference.agents.types import Agent, AgentReport, Review, Status

from .base import FanIn, FrameworkReviewer, failed_report, timed_review


class PydanticAIReviewer(FrameworkReviewer):
    """pydantic-ai has no fan-out of its own: tools asked for in one answer of the model run side by side.

    So a model decides what is reviewed. With a real one that is two requests more per review (which tools; then the
    end), and it may leave a specialist out: the review then names it as never called. The model is told the tools'
    names and how many findings each made, never a text of the change.

    Args:
        model: a pydantic-ai model. Default: a FunctionModel without a network that asks for all specialists at once.
        one_at_a_time: the default model asks for the next specialist only after the one before.
        request_limit, tool_calls_limit: pydantic-ai's UsageLimits, a hard stop. When one is hit the run raises
            UsageLimitExceeded. With the guard the reports made until then are posted, and whoever is missing is over
            budget; without it they are lost. A tool-call limit below what one answer asks for runs none of them.
    """

    name: ClassVar[str] = "pydantic-ai"
    module: ClassVar[str] = "pydantic_ai"

    def __init__(
        self,
        specialists: Sequence[Specialist] | None = None,
        *,
        model: Any = None,
        one_at_a_time: bool = False,
        request_limit: int | None = 10,
        tool_calls_limit: int | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(specialists, **rest)
        self.model, self.one_at_a_time = model, one_at_a_time
        self.request_limit, self.tool_calls_limit = request_limit, tool_calls_limit

    async def orchestrate(self, contexts: Mapping[Agent, Context], fan_in: FanIn) -> Review | None:
        import pydantic_ai

        reports: dict[Agent, AgentReport] = {}
        tools = [
            pydantic_ai.Tool(self._tool(one, contexts[one.agent], reports, time.perf_counter()), name=one.agent.value)
            for one in self.specialists
            if one.agent in contexts
        ]
        planner = pydantic_ai.Agent(self.model or _asks_for_all(self.one_at_a_time), tools=tools)
        limits = pydantic_ai.UsageLimits(request_limit=self.request_limit, tool_calls_limit=self.tool_calls_limit)
        try:
            await planner.run("Call every specialist once, then end.", usage_limits=limits)
        except Exception as problem:
            if not self.guard:
                raise
            over = isinstance(problem, pydantic_ai.UsageLimitExceeded)
            status, reason = Status.OVER_BUDGET if over else Status.FAILED, f"{type(problem).__name__}: {problem}"[:300]
            for agent in contexts:
                reports.setdefault(agent, AgentReport(agent, status=status, reason=reason))
        return fan_in(list(reports.values()))

    def _tool(self, one: Specialist, context: Context, reports: dict[Agent, AgentReport], began: float) -> Any:
        asked = False

        async def tool() -> str:
            nonlocal asked
            if asked:  # a model may repeat itself
                return "done already"
            asked = True
            try:
                reports[one.agent] = await timed_review(one, context, began)
            except Exception as problem:
                if not self.guard:
                    raise
                reports[one.agent] = failed_report(one.agent, problem)
            return f"{reports[one.agent].status.value}: {len(reports[one.agent].findings)} findings"

        return tool


def _asks_for_all(one_at_a_time: bool) -> Any:
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import FunctionModel

    def decide(messages: list[Any], info: Any) -> ModelResponse:
        done = {part.tool_name for one in messages for part in one.parts if isinstance(part, ToolReturnPart)}
        left = [tool.name for tool in info.function_tools if tool.name not in done]
        if not left:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart(name, {}) for name in (left[:1] if one_at_a_time else left)])

    return FunctionModel(decide)
