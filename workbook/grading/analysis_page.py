"""analysis.html: the analysis as a page, bars as inline SVG."""

from __future__ import annotations

from markupsafe import Markup

from exercises.catalogue import exercise
from workbook.grading.analytics import Analysis, Discrimination
from workbook.grading.csv_files import points
from workbook.grading.pages import render
from workbook.grading.text import clean
from workbook.grading.types import Assignment

_BINS = 10


def analysis_page(assignment: Assignment, analysis: Analysis) -> str:
    """The page as HTML."""
    return render(
        "analysis.html",
        assignment=clean(assignment.name, 200),
        analysis=analysis,
        rows=[
            {
                "item": one,
                "title": exercise(one.exercise).title,
                "bar": _bar(one.difficulty),
                "discrimination": _said(one.discrimination),
            }
            for one in analysis.items
        ],
        slips=[one for one in analysis.items if not one.part and one.slips],
        histogram=_histogram(analysis),
    )


def _said(found: Discrimination) -> str:
    if found.r is None:
        return found.why
    return f"{found.r:.2f} ({found.low:.2f} to {found.high:.2f})"


def _bar(share: float | None) -> Markup:
    """How much of the points was earned; the number stands beside it, so it is hidden from readers who hear it."""
    width = round(100 * (share or 0.0), 1)
    return Markup(
        '<svg viewBox="0 0 100 10" width="100" height="10" aria-hidden="true">'
        '<rect width="100" height="10" rx="2" fill="var(--line)"/>'
        f'<rect width="{width}" height="10" rx="2" fill="var(--bar)"/></svg>'
    )


def histogram(analysis: Analysis) -> list[int]:
    """Students by tenth of the points; all points fall into the last."""
    counts = [0] * _BINS
    for total in analysis.totals:
        counts[min(_BINS - 1, int(_BINS * total / analysis.of + 1e-9))] += 1
    return counts


def _histogram(analysis: Analysis) -> Markup:
    if not analysis.totals or not analysis.of:
        return Markup("")
    counts = histogram(analysis)
    top, bars = max(counts), []
    for number, count in enumerate(counts):
        height = 80 * count / top
        x = 10 + number * 38
        bars.append(f'<rect x="{x}" y="{100 - height:.1f}" width="34" height="{height:.1f}" fill="var(--bar)"/>')
        if count:
            bars.append(f'<text x="{x + 17}" y="{95 - height:.1f}" text-anchor="middle">{count}</text>')
        bars.append(f'<text x="{x}" y="115">{points(analysis.of * number / _BINS)}</text>')
    said = ", ".join(str(count) for count in counts)
    return Markup(
        f'<svg viewBox="0 0 400 120" role="img" aria-label="Students by tenth of the points: {said}" '
        f'font-size="11" fill="currentColor">{"".join(bars)}</svg>'
    )
