"""Figures of question 5, running: dollars and quality of the replayed strategies, tokens against quality of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, RED, close, note, styled

LEVELS = (126, 119, 112, 105)  # of names, % of the quality axis
VERDICTS = {"accepted": GREEN, "not shown": AMBER, "refused": RED}
NAMES = {
    "baseline": "as it is", "routing": "routing", "caching": "caching", "prompts": "short prompts",
    "batch": "batch API", "embeddings": "own embeddings", "small_model": "own small model",
}  # fmt: skip


def _money(usd: float) -> str:
    # Two dollar signs in one text would make matplotlib set what is between them as mathematics.
    return f"{'-' if usd < 0 else ''}\\${abs(usd) / 1e3:,.0f}K"


def ladder(rows: Sequence[Mapping[str, Any]], max_loss: float, volume: str) -> Any:
    """Rows of `savings.rows`: the bill as the strategies are added, what each saves alone, and the quality beside it.

    max_loss: share that may be lost, drawn from the baseline's quality. volume: what the dollars are for, in words.
    """
    base = next(row for row in rows if row["kind"] == "baseline")
    steps = [row for row in rows if row["kind"] == "sequence"]
    alone = {row["strategy"]: row for row in rows if row["kind"] == "alone"}
    shown = [base, *steps]
    summed, together = sum(row["saving"] for row in alone.values()), base["USD a month"] - steps[-1]["USD a month"]
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 3.7), sharey=True, width_ratios=(1.7, 1))
        places = list(range(len(shown)))[::-1]
        before = base["USD a month"]
        for place, row in zip(places, shown, strict=True):
            usd = row["USD a month"]
            left.barh(place, usd, color=GREY if row is base else BLUE, height=0.62)
            if row is not base:
                own = alone[row["strategy"]]["saving"]
                fall, colour = before - usd, LIGHT if before >= usd else RED
                left.barh(place, abs(fall), left=min(usd, before), color=colour, height=0.62)
                said = f"{_money(usd)}; saves {_money(fall)} here, {_money(own)} alone"
            else:
                said = _money(usd)
            left.annotate(said, (max(usd, before), place), xytext=(5, 0), textcoords="offset points", va="center",
                          fontsize=8)  # fmt: skip
            before = usd
        left.set(xlim=(0, 1.95 * base["USD a month"]), yticks=places, xlabel=f"USD a month at list prices, {volume}",
                 yticklabels=[("" if row is base else "+ ") + NAMES[row["strategy"]] for row in shown],
                 title=f"Alone they save {_money(summed)} in all, one after the other {_money(together)}")  # fmt: skip
        ticks = [tick for tick in left.get_xticks() if tick <= 1.05 * base["USD a month"]]
        left.set_xticks(ticks, [_money(tick) for tick in ticks])
        left.grid(axis="y", visible=False)
        for place, row in zip(places, shown, strict=True):
            for shift, one, marker in ((0.14, row, "o"), (-0.14, alone.get(row["strategy"]), "s")):
                if one is not None:
                    colour = VERDICTS[one["verdict"]]
                    right.plot([100 * one["low"], 100 * one["high"]], [place + shift] * 2, color=colour, linewidth=1.2)
                    right.plot(100 * one["quality"], place + shift, marker, color=colour, markersize=5)
        limit = 100 * (base["quality"] - max_loss)
        right.axvline(limit, color=RED, linestyle="--", linewidth=1)
        right.text(limit, len(shown) - 0.42, f"{max_loss:.0%} lost ", color=RED, fontsize=8, ha="right", va="center")
        for name, colour in VERDICTS.items():
            right.plot([], [], "o", color=colour, label=name)
        right.plot([], [], "s", color=INK, markerfacecolor="none", label="alone")
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=4, fontsize=8, handletextpad=0.1,
                     columnspacing=0.9)  # fmt: skip
        right.set(xlabel=f"messages classified rightly, % (95 % interval, n = {base['n']})",
                  ylim=(-0.6, len(shown) - 0.2), title="Quality on what can be checked")  # fmt: skip
        right.grid(axis="y", visible=False)
        return close(figure)


def prompts(rows: Sequence[Mapping[str, Any]], max_loss: float) -> Any:
    """Rows of `prompt_economy.table`: tokens of a request against right answers; the line is what the guardrail allows.

    The first row is the prompt as found. A variant is green if the whole interval of its loss is allowed.
    """
    base = rows[0]
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(9.0, 4.2))
        front = sorted((row["input tokens"] + row["output tokens"], row["quality"]) for row in rows if row["pareto"])
        ax.step([x for x, _ in front], [100 * y for _, y in front], where="post", color=LIGHT, linewidth=3, zorder=1)
        for row in rows:
            x, colour = row["input tokens"] + row["output tokens"], GREEN if row["accepted"] else RED
            colour = GREY if row is base else colour
            ax.plot([x, x], [100 * row["low"], 100 * row["high"]], color=colour, linewidth=1, alpha=0.7)
            ax.plot(x, 100 * row["quality"], "o", color=colour, zorder=3)
        _labels(ax, rows)
        limit = 100 * (base["quality"] - max_loss)
        ax.axhline(limit, color=RED, linestyle="--", linewidth=1)
        right = ax.get_xlim()[1]
        ax.text(right, limit - 1.2, f"guardrail: {max_loss:.0%} below the prompt as found", color=RED, fontsize=8.5,
                ha="right", va="top")  # fmt: skip
        ax.set(xlabel="tokens per request, input and output", ylim=(0, 132), yticks=range(0, 101, 20),
               ylabel=f"right answers, %\n(95 % interval, n = {base['n']})",
               title=_said(rows))  # fmt: skip
        return close(figure)


def _said(rows: Sequence[Mapping[str, Any]]) -> str:
    """The cheapest variant that is accepted, against the prompt as found."""
    good = [row for row in rows[1:] if row["accepted"]]
    if not good:
        return "No shorter prompt is shown to be harmless"
    best = min(good, key=lambda row: float(row["USD per 1,000"]))
    share = best["USD per 1,000"] / rows[0]["USD per 1,000"]
    return f'"{best["variant"]}" costs {share:.0%} of the prompt as found and passes the guardrail'


def _labels(ax: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Names above the points that lie close together, on levels that take turns; beside those that lie alone."""
    turn = 0
    for row in sorted(rows, key=lambda row: row["input tokens"]):
        x = row["input tokens"] + row["output tokens"]
        if row["quality"] < 0.6:
            note(ax, row["variant"], (x, 100 * row["quality"]), (14, 6))
            continue
        level = LEVELS[turn % len(LEVELS)]
        turn += 1
        ax.plot([x, x], [100 * row["high"], level - 2], color=LIGHT, linewidth=0.8, zorder=1)
        ax.text(x - 4, level, row["variant"], fontsize=8, color=INK, va="center")
