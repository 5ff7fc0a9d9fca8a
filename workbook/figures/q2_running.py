"""Figures of question 2 for what was measured: pipelines, chunk lengths, embedding backends, stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, PURPLE, RED, close, note, styled

STAGE_COLOURS = {"expand": AMBER, "embed": BLUE, "dense": GREEN, "lexical": PURPLE, "fuse": GREY, "rerank": RED}


def ablation_plot(rows: Sequence[Any], metrics: Sequence[str] = ("nDCG@10", "Success@5")) -> Any:
    """Every pipeline's mean and 95 % interval, one panel per metric; what a stage gained over the one above it."""
    with styled() as plt:
        figure, axes = plt.subplots(1, len(metrics), figsize=(5.2 * len(metrics), 0.5 * len(rows) + 1.3), sharey=True)
        places = list(range(len(rows)))[::-1]
        for ax, metric in zip(axes if len(metrics) > 1 else [axes], metrics, strict=True):
            for place, row in zip(places, rows, strict=True):
                interval = row.metrics[metric]
                ax.plot([interval.low, interval.high], [place, place], color=GREY, linewidth=2.5, alpha=0.6)
                ax.plot(interval.mean, place, "o", color=BLUE, markersize=6)
                ax.annotate(f"{interval.mean:.2f}", (interval.mean, place), xytext=(0, 6), textcoords="offset points",
                            ha="center", fontsize=8)  # fmt: skip
            ax.set_yticks(places, [row.name for row in rows])
            ax.set(xlabel=f"{metric}, mean and 95 % interval over {rows[0].metrics[metric].n} questions")
            ax.grid(axis="y", visible=False)
            ax.margins(y=0.15)
        gains = [row for row in rows if row.gain is not None and row.gain.low > 0]
        best = max(gains, key=lambda row: row.gain.mean, default=None)
        head = f"the largest sure step: {best.name} (+{best.gain.mean:.2f})" if best else "no step is sure at this n"
        figure.axes[0].set_title(head)
        return close(figure)


def quality_against_throughput(rows: Sequence[Any], metric: str = "nDCG@10") -> Any:
    """What a point of quality costs: queries per second of one stream against the metric."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.2, 3.4))
        for row in rows:
            rate, interval = 1000 / row.ms, row.metrics[metric]
            ax.errorbar(rate, interval.mean, yerr=[[interval.mean - interval.low], [interval.high - interval.mean]],
                        fmt="o", color=BLUE, ecolor=GREY, elinewidth=1)  # fmt: skip
            ax.annotate(row.name, (rate, interval.mean), xytext=(6, 5), textcoords="offset points", fontsize=8)
        ax.set_xscale("log")
        ax.margins(x=0.25, y=0.12)
        ax.set(
            xlabel="queries per second, one at a time (log)", ylabel=f"{metric}", title="every stage is paid in rate"
        )
        return close(figure)


def chunk_lengths(lengths: Mapping[str, Sequence[int]], limit: int) -> Any:
    """Chunk lengths per chunking, and the tokens beyond `limit` that the embedder never reads."""
    with styled() as plt:
        figure, axes = plt.subplots(1, len(lengths), figsize=(4.2 * len(lengths), 2.9), sharex=True)
        top = max(max(values) for values in lengths.values())
        for ax, (name, values) in zip(axes if len(lengths) > 1 else [axes], lengths.items(), strict=True):
            bins = [top * i / 30 for i in range(31)]
            ax.hist([v for v in values if v <= limit], bins=bins, color=BLUE, alpha=0.85)
            ax.hist([v for v in values if v > limit], bins=bins, color=RED, alpha=0.85)
            ax.axvline(limit, color=INK, linestyle="--", linewidth=1)
            lost = sum(max(0, v - limit) for v in values) / max(1, sum(values))
            ax.set(xlabel="tokens per chunk", ylabel="chunks", title=f"{name}: {lost:.0%} never read")
        figure.axes[0].annotate(f"the embedder\nstops at {limit}", (limit, 0.9), xycoords=("data", "axes fraction"),
                                xytext=(-6, 0), textcoords="offset points", ha="right",
                                va="top", fontsize=8)  # fmt: skip
        return close(figure)


def stage_times(stages: Mapping[str, Sequence[float]]) -> Any:
    """Median time of each stage end to end, with the 95th percentile as a whisker.

    stages: stage -> seconds, one per query.
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.5, 0.42 * len(stages) + 1.1))
        start = 0.0
        names = list(stages)
        for place, name in enumerate(names):
            ordered = sorted(1000 * s for s in stages[name])
            middle, high = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
            ax.barh(place, middle, left=start, color=STAGE_COLOURS.get(name, GREY), height=0.6)
            ax.plot([start + middle, start + high], [place, place], color=INK, linewidth=1)
            ax.annotate(f"{middle:.1f} ms, p95 {high:.1f}", (start + high, place), xytext=(5, 0), va="center",
                        textcoords="offset points", fontsize=8)  # fmt: skip
            start += middle
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.margins(x=0.3)
        ax.grid(axis="y", visible=False)
        slowest = max(names, key=lambda n: sorted(stages[n])[len(stages[n]) // 2])
        ax.set(xlabel="milliseconds since the query came in", title=f"{slowest} takes the most of {start:.0f} ms")
        return close(figure)


def backends_plot(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Embedding backends: passages per second, and how far their vectors are from the exact ones.

    rows: dicts with `backend`, `per_second`, `cosine` (lowest against fp32).
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.2, 0.42 * len(rows) + 1.1))
        places = list(range(len(rows)))[::-1]
        ax.barh(places, [r["per_second"] for r in rows], color=BLUE, height=0.6)
        for place, row in zip(places, rows, strict=True):
            ax.annotate(f"{row['per_second']:.0f}/s, cosine {row['cosine']:.4f}", (row["per_second"], place),
                        xytext=(5, 0), textcoords="offset points", va="center", fontsize=8)  # fmt: skip
        ax.set_yticks(places, [r["backend"] for r in rows])
        ax.margins(x=0.3)
        ax.grid(axis="y", visible=False)
        fastest = max(rows, key=lambda r: r["per_second"])
        ax.set(xlabel="passages per second", title=f"{fastest['backend']} is the fastest here")
        return close(figure)


def simulated_load(points: Sequence[Mapping[str, float]], target_s: float) -> Any:
    """Latency percentiles against arrival rate. points: dicts with `rate`, `p50_s`, `p95_s`, `p99_s`."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.4, 3.2))
        rates = [p["rate"] for p in points]
        for name, colour in (("p50_s", BLUE), ("p95_s", AMBER), ("p99_s", RED)):
            ax.plot(rates, [p[name] for p in points], "o-", color=colour, label=name.removesuffix("_s"))
        ax.axhline(target_s, color=INK, linestyle="--", linewidth=1, label=f"target {target_s:g} s")
        over = next((p for p in points if p["p99_s"] > target_s), None)
        if over:
            note(ax, f"p99 breaks the target at {over['rate']:,.0f}/s", (over["rate"], over["p99_s"]), (-120, 8), RED)
        ax.set(xlabel="queries per second, Poisson arrivals", ylabel="end to end, s", title="means hide the tail")
        ax.legend()
        return close(figure)
