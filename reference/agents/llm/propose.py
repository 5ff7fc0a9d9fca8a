"""Tier 3: findings of a language model's own. Each must quote a line that the change adds, and survive a second call
that is asked to refute it and sees neither the first call's reasons nor the rest of the change."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from reference.agents.interfaces import Context, Model
from reference.agents.rules import rule
from reference.agents.types import Agent, AgentReport, ChangedFile, Finding, ReviewError

from .client import prices_of
from .prompt import DATA_RULE, fenced, show
from .spending import Purse

MOST = 4
MAX_TOKENS = 700
MAX_REFUTATION = 60
SEARCH = 3  # lines that a quoted line may be away from the line number given with it
AROUND = 25

_FOCUS = {
    Agent.QUALITY: "logic errors: wrong operator, boundary, condition, argument order, unhandled case",
    Agent.SECURITY: "exploitable faults: injection, missing authorisation, path traversal, unsafe deserialisation",
    Agent.PERFORMANCE: "queries or requests in loops, quadratic work on unbounded input, leaks",
    Agent.TESTS: "tests that cannot fail, and changed behaviour that no test in the change reaches",
    Agent.DOCUMENTATION: "documentation in the change that contradicts its code",
}


def _system(agent: Agent) -> str:
    return (
        f"You review a code change for one thing only: {_FOCUS[agent]}. Report a fault only if you can name the input "
        "that shows it. Most changes have none: an empty list is a good answer. Quote one added line exactly. "
        f"{DATA_RULE}"
    )


_REFUTE = (
    "A reviewer claims a fault in the code below. Try to refute the claim. Say stands only if the code shown has that "
    f"fault; say refuted if it does not or if the code shown is not enough. {DATA_RULE}"
)
_TEXT = {"type": "string", "minLength": 1}
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "findings": {
            "type": "array",
            "maxItems": MOST,
            "items": {
                "type": "object",
                "properties": {
                    "path": {**_TEXT, "maxLength": 200},
                    "line": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                    "quote": {**_TEXT, "maxLength": 200},
                    "claim": {**_TEXT, "maxLength": 160},
                },
                "required": ["path", "line", "quote", "claim"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["findings"],
    "additionalProperties": False,
}
REFUTATION: dict[str, object] = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["stands", "refuted"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}


class Proposals:
    """LanguageTier: one call that proposes, one per proposal that refutes."""

    tier = 3
    version = "propose-1"

    def __init__(self, most_bytes: int = 12_000) -> None:
        self.most_bytes = most_bytes

    async def improve(self, context: Context, report: AgentReport, model: Model, allowance: float) -> AgentReport:
        purse = Purse(model, allowance, context.timeout_s)
        shown = show(context.change, context.files, self.most_bytes)
        found: list[Finding] = []
        try:
            question = f"{fenced('change', shown.text)}\nList the faults as JSON."
            answer = await purse.ask(_system(report.agent), question, SCHEMA, MAX_TOKENS)
            for one in _proposals(answer):
                anchored = anchor(context, report.agent, one)
                if anchored is None or _known(anchored, [*report.findings, *found]):
                    continue
                code = _code(context, anchored)
                doubt = f"Claim about line {anchored.line}:\n{fenced('claim', one['claim'])}\n{fenced('code', code)}"
                verdict = await purse.ask(_REFUTE, doubt, REFUTATION, MAX_REFUTATION)
                if verdict.get("verdict") == "stands":
                    found.append(anchored)
        except ReviewError as problem:
            return purse.failed(_with(report, found), problem)
        reason = report.reason
        if shown.left_out:
            reason = "; ".join(x for x in (reason, f"the model saw {shown.share:.0%} of the changed lines") if x)
        return purse.charged(_with(report, found), reason=reason)

    def worst_case(self, context: Context, model: Model, findings: int = 0) -> float:
        """Dollars that `improve` can cost at most."""
        del findings
        prices = prices_of(model)
        first = prices.cost(self.most_bytes + 1_200, MAX_TOKENS)
        return first + MOST * prices.cost((2 * AROUND + 1) * 420 + 1_500, MAX_REFUTATION)


def anchor(context: Context, agent: Agent, proposal: dict[str, Any]) -> Finding | None:
    """The finding at the added line that the proposal quotes; None if no added line near there reads so."""
    file = context.change.file(proposal["path"])
    if file is None or file.path not in context.files:
        return None
    quote = _squeezed(proposal["quote"])
    line = proposal["line"]
    near = sorted((abs(n - line), n) for n, text in file.added.items() if _squeezed(text) == quote and quote)
    if not near or near[0][0] > SEARCH:
        return None
    at = near[0][1]
    id = f"{agent.value}/proposed"
    return Finding(
        agent, id, rule(id).severity, file.path, at, at, {"claim": proposal["claim"][:160]}, "language model",
        file.added[at], 0.5,
    )  # fmt: skip


def _proposals(answer: dict[str, object]) -> list[dict[str, Any]]:
    listed = answer.get("findings")
    if not isinstance(listed, list):
        raise ReviewError("the language model's answer has no findings")
    kinds = {"path": str, "line": int, "quote": str, "claim": str}
    return [
        one
        for one in listed[:MOST]
        if isinstance(one, dict) and all(isinstance(one.get(name), kind) for name, kind in kinds.items())
    ]


def _known(finding: Finding, others: Sequence[Finding]) -> bool:
    """The tools, or an earlier proposal, have said something about this place already."""
    return any(one.path == finding.path and abs(one.line - finding.line) <= 1 for one in others)


def _code(context: Context, finding: Finding) -> str:
    file = context.change.file(finding.path)
    lines = _lines(file)
    first = max(1, finding.line - AROUND)
    return "\n".join(f"{n:5d} | {lines[n][:400]}" for n in range(first, finding.line + AROUND + 1) if n in lines)


def _lines(file: ChangedFile | None) -> dict[int, str]:
    if file is None:
        return {}
    if file.after is not None:
        return dict(enumerate(file.after.split("\n"), 1))
    return {x.new: x.text for hunk in file.hunks for x in hunk.lines if x.new is not None}


def _with(report: AgentReport, found: list[Finding]) -> AgentReport:
    return dataclasses.replace(report, findings=(*report.findings, *found))


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)
