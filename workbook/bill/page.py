"""The bill as one page: no scripts, no links, nothing loaded; every text escaped by the template engine."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

    from reference.sizing.bill.plan import Plan
    from workbook.bill.reading import Reading

_ROWS = 25  # of a table


def html_of(reading: Reading, plan: Plan | None) -> str:
    """The page as text. A policy in it forbids scripts, forms and every outside resource."""
    from markupsafe import Markup

    from workbook.bill import charts
    from workbook.bill.as_json import prices_of, stated_of, unpriced_of
    from workbook.bill.terminal import headline, notes, plan_headline

    bill = reading.bill
    groups = [(name, bill.by(name)) for name in ("model", "tenant", "feature", "batch")]
    shown = [(name, totals) for name, totals in groups if name == "model" or len(totals) > 1]
    drawn = [(name, totals) for name, totals in shown if name in ("model", "feature") and bill.total.dollars.total]
    return _template().render(
        reading=reading,
        bill=bill,
        headline=headline(reading),
        notes=notes(reading),
        # The SVG is matplotlib's own: names of the export are in it as outlines, and escaped in its comments.
        charts=[Markup(charts.cost_by(totals, name)) for name, totals in drawn],
        groups=[(name, totals[:_ROWS], max(0, len(totals) - _ROWS)) for name, totals in shown if bill.lines],
        prices=prices_of(bill),
        sources=sorted({row["source"].split(",")[0] for row in prices_of(bill)}),
        unpriced=unpriced_of(bill)[:_ROWS],
        stated=stated_of(bill),
        plan=plan,
        plan_headline=plan_headline(plan) if plan else "",
        plan_charts=[Markup(charts.waterfall(plan)), Markup(charts.shares(plan))] if plan else [],
        assumptions=plan.to_dict()["assumptions"] if plan else [],
    )


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from workbook.bill.terminal import count, dollars

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(dollars=dollars, count=count, share=_share, figure=_figure)
    return environment.get_template("bill.html")


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _figure(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, int | float) else str(value)
