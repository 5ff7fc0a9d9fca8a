"""Figures of question 4 for what was measured: rules, evasion, models, the review trade-off, the live stream, drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled


def rates_plot(rows: Sequence[tuple[str, float]], target: float, target_name: str) -> Any:
    """Posts per second and core of each part, on a log axis, against the rate that the question needs.

    rows: (part, posts per second and core), in the order in which a post meets them.
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.2, 0.42 * len(rows) + 1.5))
        places = list(range(len(rows)))[::-1]
        colours = [BLUE if rate >= target else AMBER for _, rate in rows]
        ax.barh(places, [rate for _, rate in rows], color=colours, height=0.6)
        for place, (_, rate) in zip(places, rows, strict=True):
            ax.annotate(f"{rate:,.0f}/s, {target / rate:.1f} cores", (rate, place), xytext=(5, 0),
                        textcoords="offset points", va="center", fontsize=8)  # fmt: skip
        ax.axvline(target, color=INK, linestyle="--", linewidth=1, label=target_name)
        ax.set_ylim(-0.6, len(rows) + 0.1)  # a free row on top: a legend in the bars would lie on their numbers
        ax.legend(fontsize=8, loc="upper right")
        ax.set_yticks(places, [name for name, _ in rows])
        ax.set_xscale("log")
        ax.set_xlim(min(target, *(rate for _, rate in rows)) / 12, max(rate for _, rate in rows) * 12)
        ax.grid(axis="y", visible=False)
        name, rate = min(rows, key=lambda row: row[1])
        ax.set(
            xlabel="posts per second and core (log)", title=f"{name}: {target / rate:.1f} cores for the whole stream"
        )
        return close(figure)


def caught_by_transform(rows: Sequence[Mapping[str, Any]], target: float = 0.95) -> Any:
    """Share of disguised posts that the rules caught, per disguise, with exact 95 % intervals.

    rows: dicts with `name`, `caught`, `low`, `high`, `n`.
    """
    ordered = sorted(rows, key=lambda row: row["caught"])
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.2, 0.28 * len(rows) + 1.2))
        for place, row in enumerate(ordered):
            colour = GREEN if row["caught"] >= target else RED
            ax.plot([row["low"], row["high"]], [place, place], color=GREY, linewidth=2.5, alpha=0.6)
            ax.plot(row["caught"], place, "o", color=colour)
        ax.axvline(target, color=INK, linestyle="--", linewidth=1, label=f"the aim, {target:.0%}")
        ax.legend(fontsize=8, loc="lower left")
        ax.set_yticks(range(len(ordered)), [row["name"] for row in ordered])
        ax.set_xlim(min(0.5, min(row["low"] for row in rows) - 0.02), 1.01)
        weak = [row["name"] for row in ordered if row["caught"] < target]
        head = f"under the line: {', '.join(weak[:3])}" if weak else "every disguise is above the line"
        ax.set(xlabel=f"share caught, exact 95 % interval ({ordered[0]['n']} or more posts each)", title=head)
        return close(figure)


def escalation_curve(curves: Mapping[str, Sequence[Mapping[str, float]]], allowed: tuple[float, float]) -> Any:
    """What share of posts people must look at, for which error rates (95 % upper bounds).

    curves: name -> points with `escalated` (share), `fpr_high`, `fnr_high`; `allowed`: the stated review share.
    """
    colours = [BLUE, PURPLE, GREEN, AMBER, RED]
    with styled() as plt:
        figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.5), sharex=True)
        for ax, key, aim, name in (
            (axes[0], "fpr_high", 0.001, "false positives"),
            (axes[1], "fnr_high", 0.01, "false negatives"),
        ):
            for (label, points), colour in zip(curves.items(), colours, strict=False):
                ordered = sorted(points, key=lambda p: p["escalated"])
                ax.plot([100 * p["escalated"] for p in ordered], [100 * max(p[key], 1e-5) for p in ordered], ".-",
                        color=colour, label=label)  # fmt: skip
            ax.axhline(100 * aim, color=INK, linestyle="--", linewidth=1)
            ax.axvspan(100 * allowed[0], 100 * allowed[1], color=LIGHT, alpha=0.8)
            ax.set_yscale("log")
            ax.set(xlabel="posts that a person sees (%)", ylabel=f"{name}, 95 % upper bound (%)")
        axes[0].legend(fontsize=8)
        axes[0].set_title("grey: the stated review share; dashed: the targets")
        return close(figure)


def reliability_plot(rows: Mapping[str, Sequence[tuple[float, float, int]]]) -> Any:
    """Calibration: said probability against the observed share. rows: model -> (said, observed, posts) per bin."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(4.2, 3.8))
        ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        for (name, bins), colour in zip(rows.items(), [BLUE, PURPLE, GREEN], strict=False):
            ax.plot([b[0] for b in bins], [b[1] for b in bins], "o-", color=colour, label=name)
        ax.legend(fontsize=8)
        ax.set(xlabel="probability that the model said", ylabel="share that did violate",
               title="on the diagonal, a threshold means what it says")  # fmt: skip
        return close(figure)


def stream_latency(
    runs: Mapping[str, tuple[Sequence[float], Sequence[float]]], target_s: float, killed_at_s: float | None = None
) -> Any:
    """99th percentile of the time from scheduled arrival to the decision log, per second of the replay.

    runs: name -> (seconds since start, p99 in seconds of the posts that arrived then).
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.6, 3.2))
        for (name, (times, values)), colour in zip(runs.items(), [BLUE, PURPLE, GREEN], strict=False):
            ax.plot(times, [1000 * v for v in values], color=colour, label=name)
        ax.axhline(1000 * target_s, color=INK, linestyle="--", linewidth=1)
        ax.annotate(f"target {1000 * target_s:.0f} ms", (0, 1000 * target_s), xytext=(2, 4),
                    textcoords="offset points", fontsize=8)  # fmt: skip
        if killed_at_s is not None:
            ax.axvline(killed_at_s, color=RED, linewidth=1)
            ax.annotate("a worker is killed", (killed_at_s, 0.9), xycoords=("data", "axes fraction"), xytext=(4, 0),
                        textcoords="offset points", fontsize=8, color=RED)  # fmt: skip
        ax.set_yscale("log")
        ax.legend(fontsize=8, loc="upper right")
        ax.set(xlabel="seconds of the replay", ylabel="p99 from arrival to log (ms, log)",
               title="a killed worker costs time, no post")  # fmt: skip
        return close(figure)


def drift_plot(weeks: Sequence[int], recall: Mapping[str, Sequence[Any]], slang_week: int) -> Any:
    """Recall per week of a model left alone and of one retrained. recall: name -> mean or (mean, low, high)."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.8, 3.2))
        for (name, values), colour in zip(recall.items(), [RED, GREEN, BLUE], strict=False):
            means = [v[0] if isinstance(v, tuple | list) else v for v in values]
            ax.plot(weeks, means, "o-", color=colour, label=name)
            if values and isinstance(values[0], tuple | list):
                ax.fill_between(weeks, [v[1] for v in values], [v[2] for v in values], color=colour, alpha=0.15)
        ax.axvline(slang_week, color=INK, linestyle="--", linewidth=1)
        ax.annotate("new slang", (slang_week, 0.05), xycoords=("data", "axes fraction"), xytext=(4, 0),
                    textcoords="offset points", fontsize=8)  # fmt: skip
        ax.set_ylim(0, 1.03)
        ax.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 0.12))
        ax.set(xlabel="week", ylabel="recall on that week's posts", title="what a week without retraining costs")
        return close(figure)


def pictures(images: Sequence[tuple[str, Any]], columns: int = 6) -> Any:
    """Made pictures with their captions. images: (caption, RGB array [height, width, 3])."""
    with styled() as plt:
        rows = -(-len(images) // columns)
        figure, axes = plt.subplots(rows, columns, figsize=(3.1 * columns, 2.5 * rows), squeeze=False)
        for ax in axes.flat:
            ax.axis("off")
        for ax, (caption, pixels) in zip(axes.flat, images, strict=False):
            ax.imshow(pixels)
            ax.set_title(caption, fontsize=8, fontweight="normal")
        return close(figure)


def hash_distances(rows: Sequence[tuple[str, float, float]], threshold: float) -> Any:
    """PDQ distance of a changed picture to the known one. rows: (change, plain, with mirror and crops), in bits."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.8, 0.34 * len(rows) + 1.2))
        places = list(range(len(rows)))[::-1]
        for place, (_, plain, helped) in zip(places, rows, strict=True):
            ax.plot([plain, helped], [place, place], color=LIGHT, linewidth=2)
            ax.plot(plain, place, "o", color=GREY, label="one hash" if place == places[0] else None)
            ax.plot(helped, place, "o", color=BLUE, label="mirror and crops too" if place == places[0] else None)
        ax.axvline(threshold, color=INK, linestyle="--", linewidth=1)
        note(ax, "left of the line: recognised", (threshold, places[-1]), (12, 4))
        ax.set_yticks(places, [name for name, _, _ in rows])
        ax.legend(fontsize=8, loc="upper right")
        ax.grid(axis="y", visible=False)
        ax.set(xlabel="bits that differ, of 256", title="a mirror image is another picture to one hash")
        return close(figure)
