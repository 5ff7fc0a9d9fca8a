"""Figures of question 5's router: quality over cost as the threshold moves, and whether its probabilities are true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled

if TYPE_CHECKING:
    from reference.serving.model_routing.curves import Curve, Operating, RandomLine
    from reference.serving.model_routing.evaluation import Reliability
    from reference.serving.model_routing.small_tasks import TaskResult

LINES = {"router": BLUE, "cascade": PURPLE, "length": AMBER, "oracle": GREEN}


def cost_quality(
    curves: Sequence[Curve], line: RandomLine, chosen: Operating, strong_quality: float, keep: float, title: str,
    others: Mapping[str, tuple[float, float]] | None = None,
) -> Any:  # fmt: skip
    """Quality over cost of every curve beside a coin with its 95 % band; `chosen` with its interval.

    others: label -> (cost share, quality) of what is no curve, e.g. a better small model alone.
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(9.4, 4.4))
        x = 100 * line.cost_share
        ax.fill_between(x, 100 * line.low, 100 * line.high, color=LIGHT, alpha=0.7, linewidth=0)
        ax.plot(x, 100 * line.quality, color=GREY, linestyle="--", label="random (band: 95 % of coins)")
        for one in curves:
            colour = LINES.get(one.name.split()[0], INK)
            style = ":" if one.name.startswith("oracle") else "-"
            ax.plot(100 * one.cost_share, 100 * one.quality, color=colour, linestyle=style, label=one.name)
        ax.axhline(100 * keep * strong_quality, color=RED, linewidth=1, linestyle=":")
        ax.annotate(f"{keep:.0%} of the strong model's quality", (100, 100 * keep * strong_quality), xytext=(0, -3),
                    textcoords="offset points", ha="right", va="top", fontsize=8, color=RED)  # fmt: skip
        at = (100 * chosen.cost_share, 100 * chosen.quality)
        # The interval is that of the kept quality: the same sentences are hard for both models.
        ends = [100 * kept * strong_quality for kept in (chosen.kept_low, chosen.kept_high)]
        ax.plot([at[0], at[0]], ends, color=INK, linewidth=1, marker="_")
        ax.plot(*at, "o", color=INK, zorder=5)
        words = f"calibrated threshold: {chosen.cost_share:.0%} of the cost,\n{chosen.kept:.1%} of the quality"
        note(ax, f"{words} ({chosen.kept_low:.1%} to {chosen.kept_high:.1%})", at, (16, -104))
        for label, (cost, quality) in (others or {}).items():
            ax.plot(100 * cost, 100 * quality, "D", color=RED, zorder=5)
            note(ax, label, (100 * cost, 100 * quality), (12, 14), RED)
        ax.set(xlabel="cost, % of the strong model's", ylabel="answers that are right, %", title=title)
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
        ax.set_ylim(bottom=ax.get_ylim()[0] - 1.5)
        return close(figure)


def reliability(found: Mapping[str, Reliability], title: str) -> Any:
    """Share that was right over the probability that was predicted, in bins of equal count; the diagonal is true."""
    with styled() as plt:
        figure, axes = plt.subplots(1, len(found), figsize=(4.0 * len(found), 3.6), squeeze=False, sharey=True)
        for ax, (name, one) in zip(axes[0], found.items(), strict=True):
            colour = LINES.get(name.split()[0], BLUE)
            ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
            around = [1.96 * (max(o * (1 - o), 1e-4) / n) ** 0.5 for o, n in zip(one.observed, one.counts, strict=True)]
            ax.errorbar(one.predicted, one.observed, yerr=around, fmt="o-", color=colour, capsize=2)
            ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="predicted: the small model is right",
                   title=f"{name}: off by {one.error:.2f} on average")  # fmt: skip
        axes[0][0].set_ylabel("share that was right")
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, weight="bold")
        return close(figure)


def _short(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def tasks(results: Sequence[TaskResult]) -> Any:
    """Quality with its interval and seconds per 1,000, by task and means."""
    with styled() as plt:
        names = list(dict.fromkeys(one.task for one in results))
        figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 2.9), sharey=True, squeeze=False)
        for ax, name in zip(axes[0], names, strict=True):
            mine = [one for one in results if one.task == name]
            for place, one in enumerate(mine):
                colour = GREY if one.by == "language model" else GREEN if one.by == "rule" else BLUE
                ax.bar(place, 100 * one.quality, color=colour, width=0.62)
                ax.plot([place, place], [100 * one.low, 100 * one.high], color=INK, linewidth=1)
                ax.text(place, 3, _short(one.seconds_per_1000), ha="center", fontsize=7.5, color="white")
            ax.axhline(100 * mine[0].commonest, color=RED, linewidth=1, linestyle=":")
            labels = [
                one.by.replace("head of ", "head,\n").replace(" labels", "\nlabels").replace(" model", "\nmodel")
                for one in mine
            ]
            ax.set_xticks(range(len(mine)), labels, fontsize=7.5)
            ax.set(ylim=(0, 104), title=name)
            ax.grid(axis="x", visible=False)
        axes[0][0].set_ylabel("right, % (dotted: always\nthe same answer; in the bars:\nseconds per 1,000 messages)")
        return close(figure)
