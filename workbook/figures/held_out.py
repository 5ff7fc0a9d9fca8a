"""Predictions beside what was measured after them: the ratio of the two at every point, and a table for readers.

A table here is the dictionary that `reference.sizing.engine_model.errors.ErrorTable.to_dict` gives, read from a file.
"""

from __future__ import annotations

import datetime as dt
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from reference.sizing.evidence import Measured
from workbook.figures.style import BLUE, GREEN, GREY, INK, LIGHT, RED, close, styled

# Metric, words, and the error that was aimed at below saturation.
METRICS = (
    ("output_tok_s", "output tokens per second", 0.10),
    ("tpot_p50_ms", "TPOT median, ms", 0.10),
    ("ttft_p50_ms", "TTFT median, ms", 0.15),
    ("ttft_p99_ms", "TTFT p99, ms", 0.25),
)
COLOURS = (BLUE, GREEN, RED)
# Where benchmarks/held_out.py and benchmarks/held_out_gpu.py leave their tables.
RECORDED = {
    "CPU": "held_out_measured.json",
    "H100": "held_out_h100.json",
    "H100 fp8": "held_out_h100_fp8.json",
}


def median_error(table: Mapping[str, Any], metric: str, *, saturated: bool | None = False) -> float:
    """Median absolute relative error of the points that count; nan without any."""
    errors = sorted(abs(row["relative_error"]) for row in _counted(table, metric, saturated))
    return (errors[(len(errors) - 1) // 2] + errors[len(errors) // 2]) / 2 if errors else math.nan


def _counted(table: Mapping[str, Any], metric: str, saturated: bool | None) -> list[Mapping[str, Any]]:
    return [
        row
        for row in table["rows"]
        if row["metric"] == metric and not row["void"] and saturated in (None, row["saturated"])
    ]


def ladder(table: Mapping[str, Any], metric: str = "output_tok_s") -> dict[str, list[float]]:
    """users, predicted and measured of the largest closed-loop sweep of one request size in a table."""
    sizes: dict[str, list[Mapping[str, Any]]] = {}
    for row in _counted(table, metric, None):
        users, _, size = row["load"].partition(" users, ")
        if size and users.isdigit():
            sizes.setdefault(size, []).append(row)
    rows = max(sizes.values(), key=len, default=[])
    return {
        "users": [float(row["load"].split()[0]) for row in rows],
        "predicted": [row["predicted"] for row in rows],
        "measured": [row["measured"] for row in rows],
    }


def ratio_plot(tables: Mapping[str, Mapping[str, Any]]) -> Any:
    """Predicted over measured, one panel per metric; full markers below saturation, hollow above; bars: the interval.

    The band is the error that was aimed at.
    """
    with styled() as plt:
        figure, axes = plt.subplots(1, len(METRICS), figsize=(12.5, 3.6))
        for ax, (metric, words, aim) in zip(axes, METRICS, strict=True):
            ax.axhspan(1 / (1 + aim), 1 + aim, color=LIGHT, alpha=0.6, linewidth=0)
            ax.axhline(1, color=GREY, linewidth=1)
            said = []
            for (name, table), colour in zip(tables.items(), COLOURS, strict=False):
                for row in _counted(table, metric, None):
                    ratio = row["predicted"] / row["measured"]
                    bars = [[ratio - row["low"] / row["measured"]], [row["high"] / row["measured"] - ratio]]
                    ax.errorbar(row["measured"], ratio, yerr=bars, fmt="o", color=colour, elinewidth=0.7, markersize=5,
                                markerfacecolor="white" if row["saturated"] else colour)  # fmt: skip
                said.append(f"{name} {median_error(table, metric):.0%}")
            ax.set(xscale="log", yscale="log", xlabel=f"measured {words}")
            low, high = ax.get_ylim()
            ax.set_ylim(min(low, 0.5), max(high, 2.0))
            ticks = [t for t in (0.25, 0.5, 0.8, 1, 1.25, 2, 4) if ax.get_ylim()[0] <= t <= ax.get_ylim()[1]]
            ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
            ax.minorticks_off()
            ax.set_title("median error\n" + ", ".join(said))
        axes[0].set_ylabel("predicted / measured")
        for (name, _), colour in zip(tables.items(), COLOURS, strict=False):
            axes[0].plot([], [], "o", color=colour, label=name)
        axes[0].plot([], [], "o", color=INK, markerfacecolor="white", label="saturated")
        axes[0].legend(fontsize=7, loc="lower left")
        return close(figure)


def evidence_of(stored: Mapping[str, Any]) -> Measured:
    """Where a stored table's measurements come from."""
    machine = stored["machine"]
    if not isinstance(machine, str):
        machine = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB"
    points = {row["load"] for row in stored["table"]["rows"]}
    return Measured(
        machine, stored["versions"], stored["command"], len(points), f"{len(points)} loads, one run each",
        dt.date.fromisoformat(stored["date"]),
    )  # fmt: skip


def held_out_table(stored: Mapping[str, Any]) -> Any:
    """Every point with every metric, predicted / measured (error); errors beyond the aim in red. For a notebook."""
    from IPython.display import HTML

    table, badge = stored["table"], evidence_of(stored)._repr_html_()

    loads = list(dict.fromkeys(row["load"] for row in table["rows"]))
    by = {(row["load"], row["metric"]): row for row in table["rows"]}
    head = "".join(f"<th>{words}</th>" for _, words, _ in METRICS)
    body = []
    for load in loads:
        cells = []
        for metric, _, aim in METRICS:
            row = by.get((load, metric))
            cells.append(_cell(row, aim) if row else "<td></td>")
        first = by[load, METRICS[0][0]]
        remark = first["void"] or ("saturated" if first["saturated"] else "")
        remark = "; ".join([part for part in (remark, *first["outside"]) if part])
        body.append(f"<tr><td style='text-align:left'>{html.escape(load)}</td>{''.join(cells)}"
                    f"<td style='text-align:left'>{html.escape(remark)}</td></tr>")  # fmt: skip
    medians = "".join(
        f"<td><b>{median_error(table, metric):.1%}</b> / {_or_dash(median_error(table, metric, saturated=True))}</td>"
        for metric, _, _ in METRICS
    )
    foot = f"<tr><td style='text-align:left'><b>median error</b>, below / above saturation</td>{medians}<td></td></tr>"
    knee = table.get("knee")
    tail = f" Knee predicted at {knee[0]:g}, measured at {knee[1]:g} users." if knee else ""
    return HTML(
        f"{badge}<table style='font-size:85%'><caption style='text-align:left'>predicted / measured (error).{tail}"
        f"</caption><tr><th>load</th>{head}<th></th></tr>{''.join(body)}{foot}</table>"
    )


def _cell(row: Mapping[str, Any], aim: float) -> str:
    error = row["relative_error"]
    style = f" style='color:{RED}'" if abs(error) > aim and not row["saturated"] and not row["void"] else ""
    return f"<td{style}>{row['predicted']:.4g} / {row['measured']:.4g} ({error:+.0%})</td>"


def _or_dash(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "none"


def chain_table(rows: Sequence[Mapping[str, Any]], loads: Sequence[str] | None = None) -> Any:
    """One load, four ways to know it: formula, queue, simulation, engine; each with its distance from the engine.

    rows: load, metric, unit, formula, queueing, simulation, engine (numbers, or None where a way has no answer).
    loads: those to show; all if none is named.
    """
    from IPython.display import HTML

    ways = ("formula", "queueing", "simulation")
    body = []
    for row in [row for row in rows if loads is None or row["load"] in loads]:
        cells = []
        for way in ways:
            value = row.get(way)
            if value is None:
                cells.append("<td>no answer</td>")
                continue
            far = value / row["engine"] - 1
            style = f" style='color:{RED}'" if abs(far) > 0.25 else ""
            cells.append(f"<td{style}>{value:,.4g} ({far:+.0%})</td>")
        what = f"{row['metric']}, {row['unit']}"
        left = "".join(f"<td style='text-align:left'>{html.escape(text)}</td>" for text in (row["load"], what))
        body.append(f"<tr>{left}{''.join(cells)}<td>{row['engine']:,.4g}</td></tr>")
    head = "".join(f"<th>{name}</th>" for name in ("load", "", "formula", "queueing", "simulation", "engine"))
    return HTML(f"<table style='font-size:85%'><tr>{head}</tr>{''.join(body)}</table>")
