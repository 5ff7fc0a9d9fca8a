"""The same five specialists under three orchestrations: what each costs, in time and in lines."""

from __future__ import annotations

import ast
import inspect
import io
import math
import statistics
import textwrap
import time
import tokenize
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference.agents.interfaces import Context, Specialist
from reference.agents.types import Agent, AgentReport, Change, Review, ReviewError

from . import base, state_graph, tool_agent
from .base import NotInstalled
from .failures import BARE, GUARD, JOIN, OURS, Failure, observe_failures
from .state_graph import LangGraphReviewer
from .tool_agent import PydanticAIReviewer

NOT_INSTALLED = "not installed"
NAMES = (OURS, LangGraphReviewer.name, PydanticAIReviewer.name)
WAITS_S = (0.02, 0.02, 0.02, 0.02, 0.06)

Run = Callable[[Change], Awaitable[Review]]


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one review, in seconds: all of it, and its slowest specialist alone."""

    wall: float
    slowest: float

    @property
    def ratio(self) -> float:
        return self.wall / self.slowest


@dataclass(frozen=True, slots=True)
class Compared:
    """One orchestration.

    Attributes:
        wall: median of a whole review [s], plan and aggregation included.
        overhead: median of wall over the slowest specialist of the same run, minus 1.
        spread: interquartile range of `wall` [s].
        lines: of source that hold code, without documentation, of fan-out, guard and fan-in; ours has the language
            tier's part in it too.
        on_failure: what was seen in runs with one specialist that raises.
    """

    name: str
    wall: float
    overhead: float
    spread: float
    lines: int
    on_failure: str


class _Timed:
    """A specialist with a watch on it."""

    def __init__(self, one: Specialist) -> None:
        self.agent, self.seconds, self._one = one.agent, 0.0, one

    async def review(self, context: Context) -> AgentReport:
        begun = time.perf_counter()
        try:
            return await self._one.review(context)
        finally:
            self.seconds = time.perf_counter() - begun


def reviewers(specialists: Sequence[Specialist]) -> dict[str, Run]:
    """Name -> its review of a change; frameworks that are not installed are left out."""
    from reference.agents.orchestrator import Reviewer

    found: dict[str, Run] = {OURS: Reviewer(specialists).review}
    for kind in (LangGraphReviewer, PydanticAIReviewer):
        try:
            found[kind.name] = kind(specialists).review
        except NotInstalled:
            continue
    return found


async def measure(
    change: Change, specialists: Sequence[Specialist], repeats: Mapping[str, int] | int
) -> dict[str, list[Timing]]:
    """Name -> one Timing per repeat, after one run each to warm up. Rounds are interleaved, so that a change in the
    machine's load hits all alike; `repeats` may be given by name.

    Raises:
        ReviewError: no specialist had anything to do, so there is nothing to compare with.
    """
    watched = [_Timed(one) for one in specialists]
    runs = reviewers(watched)
    counts = repeats if isinstance(repeats, Mapping) else dict.fromkeys(runs, repeats)
    if min(counts.values(), default=0) < 1:
        raise ReviewError(f"repeats: at least 1 is needed, got {repeats}")
    timings: dict[str, list[Timing]] = {name: [] for name in runs}
    for run in runs.values():
        await run(change)
    for number in range(max(counts.values())):
        turn = number % len(runs)
        for name in [*runs][turn:] + [*runs][:turn]:
            if number >= counts[name]:
                continue
            for one in watched:
                one.seconds = 0.0
            begun = time.perf_counter()
            await runs[name](change)
            wall = time.perf_counter() - begun
            slowest = max((one.seconds for one in watched), default=0.0)
            if slowest <= 0.0:
                raise ReviewError("change: no specialist reads any of it, so there is nothing to compare")
            timings[name].append(Timing(wall, slowest))
    return timings


async def compare(change: Change, repeats: int = 20, specialists: Sequence[Specialist] | None = None) -> list[Compared]:
    """One row per orchestration; a framework that is not installed has `nan` for what could not be measured.

    specialists: default: five that wait 20, 20, 20, 20 and 60 ms. Failures are always observed with waiting ones.
    """
    from reference.agents.experiments.waits import Waiting

    if specialists is None:
        specialists = [Waiting(agent, seconds) for agent, seconds in zip(Agent, WAITS_S, strict=True)]
    timings = await measure(change, specialists, repeats)
    failures = await observe_failures(change)
    return [_row(name, timings.get(name), [one for one in failures if one.name == name]) for name in NAMES]


def _row(name: str, timings: Sequence[Timing] | None, failures: Sequence[Failure]) -> Compared:
    if timings is None:
        return Compared(name, math.nan, math.nan, math.nan, lines_of(name), NOT_INSTALLED)
    walls = [one.wall for one in timings]
    low, _, high = statistics.quantiles(walls, n=4, method="inclusive") if len(walls) > 1 else walls * 3
    overhead = statistics.median(one.ratio for one in timings) - 1
    return Compared(name, statistics.median(walls), overhead, high - low, lines_of(name), _sentence(failures))


def _sentence(failures: Sequence[Failure]) -> str:
    """What was seen: with the guard first."""
    by_variant = {one.variant: one.sentence for one in failures}
    parts = [by_variant[GUARD]]
    parts += [f"{variant}: {by_variant[variant]}" for variant in (BARE, JOIN) if variant in by_variant]
    return "; ".join(parts)


def _sources(name: str) -> tuple[Any, ...]:
    from reference.agents.orchestrator import run

    shared = (base.timed_review, base.failed_report)
    if name == OURS:
        return (run.run_plan, run._with_timeout)
    if name == LangGraphReviewer.name:
        kind = LangGraphReviewer
        parts = (state_graph.State, kind._compiled, kind.orchestrate, state_graph._node, state_graph._handler)
        return (*parts, state_graph._aggregate, *shared)
    return (PydanticAIReviewer.orchestrate, PydanticAIReviewer._tool, tool_agent._asks_for_all, *shared)


def lines_of(name: str) -> int:
    """Lines of source with code on them, of the functions that orchestrate."""
    return sum(code_lines(inspect.getsource(one)) for one in _sources(name))


_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def code_lines(source: str) -> int:
    """Lines of Python with anything but blanks, comments and docstrings."""
    source = textwrap.dedent(source)
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)
