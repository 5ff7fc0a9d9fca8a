"""Asking within an allowance: the worst case of a call must fit before it is made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from reference.agents.interfaces import Model
from reference.agents.types import AgentReport, ReviewError, Status

from .client import prices_of


class OverAllowance(ReviewError):
    """The worst case of the next call does not fit into what is left."""


class Purse:
    """What one specialist may spend on one review, and what it has spent. Not shared between tasks."""

    def __init__(self, model: Model, allowance: float, timeout_s: float) -> None:
        self.model, self.allowance, self.timeout_s = model, allowance, timeout_s
        self.cost, self.calls, self.input_tokens, self.output_tokens = 0.0, 0, 0, 0

    async def ask(self, system: str, user: str, schema: Mapping[str, object], max_tokens: int) -> dict[str, Any]:
        """The answer as a dict.

        Raises:
            OverAllowance: before anything is sent.
            ReviewError: no answer, or one that is not the JSON that was asked for; what it cost is counted.
        """
        prices = prices_of(self.model)
        worst = prices.worst(system + user, max_tokens)
        if self.cost + worst > self.allowance:
            raise OverAllowance(
                f"the next call may cost ${worst:.4f}, ${max(0.0, self.allowance - self.cost):.4f} are left"
            )
        try:
            reply = await self.model.complete(system, user, schema, max_tokens, self.timeout_s)
        except ReviewError:
            self.cost += worst  # a call that broke off may have been charged: count what it could have cost
            self.calls += 1
            raise
        self.calls += 1
        self.cost += prices.cost(reply.input_tokens, reply.output_tokens)
        self.input_tokens += reply.input_tokens
        self.output_tokens += reply.output_tokens
        try:
            answer = json.loads(reply.text)
        except ValueError:
            raise ReviewError(f"{self.model.name} did not answer in JSON") from None
        if not isinstance(answer, dict):
            raise ReviewError(f"{self.model.name} did not answer with an object")
        return answer

    def charged(self, report: AgentReport, **changes: object) -> AgentReport:
        """The report with `changes`, and with what was spent added."""
        return dataclasses.replace(
            report,
            cost=report.cost + self.cost,
            calls=report.calls + self.calls,
            input_tokens=report.input_tokens + self.input_tokens,
            output_tokens=report.output_tokens + self.output_tokens,
            **changes,  # type: ignore[arg-type]
        )

    def failed(self, report: AgentReport, problem: ReviewError) -> AgentReport:
        """The tools' report as it was, marked."""
        over = isinstance(problem, OverAllowance)
        status = Status.OVER_BUDGET if over else Status.DEGRADED
        reason = "; ".join(part for part in (report.reason, f"language model: {problem}") if part)
        return self.charged(report, status=status, reason=reason)
