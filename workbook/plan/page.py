"""A plan as a table of HTML: in notebooks, and as a page without scripts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference.sizing.fleet.plan.make import Plan

_COLOURS = {"feasible": "#2f855a", "over budget": "#b7791f", "failed": "#c53030"}
_OUT = 6
_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Plan of a fleet</title>'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<style>body{font:14px sans-serif;max-width:75em;margin:2em auto}table{border-collapse:collapse}"
    "td,th{padding:.2em .6em;border-bottom:1px solid #d5dbe1;text-align:right}"
    "td:first-child,th:first-child{text-align:left}</style></head><body>"
)


def table_html(plan: Plan, out: int = _OUT) -> str:
    """Headline, designs, reasons of what is out (`out` of them), notes."""
    from workbook.plan.terminal import badge, dollars, headline, notes, pair

    columns = ("design", "", "replicas", "GPUs", "peak, $ a month", "autoscaled", "TTFT p50/p99 ms", "TPOT p50/p99 ms",
               "while it is gone", "evidence")  # fmt: skip
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = ""
    for row in plan.rows:
        if not row.regions:
            continue
        seen, drill = row.largest.window, row.largest.drill
        cells = (
            row.candidate.name,
            f"{row.replicas:,}",
            f"{row.gpus:,}",
            dollars(row.peak_usd),
            "-" if row.day is None else "misses" if row.day.fault else dollars(row.day.usd_month),
            pair(seen.ttft_p50, seen.ttft_p99) if seen else "-",
            pair(seen.tpot_p50, seen.tpot_p99, 1) if seen else "-",
            f"{drill.within:.1%}" if drill else "-",
            badge(row),
        )
        status = f"<td style='color:{_COLOURS[row.status]}'>{escape(row.status)}</td>"
        texts = [f"<td>{escape(cell)}</td>" for cell in cells]
        body += f"<tr title='{escape(row.reason, quote=True)}'>{texts[0]}{status}{''.join(texts[1:])}</tr>"
    absent = [row for row in plan.rows if not row.regions]
    reasons = "".join(f"<li>{escape(row.candidate.name)}: {escape(row.reason)}</li>" for row in absent[:out])
    more = f"<p>{len(absent) - out} more are out.</p>" if len(absent) > out else ""
    lines = "".join(f"<p>{escape(line)}</p>" for line in headline(plan))
    small = "".join(f"<p><small>{escape(line)}</small></p>" for line in notes(plan))
    table = f"<table><tr>{head}</tr>{body}</table>" if body else ""
    return f"{lines}{table}<ul>{reasons}</ul>{more}{small}"


def page(plan: Plan) -> str:
    """A whole page: no scripts, nothing loaded."""
    return f"{_HEAD}{table_html(plan, len(plan.rows))}</body></html>\n"
