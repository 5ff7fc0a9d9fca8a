"""Question 1, running: load curves, prediction against measurement, caches, engine settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbook.figures.style import BLUE, GREEN, GREY, INK, RED, close, note, powers_of_two, styled


def load_curve(run: Any, at: Any, slo_ttft_ms: float, slo_tpot_ms: float) -> Any:
    """Throughput, TTFT and TPOT against concurrency, with targets and the knee `at`. Void points are drawn hollow."""
    points = sorted(run.points, key=lambda p: p.concurrency)
    valid = [p for p in points if not p.void]
    x = [p.concurrency for p in points]
    with styled() as plt:
        figure, axes = plt.subplots(1, 3, figsize=(11, 3.3))
        panels = (
            ("output tokens per second", lambda p: p.output_tok_s, None, None),
            ("TTFT, ms", lambda p: p.ttft_ms.p50, lambda p: p.ttft_ms.p95, slo_ttft_ms),
            ("TPOT, ms per token", lambda p: p.tpot_ms.p50, lambda p: p.tpot_ms.p95, slo_tpot_ms),
        )
        for ax, (label, median, tail, target) in zip(axes, panels, strict=True):
            ax.plot([p.concurrency for p in valid], [median(p) for p in valid], "o-", color=BLUE, label="median")
            if tail:
                ax.plot(
                    [p.concurrency for p in valid], [tail(p) for p in valid], "^:", color=GREY, label="95th percentile"
                )
            for p in points:
                if p.void:
                    ax.plot([p.concurrency], [median(p)], "o", markerfacecolor="white", color=RED)
                    ax.annotate("void", (p.concurrency, median(p)), color=RED, fontsize=8, xytext=(4, 4),
                                textcoords="offset points")  # fmt: skip
            if target:
                ax.axhline(target, color=RED, linestyle="--", linewidth=1, label=f"target {target:g}")
                ax.legend(fontsize=7.5, loc="upper left")
            ax.axvline(at.concurrency, color=GREEN, linewidth=1, linestyle=":")
            powers_of_two(ax, x)
            ax.set(xlabel="requests in flight", ylabel=label, ylim=(0, None))
        text = f"knee at {at.concurrency}: more users\nfrom here wait, not gain"
        note(axes[0], text, (at.concurrency, at.output_tok_s), (-86, -52), GREEN)
        last = valid[-1]
        axes[0].set_title(f"{last.output_tok_s / valid[0].output_tok_s:.0f}x the throughput of one user ...")
        axes[1].set_title(f"... for {last.ttft_ms.p50 / valid[0].ttft_ms.p50:.0f}x the wait ...")
        axes[2].set_title(f"... and {last.tpot_ms.p50 / valid[0].tpot_ms.p50:.1f}x the time per token")
        return close(figure)


def prediction_plot(table: Any, fitted: Sequence[Any]) -> Any:
    """Predicted against measured, three panels; fitted points are grey, held-out ones carry their error."""
    metrics = (("output_tok_s", "output tokens per second"), ("tpot_ms", "TPOT, ms"), ("ttft_ms", "TTFT, ms"))
    with styled() as plt:
        figure, axes = plt.subplots(1, 3, figsize=(11, 3.2))
        for ax, (metric, label) in zip(axes, metrics, strict=True):
            rows = [r for r in table.rows if r.metric == metric]
            ax.plot([p["concurrency"] for p in fitted], [p[metric] for p in fitted], "s", color=GREY, label="fitted on")
            ax.plot([r.concurrency for r in rows], [r.predicted for r in rows], "x", color=BLUE, markersize=8,
                    markeredgewidth=2, label="predicted before measuring")  # fmt: skip
            ax.plot([r.concurrency for r in rows], [r.measured for r in rows], "o", color=GREEN, label="then measured")
            for r in rows:
                ax.annotate(f"{r.error:+.0%}", (r.concurrency, max(r.predicted, r.measured)), xytext=(0, 7),
                            textcoords="offset points", ha="center", fontsize=8, color=INK)  # fmt: skip
            powers_of_two(ax, sorted({*(p["concurrency"] for p in fitted), *(r.concurrency for r in rows)}))
            top = ax.get_ylim()[1]
            ax.set(xlabel="requests in flight", ylabel=label, ylim=(0, top * 1.15),
                   title=f"median error {table.median_error(metric):.0%}")  # fmt: skip
        axes[0].legend(fontsize=7.5, loc="lower right")
        return close(figure)


def open_loop_plot(run: Any, slo_ttft_ms: float) -> Any:
    """TTFT against the arrival rate, Poisson: what a closed loop hides, since its users wait for each other."""
    points = sorted(run.points, key=lambda p: p.rate)
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6, 3))
        rates = [p.rate for p in points]
        ax.plot(rates, [p.ttft_ms.p50 for p in points], "o-", color=BLUE, label="median")
        ax.plot(rates, [p.ttft_ms.p95 for p in points], "^:", color=GREY, label="95th percentile")
        ax.axhline(slo_ttft_ms, color=RED, linestyle="--", linewidth=1, label=f"target {slo_ttft_ms:g} ms")
        for p in points:
            ax.annotate(f"{p.in_flight:.1f} in flight", (p.rate, p.ttft_ms.p95), fontsize=8, color=GREY, xytext=(0, 6),
                        textcoords="offset points", ha="center")  # fmt: skip
        ax.set(xlabel="requests per second, Poisson arrivals", ylabel="TTFT, ms", ylim=(0, None),
               title="Arrivals do not wait: the tail grows first")  # fmt: skip
        ax.legend(fontsize=8, loc="upper left")
        ax.margins(y=0.25)
        return close(figure)


def prefix_bars(result: Any, predicted_ttft_ratio: float | None, claimed: float) -> Any:
    """First token and whole answer, without and with the shared prefix in the cache, every request a dot."""
    with styled() as plt:
        figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharex=True)
        for ax, name, ratio in ((axes[0], "ttft_s", result.ttft_ratio), (axes[1], "e2e_s", result.e2e_ratio)):
            for x, sample, colour in ((0, result.cold, GREY), (1, result.warm, GREEN)):
                values = [getattr(t, name) * 1000 for t in sample]
                ax.bar(x, sorted(values)[len(values) // 2], color=colour, width=0.55, alpha=0.8)
                ax.plot([x] * len(values), values, "o", color=INK, markersize=3)
            ax.set_xticks([0, 1], ["prompt is new", "shared part cached"])
            ax.set(ylabel="ms", title=f"{'first token' if name == 'ttft_s' else 'whole answer'}: {ratio:.1f}x faster")
            ax.grid(axis="x", visible=False)
            ax.margins(y=0.22)  # room for the note above the bars
        text = f"claimed: {claimed:g}x" + (
            f"; by tokens left to read: {predicted_ttft_ratio:.1f}x" if predicted_ttft_ratio else ""
        )
        axes[0].text(0.97, 0.97, text, transform=axes[0].transAxes, ha="right", va="top", fontsize=8.5, color=RED)
        axes[1].text(0.97, 0.97, "decoding is not shortened", transform=axes[1].transAxes, ha="right", va="top",
                     fontsize=8.5, color=RED)  # fmt: skip
        return close(figure)


def settings_panels(results: Mapping[str, Any]) -> Any:
    """Four small comparisons of engine settings, as `run_comparisons` returns them."""
    from reference.serving.experiments.engine_settings import speculation_ratios

    with styled() as plt:
        figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.1))
        _ratio_bars(axes[0], speculation_ratios(results["ngram"]["rows"], "text"),
                    "speculation by n-gram look-up:\ngain by kind of text", "text")  # fmt: skip
        _ratio_bars(axes[1], speculation_ratios(results["draft"]["rows"], "batch"),
                    "speculation by draft model, best\ncase: gain by batch", "batch")  # fmt: skip
        rows = results["chunked"]["rows"]
        axes[2].bar([f"{r['max_num_batched_tokens']:,}" for r in rows], [r["worst_gap_s"] * 1000 for r in rows],
                    color=[GREY, GREEN], width=0.55)  # fmt: skip
        for i, r in enumerate(rows):
            axes[2].text(i, r["worst_gap_s"] * 1000, f"{r['worst_gap_s'] * 1000:,.0f} ms", ha="center", va="bottom",
                         fontsize=8.5)  # fmt: skip
        axes[2].set(ylabel="longest pause of a stream, ms", xlabel="tokens per step",
                    title="chunked prefill: pause while\na long prompt is read")  # fmt: skip
        rows = results["priority"]["rows"]
        for i, r in enumerate(rows):
            axes[3].bar(i - 0.18, r["urgent_s"], 0.36, color=GREEN, label="urgent" if not i else None)
            axes[3].bar(i + 0.18, r["others_s"], 0.36, color=GREY, label="others, median" if not i else None)
        axes[3].set_xticks(range(len(rows)), [r["policy"] for r in rows])
        axes[3].set(ylabel="seconds until done", title="priority: one urgent request\nbehind sixteen others")
        axes[3].legend(fontsize=8)
        for ax in axes:
            ax.grid(axis="x", visible=False)
        return close(figure)


def _ratio_bars(ax: Any, ratios: Mapping[Any, float], name: str, xlabel: str) -> None:
    labels = [str(key) for key in ratios]
    ax.bar(labels, list(ratios.values()), color=[GREEN if v > 1 else RED for v in ratios.values()], width=0.55)
    for i, value in enumerate(ratios.values()):
        ax.text(i, value, f"{value:.2f}x", ha="center", va="bottom", fontsize=8.5)
    ax.axhline(1, color=INK, linewidth=1)
    ax.set(ylabel="output rate, x plain decoding", xlabel=xlabel, title=name, ylim=(0, max(1, *ratios.values()) * 1.2))


def hit_rate_plot(shares: Sequence[float], expected: float, spread: float, claimed: float) -> Any:
    """Hit rate of the exact cache so far, request by request, against the expected one and the claim."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6, 3))
        n = len(shares)
        ax.plot(range(1, n + 1), shares, color=GREEN, label="measured through the gateway")
        ax.axhline(expected, color=BLUE, linestyle="--", linewidth=1, label="expected for this workload")
        ax.axhspan(expected - 2 * spread, expected + 2 * spread, color=BLUE, alpha=0.1, linewidth=0)
        ax.axhline(claimed, color=RED, linestyle=":", label="claimed")
        note(ax, f"after {n} requests: {shares[-1]:.0%}", (n, shares[-1]), (-120, -34), GREEN)
        ax.set(xlabel="requests", ylabel="share answered from the cache", ylim=(0, 1),
               title="A hit rate is a property of the workload")  # fmt: skip
        ax.legend(fontsize=8, loc="upper left")
        return close(figure)
