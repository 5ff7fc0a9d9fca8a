"""A review as one page: no scripts, no links, nothing loaded; every text escaped by the template engine."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.agents.types import Finding, Review, Status

from .code_view import masked_lines, rows_around
from .escape import visible
from .text import counts, plain_text

if TYPE_CHECKING:
    from jinja2 import Template

_LEFT, _WIDTH, _ROW = 130, 560, 26  # of the timeline, in user units


def html_of(review: Review) -> str:
    """The page as text. Opens from a file; a policy in it forbids scripts, forms and every outside resource."""
    masked = masked_lines(review)
    comments = [
        {
            "path": visible(comment.path, 300),
            "line": comment.line,
            "rows": rows_around(review.change, comment.findings[0], masked.get(comment.path, frozenset())),
            "findings": [_finding(one) for one in comment.findings],
        }
        for comment in review.comments
        if comment.findings
    ]
    left_out = [
        {"reason": visible(reason), "counts": counts(left), "findings": [_finding(one) for one in left[:200]]}
        for reason, left in sorted(review.left_out.items())
        if left
    ]
    return _template().render(
        title=visible(review.change.title, 200) or "Review",
        change=review.change,
        plan=review.plan,
        repository=visible(review.change.repository),
        head=visible(review.change.head, 40),
        event=review.event.replace("_", " ").lower(),
        counts=counts(review.findings),
        headline=visible(review.headline, 300),
        comments=comments,
        left_out=left_out,
        steps=[(one.agent.value, len(one.files), visible(one.reason, 200)) for one in review.plan.steps],
        reports=[_report(one) for one in review.reports],
        notes=[visible(note, 400) for note in dict.fromkeys((*review.notes, *review.change.problems))],
        unread=[(visible(path, 200), visible(why)) for path, why in sorted(review.plan.unread.items())][:200],
        skip=visible(review.plan.skip, 300),
        bars=_bars(review),
        ticks=_ticks(review),
        cost=review.cost,
        seconds=review.seconds,
    )


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.jinja")


def _finding(finding: Finding) -> dict[str, Any]:
    title, why, mend = plain_text(finding)
    return {
        "severity": finding.severity.word,
        "title": title,
        "why": why,
        "mend": mend,
        "rule": finding.rule,
        "agent": finding.agent.value,
        "tool": visible(finding.tool, 60),
        "fingerprint": finding.fingerprint,
        "path": visible(finding.path, 200),
        "line": finding.line,
    }


def _report(report: Any) -> dict[str, Any]:
    return {
        "agent": report.agent.value,
        "status": report.status.value,
        "kind": {Status.OK: "ok", Status.SKIPPED: "skipped"}.get(report.status, "degraded"),
        "reason": visible(report.reason, 300),
        "found": len(report.findings),
        "seconds": max(0.0, report.ended - report.begun),
        "cost": report.cost,
        "calls": report.calls,
        "tokens": report.input_tokens + report.output_tokens,
    }


def _span(review: Review) -> float:
    return max([review.seconds, *(one.ended for one in review.reports), 1e-3])


def _bars(review: Review) -> list[dict[str, Any]]:
    scale = _WIDTH / _span(review)
    return [
        {
            "agent": one.agent.value,
            "y": 8 + number * _ROW,
            "x": round(_LEFT + max(0.0, one.begun) * scale, 1),
            "width": round(max(2.0, (one.ended - one.begun) * scale), 1),
            "kind": _report(one)["kind"],
            "said": f"{max(0.0, one.ended - one.begun):.2f} s",
        }
        for number, one in enumerate(review.reports)
    ]


def _ticks(review: Review) -> list[tuple[float, str]]:
    span = _span(review)
    return [(round(_LEFT + _WIDTH * part / 4, 1), f"{span * part / 4:.2g} s") for part in range(5)]
