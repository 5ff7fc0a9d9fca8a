"""Figures of question 6 for what was measured: time line, precision and recall, cost, what a prompt holds, muting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled

STATUS_COLOURS = {
    "ok": BLUE,
    "skipped": LIGHT,
    "degraded": AMBER,
    "timed out": RED,
    "over budget": PURPLE,
    "failed": RED,
}


def timeline(panels: Mapping[str, Sequence[Mapping[str, Any]]]) -> Any:
    """One Gantt chart per review: what ran when, and what the longest agent is of the whole.

    panels: title -> rows with `agent`, `begun`, `ended` (seconds since the review began), `status`, `findings` (count).
    """
    with styled() as plt:
        figure, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 2.5), squeeze=False)
        for ax, (title, rows) in zip(axes[0], panels.items(), strict=True):
            for place, row in enumerate(reversed(rows)):
                span = row["ended"] - row["begun"]
                ax.barh(place, span, left=row["begun"], height=0.6, color=STATUS_COLOURS[row["status"]])
                said = row["status"] if row["status"] != "ok" else f"{row['findings']} found"
                ax.annotate(f"{span:.2f} s, {said}", (row["ended"], place), xytext=(4, 0), textcoords="offset points",
                            va="center", fontsize=7.5)  # fmt: skip
            ax.set_yticks(range(len(rows)), [row["agent"] for row in reversed(rows)])
            wall = max(row["ended"] for row in rows)
            total = sum(row["ended"] - row["begun"] for row in rows)
            slowest = max(row["ended"] - row["begun"] for row in rows)
            ax.set_xlim(0, wall * 1.55)
            ax.grid(axis="y", visible=False)
            ax.set(xlabel="seconds since the review began",
                   title=f"{title}\nwall {wall:.2f} s, slowest {slowest:.2f} s, sum {total:.2f} s")  # fmt: skip
        return close(figure)


def framed(page: str, height: int = 620) -> Any:
    """A whole HTML page inside the notebook, cut off from it: it can run nothing and reach nothing."""
    import html

    from IPython.display import HTML

    return HTML(
        f'<iframe sandbox srcdoc="{html.escape(page, quote=True)}" title="review" '
        f'style="width:100%;height:{height}px;border:1px solid {LIGHT}"></iframe>'
    )


def rates_row(row: Any) -> dict[str, Any]:
    """A row of `precision_recall` from the evaluation's Rates; None for a share without anything to divide by."""

    def known(value: float) -> float | None:
        return None if value != value else value

    return {
        "name": row.name,
        "precision": known(row.precision),
        "precision_low": row.precision_interval[0],
        "precision_high": row.precision_interval[1],
        "recall": known(row.recall),
        "recall_low": row.recall_interval[0],
        "recall_high": row.recall_interval[1],
    }


def precision_recall(
    rows: Sequence[Mapping[str, Any]],
    peers: Sequence[tuple[str, float, float]],
    aim: tuple[float, float],
    whole: tuple[float, float] | None = None,
) -> Any:
    """Precision against recall with 95 % intervals, beside what others were measured at on other cases.

    rows: `name`, `precision`, `precision_low`, `precision_high`, `recall`, `recall_low`, `recall_high`.
    peers: (name, precision, recall), CITED. aim, whole: (precision, recall) to reach, and of the recorded whole set.
    """
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), width_ratios=(1.15, 1))
        for place, row in enumerate(reversed(rows)):
            for key, colour, shift in (("precision", BLUE, 0.14), ("recall", AMBER, -0.14)):
                if row[key] is None:
                    continue
                left.plot(
                    [row[f"{key}_low"], row[f"{key}_high"]], [place + shift] * 2, color=colour, alpha=0.45, linewidth=3
                )
                left.plot(row[key], place + shift, "o", color=colour, label=key if place == 0 else None)
        left.set_yticks(range(len(rows)), [row["name"] for row in reversed(rows)])
        left.set_xlim(-0.02, 1.02)
        left.grid(axis="y", visible=False)
        left.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
        worst = min((row for row in rows if row["recall"] is not None), key=lambda row: row["recall"])
        left.set(xlabel="share, 95 % Wilson interval", title=f"held-out repositories; finds least: {worst['name']}")

        right.axhspan(aim[0], 1.02, xmin=0, color=GREEN, alpha=0.06)
        right.plot([aim[1], aim[1], 1.02], [1.02, aim[0], aim[0]], color=GREEN, linestyle="--", linewidth=1)
        for name, precision, recall in peers:
            right.plot(recall, precision, "o", color=GREY, markersize=4)
            right.annotate(name, (recall, precision), xytext=(4, 3), textcoords="offset points", fontsize=7, color=GREY)
        ours = next(row for row in rows if row["name"] == "all")
        right.errorbar(
            ours["recall"], ours["precision"], color=BLUE, fmt="D", capsize=2, label="this run, few cases",
            xerr=[[ours["recall"] - ours["recall_low"]], [ours["recall_high"] - ours["recall"]]],
            yerr=[[ours["precision"] - ours["precision_low"]], [ours["precision_high"] - ours["precision"]]],
        )  # fmt: skip
        if whole is not None:
            right.plot(whole[1], whole[0], "D", color=RED, markersize=5, label="the whole set, recorded")
        right.legend(fontsize=8, loc="lower right")
        right.set_xlim(0, 1.02)
        right.set_ylim(0, 1.02)
        right.set(xlabel="recall", ylabel="precision",
                  title="grey: others, on other cases (CITED):\na direction, not a ranking")  # fmt: skip
        return close(figure)


def clean_changes(false_per_change: Sequence[int], aims: tuple[float, float]) -> Any:
    """How many comments clean changes got: a histogram whose first bar should be nearly everything.

    aims: (false comments per clean change at most, share silent at least).
    """
    n = len(false_per_change)
    silent = sum(count == 0 for count in false_per_change) / n
    mean = sum(false_per_change) / n
    most = max(*false_per_change, 3)
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.4, 2.5))
        heights = [sum(count == k for count in false_per_change) for k in range(most + 1)]
        ax.bar(range(most + 1), heights, color=[GREEN, *[RED] * most], width=0.7)
        for k, height in enumerate(heights):
            if height:
                ax.annotate(
                    str(height), (k, height), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=8
                )
        ax.axhline(aims[1] * n, color=INK, linestyle="--", linewidth=1)
        note(ax, f"{aims[1]:.0%} silent", (most * 0.7, aims[1] * n), (0, -22))
        ax.set_ylim(0, n * 1.15)
        ax.set_xticks(range(most + 1))
        ax.set(
            xlabel="comments on one clean change",
            ylabel="changes",
            title=f"{silent:.0%} of {n} clean changes silent, {mean:.2f} comments each (aim {aims[0]:g})",
        )
        return close(figure)


def cost_curve(
    tokens: Sequence[float], costs: Mapping[str, Sequence[float]], cap: float, quantiles: Mapping[str, float]
) -> Any:
    """Dollars per review against the size of its diff, per model, with the cap and where real changes lie.

    tokens: diff sizes in tokens; costs: model -> dollars at each size; quantiles: "p50" -> tokens of real changes.
    """
    colours = [GREEN, BLUE, PURPLE, AMBER, RED, INK]
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.4, 3.7))
        for (name, line), colour in zip(costs.items(), colours, strict=False):
            ax.plot(tokens, line, color=colour, label=name)
        ax.axhline(cap, color=INK, linestyle="--", linewidth=1)
        ax.set_xscale("log")
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        for name, at in quantiles.items():
            ax.axvline(at, color=GREY, linewidth=0.8, linestyle=":")
            ax.annotate(name, (at, low), xytext=(2, 4), textcoords="offset points", fontsize=8, color=GREY)
        ax.annotate(f"${cap:.2f}: hard stop", (tokens[0], cap), xytext=(4, 4), textcoords="offset points", fontsize=8)
        ax.set_ylim(low, high)
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
        within = [name for name, line in costs.items() if line[-1] <= cap]
        ax.set(xlabel="tokens of diff (log)", ylabel="dollars per review (log)",
               title=f"{len(within)} of {len(costs)} models stay under the cap at every size shown")  # fmt: skip
        return close(figure)


def window(rows: Sequence[Mapping[str, Any]], stated: int) -> Any:
    """How much of real changes a prompt of so many tokens holds.

    rows: `tokens` (window), `whole` (share of changes that fit whole), `lines` (median share of changed lines shown).
    stated: the window of the usual answer.
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.8, 3.0))
        sizes = [row["tokens"] for row in rows]
        ax.plot(sizes, [row["whole"] for row in rows], "o-", color=BLUE, label="changes that fit whole")
        ax.plot(
            sizes, [row["lines"] for row in rows], "s-", color=GREY, label="changed lines shown, all changes together"
        )
        ax.axvline(stated, color=INK, linestyle="--", linewidth=1)
        at = min(rows, key=lambda row: abs(row["tokens"] - stated))
        head = f"{stated:,} tokens: {at['whole']:.0%} of changes fit, {at['lines']:.0%} of changed lines are seen"
        ax.set_xscale("log", base=2)
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        ax.set_ylim(0, 1.04)
        ax.legend(fontsize=8, loc="lower right")
        ax.set(xlabel="tokens for the diff in one call", ylabel="share", title=head)
        return close(figure)


def muting(rows: Sequence[Mapping[str, Any]]) -> Any:
    """What learning from rejected comments does: comments a change, and the share accepted, over time.

    rows: `changes` (so far), `comments` and `accepted` (per change and share, in the last window), for `learning` True
    and False.
    """
    with styled() as plt:
        figure, axes = plt.subplots(1, 2, figsize=(9.2, 2.8))
        for ax, key, label in ((axes[0], "comments", "comments per change"), (axes[1], "accepted", "share accepted")):
            for learning, colour, name in ((False, GREY, "never mutes"), (True, BLUE, "mutes rules nobody wants")):
                some = [row for row in rows if row["learning"] is learning]
                ax.plot([row["changes"] for row in some], [row[key] for row in some], color=colour, label=name)
            ax.set_ylim(0, None)
            ax.set(xlabel="changes reviewed", ylabel=label)
        late = {
            (learning, key): _mean([row[key] for row in rows if row["learning"] is learning][len(rows) // 4 :])
            for learning in (False, True)
            for key in ("comments", "accepted")
        }
        axes[0].legend(fontsize=8)
        axes[0].set_title(f"second half: {late[False, 'comments']:.1f} against {late[True, 'comments']:.1f} a change")
        axes[1].set_title(f"second half: {late[False, 'accepted']:.0%} against {late[True, 'accepted']:.0%}")
        return close(figure)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")
