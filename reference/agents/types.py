"""What flows through a review: a change, findings about it, the specialists' reports, one review; and its errors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .interfaces import Snapshot


class ReviewError(Exception):
    """A failure of a review that a user can act on; the message names the field or file and the mend."""


class Severity(IntEnum):
    """Ordered: a higher one is worse. `CRITICAL` alone requests changes."""

    SUGGESTION = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Agent(StrEnum):
    QUALITY = "quality"
    SECURITY = "security"
    PERFORMANCE = "performance"
    TESTS = "tests"
    DOCUMENTATION = "documentation"


class Side(StrEnum):
    """Of a two-column diff, as GitHub names them: the new text is on the right."""

    LEFT = "LEFT"
    RIGHT = "RIGHT"


class Role(StrEnum):
    """What a file is for; only SOURCE and TEST are read as code."""

    SOURCE = "source"
    TEST = "test"
    DOCS = "docs"
    CONFIG = "config"
    MANIFEST = "manifest"  # names dependencies and their versions
    GENERATED = "generated"
    VENDORED = "vendored"
    BINARY = "binary"
    SUBMODULE = "submodule"
    SYMLINK = "symlink"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a hunk, without its line end. `old` and `new` are line numbers from 1, None where it has none."""

    kind: str  # "added", "removed", "context"
    text: str
    old: int | None
    new: int | None
    ending: str = "\n"  # "\n", "\r\n", or "" for a last line without one


@dataclass(frozen=True, slots=True)
class Hunk:
    old_start: int
    old_length: int
    new_start: int
    new_length: int
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a change.

    Attributes:
        path: in the new tree (in the old one for a deletion); relative, `/` as separator, never `..`.
        old_path: before a rename; else None.
        status: "added", "modified", "deleted", "renamed" (with or without other changes) or "mode".
        language: "python", "javascript", "typescript", "tsx", "go", ...; empty if unknown.
        before, after: the whole text, None where the file does not exist there or only the patch is known.
        why_not_read: why nobody looks into it (binary, too large, generated ...); empty if it is read.
    """

    path: str
    status: str
    role: Role
    language: str = ""
    old_path: str | None = None
    hunks: tuple[Hunk, ...] = ()
    before: str | None = None
    after: str | None = None
    why_not_read: str = ""

    @property
    def added(self) -> dict[int, str]:
        """New line number -> text of each line that the change adds."""
        return {x.new: x.text for h in self.hunks for x in h.lines if x.kind == "added" and x.new is not None}

    @property
    def removed(self) -> dict[int, str]:
        """Old line number -> text of each line that the change removes."""
        return {x.old: x.text for h in self.hunks for x in h.lines if x.kind == "removed" and x.old is not None}

    @property
    def commentable(self) -> frozenset[int]:
        """New line numbers that a review comment may name: GitHub answers 422 to any other."""
        return frozenset(x.new for h in self.hunks for x in h.lines if x.new is not None)

    @property
    def is_code(self) -> bool:
        return self.role in (Role.SOURCE, Role.TEST) and self.status != "deleted" and not self.why_not_read


@dataclass(frozen=True, slots=True)
class Change:
    """A pull request, or what stands for one. Every text in it is the author's: untrusted.

    Attributes:
        repository: "owner/name", or the folder's name for a local one.
        base, head: revisions (commit ids where there are any).
        snapshot: reads files of the head revision that the change does not touch; None for a bare patch.
        problems: what of the input could not be read, for the summary ("2 files with names that are not UTF-8").
        coverage: path -> (covered lines, lines known not covered), from a coverage.xml of CI; None if not given.
    """

    repository: str
    base: str
    head: str
    files: tuple[ChangedFile, ...]
    title: str = ""
    body: str = ""
    author: str = ""
    number: int = 0
    snapshot: Snapshot | None = None
    problems: tuple[str, ...] = ()
    coverage: Mapping[str, tuple[frozenset[int], frozenset[int]]] | None = None

    def file(self, path: str) -> ChangedFile | None:
        return next((one for one in self.files if one.path == path), None)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault on lines that the change adds or touches.

    Attributes:
        rule: id in the registry ("security/sql-injection"); a finding without a rule does not exist.
        line, end_line: in the new text, from 1. `end_line` >= `line`.
        values: what fills the rule's template, such as {"name": "load"}. Untrusted: names come from the change.
        tool: what found it ("bandit B608", "ast").
        evidence: the line as it stands. Untrusted.
        confidence: share of such findings expected to be right, in [0, 1]; where the rule does not say better.
    """

    agent: Agent
    rule: str
    severity: Severity
    path: str
    line: int
    end_line: int
    values: Mapping[str, str] = field(default_factory=dict)
    tool: str = ""
    evidence: str = ""
    confidence: float = 1.0

    @property
    def fingerprint(self) -> str:
        """16 hex digits, the same after a rebase or a move of the line: rule, path and the line without its blanks."""
        text = "\0".join((self.rule, self.path, re.sub(r"\s+", "", self.evidence)))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Status(StrEnum):
    OK = "ok"
    SKIPPED = "skipped"  # nothing in the change is for this specialist
    DEGRADED = "degraded"  # part of its work failed; its findings stand
    TIMED_OUT = "timed out"
    OVER_BUDGET = "over budget"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AgentReport:
    """What one specialist says. `begun`, `ended`: seconds since the review began. `cost`: dollars for LLM calls."""

    agent: Agent
    findings: tuple[Finding, ...] = ()
    status: Status = Status.OK
    reason: str = ""
    begun: float = 0.0
    ended: float = 0.0
    cost: float = 0.0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One specialist's part of the plan. `reserve`: worst-case dollars set aside before it may call an LLM."""

    agent: Agent
    files: tuple[str, ...]
    reason: str
    timeout_s: float
    reserve: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, said before it is done. `skip`: why the whole change needs no review; empty if it does."""

    steps: tuple[Step, ...]
    skip: str = ""
    languages: Mapping[str, int] = field(default_factory=dict)  # language -> lines added
    lines_added: int = 0
    lines_removed: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)  # path -> why nobody looks into it
    budget: float = 0.50


@dataclass(frozen=True, slots=True)
class Comment:
    """One inline comment; `body` is plain Markdown made from templates, with every untrusted part escaped."""

    path: str
    line: int
    body: str
    severity: Severity
    findings: tuple[Finding, ...]
    side: Side = Side.RIGHT
    start_line: int | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """The one answer to a change.

    Attributes:
        event: "REQUEST_CHANGES" if a comment is critical, else "COMMENT". There is no approval.
        comments: at most the cap, worst first.
        left_out: findings that are not posted inline, by reason ("over the cap", "muted", "report only", ...).
        notes: sentences for the summary: degraded parts, new suppressions, what could not be read.
        headline: the LLM's one line, if it passed its check; else empty.
    """

    change: Change
    plan: Plan
    reports: tuple[AgentReport, ...]
    comments: tuple[Comment, ...]
    event: str
    left_out: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    headline: str = ""
    headline_cost: float = 0.0
    seconds: float = 0.0

    @property
    def cost(self) -> float:
        return self.headline_cost + sum(one.cost for one in self.reports)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those that are posted."""
        return tuple(finding for comment in self.comments for finding in comment.findings)
