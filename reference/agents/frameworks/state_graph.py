"""Fan-out and fan-in as a LangGraph StateGraph: one node per specialist, one that aggregates."""

from __future__ import annotations

import operator
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypedDict

from reference.agents.interfaces import Context, Specialist
from reference.agents.types import Agent, AgentReport, Review, ReviewError

from .base import FanIn, FrameworkReviewer, failed_report, timed_review

AGGREGATE = "aggregate"


class State(TypedDict):
    """What flows along the edges. Reports of all nodes of one step are added up."""

    contexts: Mapping[Agent, Context]
    fan_in: FanIn
    began: float
    reports: Annotated[list[AgentReport], operator.add]
    review: Review | None


class LangGraphReviewer(FrameworkReviewer):
    """LangGraph's own way to guard a node is an error handler; it gives the node's state update instead.

    Args:
        join: the fan-in is one edge from the list of all specialists instead of one edge from each. With langgraph
            1.2.22 such an edge waits for all of them by name, and a node whose error handler answered for it never
            counts as arrived: the run ends normally and the aggregator never runs. `review` turns that into a
            ReviewError. Without a failure both graphs do the same.
    """

    name: ClassVar[str] = "LangGraph"
    module: ClassVar[str] = "langgraph.graph"

    def __init__(self, specialists: Sequence[Specialist] | None = None, *, join: bool = False, **rest: Any) -> None:
        super().__init__(specialists, **rest)
        if not self.specialists:
            raise ReviewError("specialists: LangGraph needs at least one node")
        self.join = join
        self._graph = self._compiled()  # once: 2 ms, which a review need not pay

    def _compiled(self) -> Any:
        from langgraph.graph import END, START, StateGraph

        graph: Any = StateGraph(State)
        graph.add_node(AGGREGATE, _aggregate)
        names = [one.agent.value for one in self.specialists]
        for name, one in zip(names, self.specialists, strict=True):
            graph.add_node(name, _node(one), error_handler=_handler() if self.guard else None)
            graph.add_edge(START, name)
            if not self.join:
                graph.add_edge(name, AGGREGATE)
        if self.join:
            graph.add_edge(names, AGGREGATE)
        graph.add_edge(AGGREGATE, END)
        return graph.compile()

    async def orchestrate(self, contexts: Mapping[Agent, Context], fan_in: FanIn) -> Review | None:
        from langsmith import tracing_context

        begun = State(contexts=contexts, fan_in=fan_in, began=time.perf_counter(), reports=[], review=None)
        with tracing_context(enabled=False):  # a variable of the environment would send the change away
            ended = await self._graph.ainvoke(begun)
        review = ended["review"]
        return review if isinstance(review, Review) else None


def _node(one: Specialist) -> Any:
    async def node(state: State) -> dict[str, object]:
        context = state["contexts"].get(one.agent)
        return {} if context is None else {"reports": [await timed_review(one, context, state["began"])]}

    return node


def _handler() -> Any:
    from langgraph.errors import NodeError

    async def handler(state: State, error: Any) -> dict[str, object]:
        del state
        return {"reports": [failed_report(Agent(error.node), error.error)]}

    # LangGraph gives the error to a parameter of this type; a name imported here cannot be an annotation that it reads.
    handler.__annotations__["error"] = NodeError
    return handler


async def _aggregate(state: State) -> dict[str, object]:
    return {"review": state["fan_in"](state["reports"])}
