"""What orchestration costs: wall time of a review over its slowest specialist, for ours and two frameworks.

The specialists wait: for a sleep, or for five calls at once to an OpenAI-compatible stub of known latency, as they
would wait for a model behind an API. No model runs. Rounds are interleaved; plan and aggregation are in the wall time.
What the specialists do to each other in one process is in the slowest one's time, not in the overhead: it has its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from benchmarks.common import Result, spread
from reference.agents.experiments.waits import Waiting
from reference.agents.frameworks import Timing, measure, observe_failures, reviewers
from reference.agents.interfaces import Context, Specialist
from reference.agents.types import Agent, AgentReport, Change
from reference.serving.stub_engine import StubEngine

WAITS_S = (0.1, 0.1, 0.1, 0.1, 0.3)
TOKENS = (1, 1, 1, 1, 41)  # of the answers: first token after TTFT_MS, then one each ITL_MS
TTFT_MS, ITL_MS = 100.0, 5.0
TARGET = 0.15  # of overhead at the median
RATIO = "wall over slowest"


class Calling:
    """Specialist that asks a model for so many tokens, waits for the answer and finds nothing."""

    def __init__(self, agent: Agent, client: Any, model: str, tokens: int) -> None:
        self.agent, self._client, self._model, self._tokens = agent, client, model, tokens

    async def review(self, context: Context) -> AgentReport:
        del context
        answer = await self._client.chat.completions.create(
            model=self._model, messages=[{"role": "user", "content": "wait"}], max_tokens=self._tokens
        )
        return AgentReport(self.agent, output_tokens=answer.usage.completion_tokens)


def run(quick: bool = False) -> Result:
    from reference.agents.demo import demo_change

    change = demo_change()
    ours, others = (2, 2) if quick else (200, 50)
    names = list(reviewers([Waiting(Agent.QUALITY, 0)]))
    counts = {name: others if number else ours for number, name in enumerate(names)}
    sleeping = [Waiting(agent, seconds) for agent, seconds in zip(Agent, WAITS_S, strict=True)]
    result = Result(
        "review_orchestration",
        "How much longer than its slowest specialist does a review take?",
        {
            "specialists": f"five that wait {', '.join(f'{one:g}' for one in WAITS_S)} s, and find nothing",
            "calls": f"five at once to a stub engine: {TTFT_MS:g} ms to the first token, {ITL_MS:g} ms for each other, "
            f"{', '.join(str(one) for one in TOKENS)} tokens; no model runs",
            "wall": "plan, fan-out, fan-in, aggregation; slowest: measured in the same run",
            "rounds": counts,
            "orders": "interleaved, one review at a time, after one to warm up each",
            "frameworks": _versions(),
        },
    )
    for waiting, timings in (
        ("sleeps", asyncio.run(measure(change, sleeping, counts))),
        ("calls", asyncio.run(_calls(change, counts))),
    ):
        for name, found in timings.items():
            result.rows += _rows(name, waiting, found)
            ratios = [one.ratio for one in found]
            result.conclusions.append(
                f"{name}, {waiting}: {spread(ratios, 4)['median']:g} times the slowest specialist at the median, "
                f"{_p95(ratios):.4g} at the 95th percentile, over {len(found)} reviews."
            )
    for one in asyncio.run(observe_failures(change)):
        result.conclusions.append(f"One specialist raises, {one.name}, {one.variant}: {one.sentence}.")
    worst = max(one["median"] for one in result.rows if one["target"] == names[0] and one["metric"].endswith(RATIO))
    verdict = "met" if worst - 1 <= TARGET else "missed"
    result.conclusions.append(f"Ours adds at most {TARGET:.0%} to the slowest specialist at the median: {verdict}.")
    return result


async def _calls(change: Change, counts: dict[str, int]) -> dict[str, list[Timing]]:
    from openai import AsyncOpenAI

    with StubEngine(ttft_ms=TTFT_MS, itl_ms=ITL_MS) as stub:
        async with AsyncOpenAI(base_url=stub.base_url, api_key=stub.api_key, max_retries=0) as client:
            calling: list[Specialist] = [
                Calling(agent, client, stub.model, tokens) for agent, tokens in zip(Agent, TOKENS, strict=True)
            ]
            return await measure(change, calling, counts)


def _p95(values: Sequence[float]) -> float:
    """The smallest value that at least 95 % do not exceed."""
    return sorted(values)[-(-95 * len(values) // 100) - 1]


def _rows(name: str, waiting: str, found: Sequence[Timing]) -> list[dict[str, Any]]:
    ratios = [one.ratio for one in found]
    added = [(one.wall - one.slowest) * 1000 for one in found]
    slowest = [one.slowest for one in found]
    return [
        {"target": name, "metric": f"{waiting}: {RATIO}", "unit": "", **spread(ratios, 5)}
        | {"p95": round(_p95(ratios), 5)},
        {"target": name, "metric": f"{waiting}: added", "unit": "ms", **spread(added)} | {"p95": round(_p95(added), 3)},
        {"target": name, "metric": f"{waiting}: slowest specialist", "unit": "s", **spread(slowest, 5)}
        | {"p95": round(_p95(slowest), 5)},
    ]


def _versions() -> dict[str, str]:
    found = {}
    for package in ("langgraph", "pydantic-ai-slim", "openai"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
