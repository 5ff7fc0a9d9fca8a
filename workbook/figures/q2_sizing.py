"""Question 2, sizing: instances stated against needed, where the time of a query goes, what vectors weigh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, styled

_PLANS = {
    "stated": (RED, "s", "as stated"),
    "own-times": (AMBER, "^", "its own times by Little's law"),
    "corrected": (GREEN, "o", "what the hardware takes"),
    "cached": (BLUE, "D", "with the stated cache hits"),
}


def instances_funnel(design: Any) -> Any:
    """Load of every stage (left) and instances, stated against needed (right, log), of `corrected_design_q2`."""
    corrected = design.plan("corrected")
    names = [stage.stage for stage in corrected.stages]
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.8), sharey=True, width_ratios=(1, 2))
        rates = [stage.rate for stage in corrected.stages]
        queries = min(rates)
        left.barh(range(len(names)), rates, color=[PURPLE if rate > queries else GREY for rate in rates], height=0.55)
        for row, rate in enumerate(rates):
            times = f" = {rate / queries:.0f} x {queries:,.0f}" if rate > queries else ""
            inside = rate > queries
            left.text(rate, row, f" {rate:,.0f}/s{times} ", va="center", ha="right" if inside else "left",
                      color="white" if inside else INK, fontsize=8.5)  # fmt: skip
        left.set(xlabel="tasks per second at the peak", title="Every wording is embedded\nand searched by itself")
        for name, (colour, marker, label) in _PLANS.items():
            counts = [design.plan(name).stage(stage).instances for stage in names]
            right.scatter(counts, range(len(names)), color=colour, marker=marker, s=42, label=label, zorder=3)
        most = max(design.plan(name).stage(stage).instances for name in _PLANS for stage in names)
        for row, stage in enumerate(names):
            ends = [design.plan(name).stage(stage).instances for name in _PLANS]
            right.plot([min(ends), max(ends)], [row, row], color=LIGHT, linewidth=5, zorder=1)
            # x in parts of the axis, so that the numbers stand in columns whatever the scale.
            beside = right.get_yaxis_transform()
            for column, (end, (colour, _, _)) in enumerate(zip(ends, _PLANS.values(), strict=True)):
                right.text(0.69 + 0.07 * column, row - 0.17, str(end), color=colour, weight="bold", fontsize=8.5,
                           ha="right", va="center", transform=beside)  # fmt: skip
            machine = corrected.stage(stage).machine.replace(" on ", "\non ")
            right.text(0.645, row + 0.07, machine, color=GREY, fontsize=7.5, va="top", transform=beside)
        right.set_xscale("log")
        ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= most * 1.3]
        right.set_xticks(ticks, [str(tick) for tick in ticks])
        right.minorticks_off()
        right.set(xlim=(1, most * 30), xlabel="instances",
                  title="Concurrency is not throughput; what counts is the LLM:\n"
                  f"{_share(corrected, 'llm'):.0%} of {_thousands(corrected)} thousand dollars a month")  # fmt: skip
        left.set_yticks(range(len(names)), names)
        left.set_ylim(len(names) - 0.3, -0.6)  # room for the machine under the last row
        for ax in (left, right):
            ax.grid(axis="y", visible=False)
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=8)
        return close(figure)


def _share(plan: Any, stage: str) -> float:
    return float((plan.stage(stage).monthly / plan.monthly).to("").magnitude)


def _thousands(plan: Any) -> str:
    return f"{float(plan.monthly.to('USD').magnitude) / 1000:,.0f}"


def latency_waterfall(run: Any, target_s: float | None = None) -> Any:
    """Where a query's time goes: a bar per stage from its median start, median solid, p95 pale; below, the whole.

    `run`: a `PipelineRun`. The sum of the medians is drawn against the simulated median, p95 and p99 of whole queries
    that no cache cut short: percentiles of stages do not add up to percentiles of the sum.
    """
    with styled() as plt:
        stages = [name for step in run.pipeline.steps for name in (stage.name for stage in step)]
        figure, ax = plt.subplots(figsize=(9, 0.42 * len(stages) + 2.2))
        start, row, summed = 0.0, 0, {50.0: 0.0, 95.0: 0.0}
        whole = {percent: run.percentile(percent, whole_way=True) for percent in (50.0, 95.0, 99.0)}
        widest = max(*whole.values(), target_s or 0.0)
        for step in run.pipeline.steps:
            lengths = {p: max(run.stage_percentile(stage.name, p) for stage in step) for p in summed}
            for stage in step:
                p50, p95 = (run.stage_percentile(stage.name, p) for p in summed)
                ax.barh(
                    row, p95, left=start, color=BLUE, alpha=0.22, height=0.6, label="" if row else "p95 of the stage"
                )
                ax.barh(row, p50, left=start, color=BLUE, height=0.6, label="" if row else "median of the stage")
                ax.text(start + p95, row, f"  {p50 * 1000:,.0f} ms, p95 {p95 * 1000:,.0f}", va="center", fontsize=8,
                        color=INK)  # fmt: skip
                row += 1
            start += lengths[50.0]
            for percent in summed:
                summed[percent] += lengths[percent]
        ax.axhline(row - 0.5, color=GREY, linewidth=0.8)
        ax.barh(row, whole[95.0], color=LIGHT, height=0.6)
        ax.barh(row, whole[50.0], color=GREEN, height=0.6)
        ax.plot(whole[99.0], row, "|", color=INK, markersize=14, markeredgewidth=2)
        ax.plot(summed[50.0], row, "v", color=RED, markersize=7)
        text = (f"whole query: median {whole[50.0]:.2f} s, p95 {whole[95.0]:.2f} s, p99 {whole[99.0]:.2f} s "
                f"(bar, pale, tick); the medians add up to {summed[50.0]:.2f} s (triangle), "
                f"the p95s to {summed[95.0]:.2f} s")  # fmt: skip
        ax.text(0, row + 0.62, text, fontsize=8.2, color=INK, va="center")
        if target_s is not None:
            late = float((run.latency[run.warm_up :] > target_s).mean())
            ax.axvline(target_s, color=RED, linestyle="--", linewidth=1)
            ax.text(target_s, -0.75, f" target {target_s:g} s, missed by {late:.0%} of all queries", color=RED,
                    fontsize=8.5)  # fmt: skip
        ax.set_yticks(range(len(stages) + 1), [*stages, "end to end"])
        tail = max(stages, key=lambda name: run.stage_percentile(name, 95.0))
        ax.set(xlim=(0, widest * 1.08), ylim=(row + 1.1, -1.1), xlabel="seconds since the query came",
               title=f"{run.arrivals.rate:,.0f} queries/s, {run.queries:,} simulated: {tail} makes the tail",
               )  # fmt: skip
        ax.grid(axis="y", visible=False)
        ax.legend(fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 0.94))
        return close(figure)


_PARTS = {"vectors": BLUE, "graph": AMBER, "payload": GREY}
QUANTISATIONS = (("float32", 4.0), ("int8", 1.0), ("1 bit", 1 / 8))


def vector_memory_stack(chunks: float, payload_bytes: float, dimensions: Sequence[int] = (384, 768, 1536),
                        m: int = 16) -> Any:  # fmt: skip
    """Memory of `chunks` vectors by dimension and quantisation, MB: vectors, HNSW graph, payload of `payload_bytes`."""
    from reference.sizing.claims.q2.stages import vector_memory

    rows = [
        (f"{dimension:,} x {name}",
         vector_memory(chunks, dimension, bytes_per_value=size, m=m, payload_bytes=payload_bytes))
        for dimension in dimensions
        for name, size in QUANTISATIONS
    ]  # fmt: skip
    most = max(sum(parts.values()) for _, parts in rows) / 1e6
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8, 0.34 * len(rows) + 1.5))
        for row, (_, parts) in enumerate(rows):
            left = 0.0
            for name, size in parts.items():
                width = size / 1e6
                ax.barh(row, width, left=left, color=_PARTS[name], height=0.66, label="" if row else name)
                if width > 0.045 * most:
                    ax.text(left + width / 2, row, f"{width:,.0f}", ha="center", va="center", color="white", fontsize=8)
                left += width
            share = parts["vectors"] / sum(parts.values())
            ax.text(left, row, f"  {left:,.0f} MB, vectors {share:.0%}", va="center", fontsize=8, color=INK)
        for edge in range(len(QUANTISATIONS), len(rows), len(QUANTISATIONS)):
            ax.axhline(edge - 0.5, color=LIGHT, linewidth=1)
        ax.set_yticks(range(len(rows)), [label for label, _ in rows])
        ax.invert_yaxis()
        ax.set(xlim=(0, most * 1.32),
               xlabel="memory of one replica, MB, without the store's overhead and float32 originals on disk",
               title=f"{chunks:,.0f} chunks: once vectors are small, text is what is left")  # fmt: skip
        ax.grid(axis="y", visible=False)
        ax.legend(fontsize=8, loc="lower right")
        return close(figure)
