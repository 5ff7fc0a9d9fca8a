"""Whether what was said is what had to be said: by path, line, specialist and family of weakness. No model judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reference.agents.rules.registry import registry
from reference.agents.types import Finding

from .cases import BYSTANDERS, Case, Expected

NEAR = 3  # lines
_FAMILIES: Mapping[str, frozenset[int]] = {
    "sql": frozenset({89, 564, 943}),
    "command": frozenset({77, 78, 88}),
    "code": frozenset({94, 95, 96, 1336}),
    "deserialisation": frozenset({502, 915}),
    "crypto": frozenset({261, 326, 327, 328, 759, 760, 916}),
    "random": frozenset({330, 331, 335, 338}),
    "tls": frozenset({295, 297, 319}),
    "xss": frozenset({79, 80, 83, 87, 116}),
    "path": frozenset({22, 23, 36, 73, 99, 409}),
    "xxe": frozenset({611, 776, 827}),
    "redirect": frozenset({601}),
    "ssrf": frozenset({918}),
    "permissions": frozenset({276, 279, 732}),
    "temporary": frozenset({377, 378, 379}),
    "debug": frozenset({94, 215, 489}),
    "secret": frozenset({259, 321, 522, 540, 798}),
}


def families_of(finding: Finding) -> frozenset[str]:
    """Families of weakness that the finding's rule is about, by its CWE; empty for a rule without one."""
    rule = registry().get(finding.rule)
    return frozenset(name for name, numbers in _FAMILIES.items() if rule is not None and rule.cwe in numbers)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one case came to.

    Attributes:
        hits: for each of case.expected, the finding that met it, or None.
        repeated: further findings that meet an expectation with `many`.
        false: everything else that was posted, but for remarks of BYSTANDERS on inserted code (`neutral`).
        silent_hits: missed expectations that an unposted finding meets.
        silent_right, silent_wrong: what was found but not posted, by rule: right, or false.
    """

    case: Case
    hits: tuple[Finding | None, ...]
    repeated: tuple[Finding, ...] = ()
    false: tuple[Finding, ...] = ()
    neutral: tuple[Finding, ...] = ()
    silent_hits: int = 0
    silent_right: Mapping[str, int] = field(default_factory=dict)
    silent_wrong: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cost: float = 0.0
    degraded: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        return sum(one is not None for one in self.hits)


def meets(finding: Finding, expected: Expected) -> bool:
    """Path equal, lines within NEAR of one of the places, a specialist that may say it, a family that is asked for."""
    if finding.agent not in expected.agents:
        return False
    if expected.families and not expected.families & families_of(finding):
        return False
    return any(
        finding.path == place.path and finding.line <= place.last + NEAR and finding.end_line >= place.first - NEAR
        for place in expected.places
    )


def match(
    case: Case,
    posted: Sequence[Finding],
    unposted: Iterable[Finding] = (),
    *,
    seconds: float = 0.0,
    cost: float = 0.0,
    degraded: Sequence[str] = (),
) -> Outcome:
    """Each posted finding meets at most one expectation, each expectation is met once; the order does not matter."""
    ordered = sorted(posted, key=lambda one: (one.path, one.line, one.end_line, one.rule))
    hits, used = _assign(case.expected, ordered)
    rest = [one for number, one in enumerate(ordered) if number not in used]
    repeated = tuple(one for one in rest if any(want.many and meets(one, want) for want in case.expected))
    rest = [one for one in rest if one not in repeated]
    neutral = tuple(one for one in rest if _is_neutral(case, one))
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    unposted = list(unposted)
    missed = [want for want, hit in zip(case.expected, hits, strict=True) if hit is None]
    silent_hits = sum(any(meets(one, want) for one in unposted) for want in missed)
    for one in unposted:
        if any(meets(one, want) for want in case.expected):
            right[one.rule] += 1
        elif not _is_neutral(case, one):
            wrong[one.rule] += 1
    false = tuple(one for one in rest if one not in neutral)
    return Outcome(case, hits, repeated, false, neutral, silent_hits, right, wrong, seconds, cost, tuple(degraded))


def _assign(expected: Sequence[Expected], findings: Sequence[Finding]) -> tuple[tuple[Finding | None, ...], set[int]]:
    """A largest matching (augmenting paths), so that a broad finding does not take the place of a precise one."""
    owner: dict[int, int] = {}  # finding -> expectation

    def place(want: int, tried: set[int]) -> bool:
        for number, finding in enumerate(findings):
            if number not in tried and meets(finding, expected[want]):
                tried.add(number)
                if number not in owner or place(owner[number], tried):
                    owner[number] = want
                    return True
        return False

    for want in range(len(expected)):
        place(want, set())
    by_expectation = {want: number for number, want in owner.items()}
    hits = tuple(findings[by_expectation[want]] if want in by_expectation else None for want in range(len(expected)))
    return hits, set(owner)


def _is_neutral(case: Case, finding: Finding) -> bool:
    return finding.agent in BYSTANDERS and any(
        finding.path == place.path and place.first <= finding.line <= place.last for place in case.inserted
    )
