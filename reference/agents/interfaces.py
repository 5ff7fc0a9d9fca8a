"""The parts of a review that can be exchanged, each with one contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .types import Agent, AgentReport, Change


class Snapshot(Protocol):
    """Read-only view of the head revision. Reads objects, never a working tree: nothing is checked out."""

    def paths(self) -> Sequence[str]:
        """Every regular file's path, sorted; names that are not UTF-8 are left out."""
        ...

    def read(self, path: str) -> str | None:
        """The text, or None: no such file, binary, over the size limit, or a link."""
        ...

    def grep(self, word: str, among: Sequence[str]) -> list[str]:
        """Those of `among` whose text has `word` as a whole word."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What every specialist is given: the change, and its share of time and files."""

    change: Change
    files: tuple[str, ...]  # this specialist's, from the plan
    timeout_s: float = 20.0
    options: Mapping[str, str] = field(default_factory=dict)


class Specialist(Protocol):
    """Finds faults of one kind. Deterministic: the same change gives the same findings in the same order."""

    agent: Agent

    async def review(self, context: Context) -> AgentReport:
        """Findings on any line of the files; the aggregator keeps those on lines that the change adds or touches.

        Raises nothing for an odd file: it leaves it out and says so with Status.DEGRADED and a reason. Subprocesses and
        other blocking work run in threads, so that five specialists can wait at the same time.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a language model, with what it cost."""

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float


class Model(Protocol):
    """A language model behind an OpenAI-compatible API. It has no tools, no secrets and no network of its own."""

    name: str

    async def complete(
        self, system: str, user: str, schema: Mapping[str, object], max_tokens: int, timeout_s: float
    ) -> Reply:
        """JSON that fits `schema` (every string field bounded). Raises ReviewError on a time-out or a refusal."""
        ...


class LanguageTier(Protocol):
    """What a language model may add to the tools' findings (see reference.agents.llm)."""

    tier: int

    async def improve(self, context: Context, report: AgentReport, model: Model, allowance: float) -> AgentReport:
        """The report, with findings demoted or added. Spends at most `allowance` dollars; on any failure the tools'
        report comes back as it was, degraded with the reason."""
        ...


class Outcomes(Protocol):
    """What became of earlier suggestions."""

    def muted(self, repository: str) -> frozenset[str]:
        """Rules that are not posted in this repository any more."""
        ...
