"""Plots of a bill as SVG text to stand inside a page. Names are drawn as they are, never read as formulas."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbook.figures import style

if TYPE_CHECKING:
    from reference.sizing.bill.plan import Plan
    from reference.sizing.bill.statement import Total

_BARS = 10
_LABEL = 32


def _svg(figure: Any, plt: Any, salt: str) -> str:
    text = io.StringIO()
    with plt.rc_context({"svg.hashsalt": salt}):  # the same bill makes the same page
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    plt.close(figure)
    _, _, drawn = text.getvalue().partition("<svg")
    return "<svg" + drawn


def _short(name: str) -> str:
    return name if len(name) <= _LABEL else name[: _LABEL - 1] + "…"


def _literal(plt: Any) -> Any:
    return plt.rc_context({"text.parse_math": False, "axes.unicode_minus": False})


def cost_by(totals: Sequence[Total], what: str) -> str:
    """Bars of dollars: plain input, cached input, output; the dearest first, the others together."""
    from workbook.bill.terminal import dollars

    shown = list(totals[:_BARS])
    rest = totals[_BARS:]
    names = [_short(one.name) for one in shown]
    parts = [(one.dollars.input, one.dollars.cached, one.dollars.output) for one in shown]
    if rest:
        names.append(f"{len(rest)} more")
        parts.append(
            (
                sum(one.dollars.input for one in rest),
                sum(one.dollars.cached for one in rest),
                sum(one.dollars.output for one in rest),
            )
        )
    with style.styled() as plt, _literal(plt):
        figure, ax = plt.subplots(figsize=(8, 0.9 + 0.32 * len(names)))
        places = range(len(names))
        left = [0.0] * len(names)
        for index, (label, colour) in enumerate(
            (("input", style.BLUE), ("cached input", style.GREEN), ("output", style.AMBER))
        ):
            widths = [part[index] for part in parts]
            ax.barh(places, widths, left=left, color=colour, label=label, height=0.62)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        for place, total in zip(places, left, strict=True):
            ax.annotate(f" {dollars(total)}", (total, place), va="center", fontsize=8, color=style.INK)
        ax.set_yticks(list(places), names)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_xlabel("dollars")
        ax.set_title(f"Cost by {what}")
        ax.margins(x=0.12)
        ax.legend(loc="lower right", fontsize=8)
        return _svg(figure, plt, f"cost-{what}")


def waterfall(plan: Plan) -> str:
    """The bill before, each step's saving in the plan's order with its 5 to 95 % range, the bill after."""
    from workbook.bill.terminal import dollars

    steps = [step for step in plan.steps if not step.refused]
    with style.styled() as plt, _literal(plt):
        figure, ax = plt.subplots(figsize=(8, 3.6))
        ax.bar(0, plan.before, color=style.GREY, width=0.62)
        ax.annotate(dollars(plan.before), (0, plan.before), ha="center", va="bottom", fontsize=8)
        level = plan.before
        for place, step in enumerate(steps, 1):
            ax.bar(place, step.saving, bottom=level - step.saving, color=style.GREEN, width=0.62)
            middle = level - step.saving
            ax.vlines(place, level - step.high, level - step.low, color=style.INK, linewidth=1.2)
            ax.annotate(f"-{dollars(step.saving)}", (place, level), ha="center", va="bottom", fontsize=8)
            level = middle
        ax.bar(len(steps) + 1, plan.after, color=style.BLUE, width=0.62)
        ax.annotate(dollars(plan.after), (len(steps) + 1, plan.after), ha="center", va="bottom", fontsize=8)
        names = ["now", *(step.title for step in steps), "then"]
        ax.set_xticks(range(len(names)), names, rotation=18, ha="right")
        ax.grid(axis="x", visible=False)
        ax.set_ylabel("dollars a month")
        ax.set_title("What each step leaves of the bill; lines: 5 to 95 % of its saving")
        return _svg(figure, plt, "waterfall")


def shares(plan: Plan) -> str:
    """Alone, on average over all orders (Shapley), and last: why savings do not add up."""
    steps = [step for step in plan.steps if not step.refused]
    with style.styled() as plt, _literal(plt):
        figure, ax = plt.subplots(figsize=(8, 0.9 + 0.45 * max(1, len(steps))))
        for place, step in enumerate(steps):
            ax.hlines(place, step.least, step.most, color=style.LIGHT, linewidth=6)
            ax.plot(step.alone, place, "o", color=style.AMBER, label="alone" if not place else None)
            ax.plot(step.shapley, place, "D", color=style.GREEN, label="mean of all orders" if not place else None)
            ax.plot(step.last, place, "o", color=style.BLUE, label="after all others" if not place else None)
        ax.set_yticks(range(len(steps)), [step.title for step in steps])
        ax.set_ylim(len(steps) - 0.5, -0.5)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel("dollars a month saved")
        ax.set_title("A saving depends on what was done before it")
        if steps:
            ax.legend(fontsize=8)
        return _svg(figure, plt, "shares")
