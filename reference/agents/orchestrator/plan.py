"""Who looks at what, and why; said before anything is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference.agents.interfaces import Specialist
from reference.agents.types import Agent, Change, ChangedFile, Plan, Role, Step


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Seconds of one specialist: `base`, and `per_1000_lines` of what it reads, at most `most`."""

    base: float = 15.0
    per_1000_lines: float = 10.0
    most: float = 60.0


_CODE = (Role.SOURCE, Role.TEST)


def _reads(file: ChangedFile) -> bool:
    return file.status != "deleted" and not file.why_not_read


_WANTS: dict[Agent, tuple[Callable[[ChangedFile], bool], str]] = {
    Agent.QUALITY: (lambda f: _reads(f) and f.role in _CODE, "code"),
    Agent.SECURITY: (lambda f: _reads(f) and f.role not in (Role.BINARY, Role.SUBMODULE, Role.SYMLINK), "every text"),
    Agent.PERFORMANCE: (lambda f: _reads(f) and f.role is Role.SOURCE, "source code"),
    Agent.TESTS: (lambda f: f.role in _CODE and not f.why_not_read, "source code and its tests, deleted ones too"),
    Agent.DOCUMENTATION: (
        lambda f: f.role in (*_CODE, Role.DOCS, Role.CONFIG) and not f.why_not_read,
        "code, and texts that speak of it",
    ),
}


def make_plan(
    change: Change,
    specialists: Sequence[Specialist],
    *,
    budget: float = 0.50,
    reserve: float = 0.0,
    limits: PlanLimits = PlanLimits(),
) -> Plan:
    """The plan of a review.

    Args:
        reserve: worst-case dollars of the language tier for one specialist.
    """
    from reference.agents.diff.trivial import skip_reason

    trivial = skip_reason(change)
    steps = []
    for one in specialists:
        if trivial.reason and one.agent not in trivial.still:
            continue
        wants, why = _WANTS[one.agent]
        files = tuple(file.path for file in change.files if wants(file))
        if not files:
            continue
        named = set(files)
        lines = sum(len(file.added) for file in change.files if file.path in named)
        seconds = min(limits.most, limits.base + limits.per_1000_lines * lines / 1000)
        steps.append(Step(one.agent, files, why, seconds, reserve))
    skip = trivial.reason or ("" if steps else "nothing in it that a specialist reads")
    return Plan(
        steps=tuple(steps),
        skip=skip,
        languages=dict(Counter(_languages(change)).most_common()),
        lines_added=sum(len(file.added) for file in change.files),
        lines_removed=sum(len(file.removed) for file in change.files),
        unread={file.path: file.why_not_read for file in change.files if file.why_not_read},
        budget=budget,
    )


def _languages(change: Change) -> list[str]:
    return [file.language for file in change.files if file.language for _ in file.added]
