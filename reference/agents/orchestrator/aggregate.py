"""Many findings to one review: changed lines only, one comment a fault, worst first, no more than people read."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from reference.agents.rules import registry, rule
from reference.agents.types import AgentReport, Change, Comment, Finding, Severity

HARD_CAP = 30  # of critical comments: past that the summary counts them

OUTSIDE = "outside the change"
UNKNOWN = "no such rule or file, or no value for its text"
DOUBLE = "said by another finding"
REPORT_ONLY = "report only"
MUTED = "muted: nobody acted on it here"
MINOR = "below the severity asked for"
POSTED_BEFORE = "posted before"
OVER_CAP = "over the cap"


@dataclasses.dataclass(frozen=True, slots=True)
class Aggregated:
    comments: tuple[Comment, ...]
    left_out: Mapping[str, tuple[Finding, ...]]
    event: str


def aggregate(
    change: Change,
    reports: Sequence[AgentReport],
    *,
    cap: int = 10,
    minimum: Severity = Severity.WARNING,
    muted: frozenset[str] = frozenset(),
    posted_before: Collection[str] = (),
) -> Aggregated:
    """The comments to post. The same for any order of the reports and of the findings in them.

    Args:
        cap: comments at most; critical ones are posted beyond it, up to HARD_CAP.
        minimum: lowest severity that is posted inline.
        muted: rules that this repository does not want; never applies to a critical finding.
        posted_before: fingerprints of earlier reviews of the same pull request, one for each time it was posted: the
            same line twice in a file has one fingerprint twice. A critical finding among them still requests changes.
    """
    left: dict[str, list[Finding]] = defaultdict(list)
    kept: list[Finding] = []
    said = Counter(posted_before)
    for finding in sorted((one for report in reports for one in report.findings), key=_place):
        anchored = _anchored(change, finding)
        critical = finding.severity is Severity.CRITICAL
        entry = registry().get(finding.rule)
        if entry is None or entry.fields - finding.values.keys() or change.file(finding.path) is None:
            left[UNKNOWN].append(finding)
        elif anchored is None:
            left[OUTSIDE].append(finding)
        elif not rule(finding.rule).posted:
            left[REPORT_ONLY].append(anchored)
        elif finding.rule in muted and not critical:
            left[MUTED].append(anchored)
        elif finding.severity < minimum:
            left[MINOR].append(anchored)
        else:
            kept.append(anchored)
    single, doubles = _told_apart(kept)
    left[DOUBLE] += doubles
    fresh: list[Finding] = []
    for finding in single:
        before = said[finding.fingerprint] > 0
        said[finding.fingerprint] -= before
        (left[POSTED_BEFORE] if before else fresh).append(finding)
    posted, over = _capped(sorted(_grouped(fresh), key=_rank), cap)
    left[OVER_CAP] += [one for group in over for one in group]
    comments = tuple(_comment(group) for group in posted)
    standing = [*(one.severity for one in comments), *(one.severity for one in (*left[POSTED_BEFORE], *left[OVER_CAP]))]
    event = "REQUEST_CHANGES" if Severity.CRITICAL in standing else "COMMENT"
    return Aggregated(comments, {name: tuple(found) for name, found in sorted(left.items()) if found}, event)


def _place(finding: Finding) -> tuple[object, ...]:
    return (finding.path, finding.line, finding.end_line, finding.rule, -finding.severity, finding.evidence,
            sorted(finding.values.items()), finding.tool, finding.agent, -finding.confidence)  # fmt: skip


def _anchored(change: Change, finding: Finding) -> Finding | None:
    """On a line that a comment may name: its own, or the first touched one of its range; None if it touches none."""
    from reference.agents.diff.lines import touched

    file = change.file(finding.path)
    if file is None:
        return None
    lines = touched(file) & file.commentable
    if finding.line in lines:
        # a comment may not reach over the end of its hunk
        hunk = next(one for one in file.hunks if any(line.new == finding.line for line in one.lines))
        last = max(line.new for line in hunk.lines if line.new is not None)
        return dataclasses.replace(finding, end_line=max(finding.line, min(finding.end_line, last)))
    inside = sorted(line for line in lines if finding.line <= line <= finding.end_line)
    return dataclasses.replace(finding, line=inside[0], end_line=inside[0]) if inside else None


@functools.cache
def _equivalents() -> Mapping[str, str]:
    groups = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text(encoding="utf-8"))["groups"]
    return {one: group[0] for group in groups for one in group}


def _meaning(finding: Finding) -> str:
    """What the finding says, whoever says it: its group, else its CWE, else its rule."""
    group = _equivalents().get(finding.rule)
    cwe = rule(finding.rule).cwe
    return group or (f"cwe-{cwe}" if cwe else finding.rule)


def _told_apart(findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """(findings, worst first; those that say what one of them says): same meaning on overlapping lines."""
    single: list[Finding] = []
    doubles: list[Finding] = []
    for finding in sorted(findings, key=lambda one: (-one.severity, -one.confidence, _place(one))):
        same = any(
            one.path == finding.path and one.line <= finding.end_line and finding.line <= one.end_line
            and _meaning(one) == _meaning(finding)
            for one in single
        )  # fmt: skip
        (doubles if same else single).append(finding)
    return single, doubles


def _grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Groups that become one comment each, led by their first: different meanings on one line, or one rule on several
    lines of a file."""
    groups: dict[tuple[str, object], list[Finding]] = {}
    by_rule: dict[tuple[str, str], tuple[str, object]] = {}
    for finding in findings:
        here: tuple[str, object] = (finding.path, finding.line)
        key = here if here in groups else by_rule.get((finding.path, finding.rule), here)
        groups.setdefault(key, []).append(finding)
        by_rule.setdefault((finding.path, finding.rule), key)
    return list(groups.values())


def _rank(group: Sequence[Finding]) -> tuple[object, ...]:
    lead = group[0]
    return (-lead.severity, -lead.confidence, lead.path, lead.line, lead.rule)


def _capped(groups: Sequence[list[Finding]], cap: int) -> tuple[list[list[Finding]], list[list[Finding]]]:
    posted: list[list[Finding]] = []
    over: list[list[Finding]] = []
    for group in groups:
        room = HARD_CAP if group[0].severity is Severity.CRITICAL else cap
        (posted if len(posted) < room else over).append(group)
    return posted, over


def _comment(group: Sequence[Finding]) -> Comment:
    from reference.agents.publish.text import comment_body

    lead = group[0]
    start = lead.line if lead.end_line > lead.line else None
    return Comment(
        path=lead.path,
        line=lead.end_line,
        body=comment_body(group),
        severity=lead.severity,
        findings=tuple(group),
        start_line=start,
    )
