"""Question 1, sizing: claims, the day's traffic, GPU memory, what moves the cost."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from workbook.figures.style import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    INK,
    LIGHT,
    PURPLE,
    RED,
    VERDICT_COLOURS,
    close,
    note,
    styled,
)


class Html(str):
    """Markup that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return self


def claims_table(claims: Iterable[Any]) -> Html:
    """Claims with verdict and reason, in the order of the source."""
    rows = []
    for c in claims:
        colour = VERDICT_COLOURS[str(c.verdict)]
        implied = " <i>(implied)</i>" if c.implied else ""
        rows.append(
            f"<tr id='claim-{html.escape(c.id)}'><td style='text-align:left'>{html.escape(c.statement)}{implied}</td>"
            f"<td style='text-align:right;white-space:nowrap'>{html.escape(c.stated_text)}</td>"
            f"<td style='text-align:right;white-space:nowrap'><b>{html.escape(c.computed_text)}</b></td>"
            f"<td style='text-align:left;white-space:nowrap;color:{colour}'><b>{html.escape(str(c.verdict))}</b></td>"
            f"<td style='text-align:left;color:{INK}'>{html.escape(c.reason)}</td>"
            f"<td>{c.evidence.badge_html()}</td></tr>"
        )
    head = "".join(
        f"<th style='text-align:{side}'>{name}</th>"
        for name, side in (("the source says", "left"), ("stated", "right"), ("computed", "right"), ("verdict", "left"),
                           ("why", "left"), ("", "left"))
    )  # fmt: skip
    return Html(f"<table style='font-size:90%'><tr>{head}</tr>{''.join(rows)}</table>")


def verdict_counts(claims: Sequence[Any]) -> str:
    counts = {verdict: sum(str(c.verdict) == verdict for c in claims) for verdict in VERDICT_COLOURS}
    return ", ".join(f"{count} {verdict.replace('-', ' ')}" for verdict, count in counts.items()) + f" of {len(claims)}"


def demand_against_fleet(average: float, busy: float, peak: float, trough: float, stated_fleet: float,
                         busy_hours: float) -> Any:  # fmt: skip
    """Requests per minute over a day (two levels and the bursts on top) against what the stated fleet carries."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8, 3.2))
        start = 9.0
        hours = [0, start, start, start + busy_hours, start + busy_hours, 24]
        burst = peak / busy
        ax.plot(hours, [trough, trough, busy, busy, trough, trough], color=BLUE, label="mean of the hour")
        ax.fill_between(hours, [trough, trough, busy, busy, trough, trough],
                        [v * burst for v in (trough, trough, busy, busy, trough, trough)],
                        color=BLUE, alpha=0.18, label=f"bursts, busiest minute {burst:.2f}x", linewidth=0)  # fmt: skip
        ax.axhline(average, color=GREY, linestyle=":", label="mean of the day")
        ax.axhline(stated_fleet, color=RED, linestyle="--", label="the stated fleet at its stated rate")
        note(ax, f"it carries {stated_fleet:,.0f} a minute,\nthe busiest minute brings {peak:,.0f}",
             (start + busy_hours / 2, stated_fleet), (-40, -46), RED)  # fmt: skip
        ax.set(xlim=(0, 24), ylim=(0, peak * 1.15), xlabel="hour of the day", ylabel="requests per minute",
               title="The stated fleet against a day of traffic")  # fmt: skip
        ax.set_xticks(range(0, 25, 3))
        ax.legend(loc="upper left", fontsize=8)
        return close(figure)


_PARTS = {"weights": BLUE, "activations and graphs": PURPLE, "KV pool": GREEN, "not used by the engine": LIGHT}


def memory_stack(plans: Sequence[tuple[str, Any]], context_tokens: float) -> Any:
    """Stacked bars of GPU memory, GB, with how many sequences of `context_tokens` the KV pool holds."""
    from reference.sizing import Q, magnitude

    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8, 0.62 * len(plans) + 1.5))
        for row, (_, plan) in enumerate(plans):
            left = 0.0
            for name, size in plan.stack():
                width = magnitude(size, "GB")
                ax.barh(row, width, left=left, color=_PARTS[name], label=name if row == 0 else None, height=0.62)
                if width > 0.07 * magnitude(plan.memory, "GB"):
                    ax.text(left + width / 2, row, f"{width:.0f}", ha="center", va="center", fontsize=8,
                            color="white" if name != "not used by the engine" else GREY)  # fmt: skip
                left += width
            count = plan.sequences(Q(context_tokens, "token/request"))
            ax.text(left, row, f"  {count} x {context_tokens:,.0f} tokens", va="center", fontsize=8.5,
                    color=RED if count < 8 else INK)  # fmt: skip
        ax.set_yticks(range(len(plans)), [label for label, _ in plans])
        ax.invert_yaxis()
        most = max(magnitude(plan.memory, "GB") for _, plan in plans)
        ax.set(xlim=(0, most * 1.25), xlabel="GPU memory of one instance, GB",
               title="Fitting the weights is not serving: what is left holds the conversations")  # fmt: skip
        ax.grid(axis="y", visible=False)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.32 if len(plans) < 4 else -0.2), ncols=4, fontsize=8)
        return close(figure)


def tornado_plot(result: Any, unit: str = "thousand dollars a month", scale: float = 1e-3) -> Any:
    """One bar per assumption, widest on top; labels say at which value each end is reached."""
    rows = result.rows()
    base = getattr(result.base, "magnitude", result.base) * scale
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8, 0.42 * len(rows) + 1.3))
        for number, row in enumerate(rows):
            for end, colour in (("low", BLUE), ("high", AMBER)):
                value = row[f"result_at_{end}"] * scale
                ax.barh(number, value - base, left=base, color=colour, height=0.62)
                right = value >= base
                ax.text(value, number, f" {row[end]} ", fontsize=7.5, va="center", ha="left" if right else "right",
                        color=INK)  # fmt: skip
        ax.axvline(base, color=INK, linewidth=1)
        ax.set_yticks(range(len(rows)), [row["assumption"].replace("_", " ") for row in rows])
        ax.invert_yaxis()
        ends = [row[f"result_at_{end}"] * scale for row in rows for end in ("low", "high")]
        span = max(ends) - min(ends)
        ax.set(xlim=(min(ends) - 0.3 * span, max(ends) + 0.22 * span), xlabel=unit,
               title=f"What moves the cost (base {base:,.0f}): widest first")  # fmt: skip
        ax.grid(axis="y", visible=False)
        return close(figure)


def speedup_curve(batches: Sequence[float], derived: Sequence[float], busy_batch: float | None = None,
                  measured: Sequence[tuple[float, float]] = ()) -> Any:  # fmt: skip
    """Speed-up of speculative decoding against batch; a line at 1, below which it costs instead of gaining."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6, 3))
        ax.plot(batches, derived, color=BLUE, label="70B with 7B draft, 2 x A100 (DERIVED)")
        if measured:
            ax.plot(*zip(*measured, strict=True), "o", color=GREEN, label="this machine's pair (MEASURED)")
        ax.axhline(1, color=GREY, linewidth=1)
        if busy_batch:
            ax.axvline(busy_batch, color=RED, linestyle="--", linewidth=1)
            note(ax, "batch at the stated load", (busy_batch, 1.2), (-110, 20), RED)
        ax.set_xscale("log", base=2)
        ax.set(xlabel="sequences decoded together (batch)", ylabel="speed-up, x", ylim=(0, None),
               title="A draft gains while a step waits for memory")  # fmt: skip
        ax.legend(fontsize=8)
        return close(figure)
