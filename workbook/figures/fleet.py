"""Figures of a simulated fleet: a day in four rows, routing policies, retry storms, and what a simulation costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled

if TYPE_CHECKING:
    from reference.sizing.fleet.run import FleetRun

HOUR = 3600.0


def day_panels(runs: Mapping[str, FleetRun], slo_ttft_s: float, window_s: float = 300.0) -> Any:
    """One column per run: load, replicas, time to the first token, dollars. Outages of the design are shaded."""
    import numpy as np

    with styled() as plt:
        figure, axes = plt.subplots(
            4, len(runs), figsize=(5.6 * len(runs), 8.6), sharex=True, sharey="row", squeeze=False
        )
        for column, (name, run) in enumerate(runs.items()):
            rows = run.by_window(window_s)
            hours = rows["start_s"] / HOUR
            load, replicas, wait, money = axes[:, column]
            load.plot(hours, rows["arrivals"] / window_s, color=BLUE, label="arriving")
            load.fill_between(hours, rows["shed"] / window_s, color=RED, alpha=0.6, linewidth=0, label="refused")
            load.set_title(f"{name}\n{run.workload.requests:,} requests, {run.answered:.2%} answered")
            replicas.step(hours, rows["paid"], color=GREY, where="post", label="paid")
            replicas.step(hours, rows["ready"], color=GREEN, where="post", label="ready")
            lost = rows["paid"] - rows["ready"]
            replicas.set_title(
                f"{rows['ready'].min():.0f} to {rows['ready'].max():.0f} replicas ready, "
                f"up to {max(0, lost.max()):.0f} paid but not ready"
            )
            wait.plot(hours, rows["ttft_p99"], color=RED, label="99th percentile")
            wait.plot(hours, rows["ttft_p50"], color=BLUE, label="median")
            wait.axhline(slo_ttft_s, color=INK, linestyle="--", linewidth=1, label=f"target {slo_ttft_s * 1e3:g} ms")
            wait.set_yscale("log")
            late = rows["ttft_p99"] > slo_ttft_s
            seen = np.isfinite(rows["ttft_p99"])
            wait.set_title(f"p99 over the target in {late[seen].mean():.0%} of the day" if seen.any() else "no answers")
            if late.any():
                worst = int(np.nanargmax(np.where(seen, rows["ttft_p99"], np.nan)))
                note(
                    wait,
                    f"{rows['ttft_p99'][worst]:.1f} s at {hours[worst]:.1f} h",
                    (hours[worst], rows["ttft_p99"][worst]),
                    (12, -4),
                    RED,
                )
            cost = np.cumsum(rows["paid"]) * window_s / HOUR * run.design.usd_per_replica_hour
            money.plot(hours, cost, color=PURPLE)
            money.set_title(f"{run.usd:,.0f} dollars a day" if run.usd else "no price")
            for outage in run.design.outages:
                for ax in axes[:, column]:
                    ax.axvspan(
                        outage.start_s / HOUR,
                        (outage.start_s + outage.duration_s) / HOUR,
                        color=AMBER,
                        alpha=0.18,
                        linewidth=0,
                    )
            money.set_xlabel("hour of the day" + (" (shaded: outage)" if run.design.outages else ""))
        for row, label in enumerate(("requests per second", "replicas", "first token, seconds", "dollars so far")):
            axes[row][0].set_ylabel(label)
            if row < 3:
                axes[row][0].legend(fontsize=7.5, loc="upper left")
        for ax in axes[1]:
            ax.set_ylim(bottom=0)
        return close(figure)


def routing_bars(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Policies side by side: first token (median and tail) and the share of prompt tokens found in a cache.

    rows: name, ttft_p50_ms, ttft_p99_ms, hit_share.
    """
    names = [row["name"] for row in rows]
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 0.42 * len(rows) + 1.5), sharey=True)
        at = range(len(rows))
        left.barh(at, [row["ttft_p99_ms"] for row in rows], color=LIGHT, label="99th percentile")
        left.barh(at, [row["ttft_p50_ms"] for row in rows], height=0.45, color=BLUE, label="median")
        for y, row in enumerate(rows):
            left.annotate(
                f"{row['ttft_p99_ms']:,.0f}",
                (row["ttft_p99_ms"], y),
                xytext=(4, -3),
                textcoords="offset points",
                fontsize=8,
                color=INK,
            )
            right.annotate(
                f"{row['hit_share']:.0%}",
                (row["hit_share"], y),
                xytext=(4, -3),
                textcoords="offset points",
                fontsize=8,
                color=INK,
            )
        right.barh(at, [row["hit_share"] for row in rows], color=GREEN)
        best = min(rows, key=lambda row: row["ttft_p99_ms"])
        left.set(
            yticks=list(at),
            xlabel="first token, ms (dark: median, light: 99th percentile)",
            title=f"shortest tail: {best['name']}",
        )
        left.set_yticklabels(names, color=INK)
        left.invert_yaxis()
        left.margins(x=0.15)
        right.set(
            xlabel="prompt tokens found in the prefix cache, share",
            title="what the choice does to the caches",
            xlim=(0, 1),
        )
        return close(figure)


def retry_storm(runs: Mapping[str, FleetRun], window_s: float = 30.0) -> Any:
    """Answered requests per second after the same disturbance, one line per retry policy."""
    colours = (RED, AMBER, GREEN, BLUE, PURPLE)
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(9, 3.4))
        arriving = None
        for (name, run), colour in zip(runs.items(), colours, strict=False):
            rows = run.by_window(window_s)
            minutes = rows["start_s"] / 60
            arriving = rows["arrivals"] / window_s
            ax.plot(
                minutes,
                rows["answered"] / window_s,
                color=colour,
                label=f"{name}: {run.answered:.1%} answered, {run.attempts.mean():.2f} tries each",
            )
        if arriving is not None:
            ax.plot(minutes, arriving, color=GREY, linewidth=1, linestyle=":", label="arriving")
            for outage in next(iter(runs.values())).design.outages:
                ax.axvspan(
                    outage.start_s / 60, (outage.start_s + outage.duration_s) / 60, color=AMBER, alpha=0.18, linewidth=0
                )
        ax.set(
            xlabel="minutes (shaded: the disturbance)",
            ylabel="answered, requests per second",
            ylim=(0, None),
            title="The disturbance ends; a retry storm need not",
        )
        ax.legend(fontsize=7.5, loc="lower right")
        return close(figure)


def speed_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Requests, seconds and events of each size that benchmarks/fleet_simulation.py ran."""
    found: dict[int, dict[str, Any]] = {}
    for row in record["rows"]:
        count, _, rest = row["target"].partition(" messages over ")
        if rest and row["metric"] in ("wall clock", "events"):
            one = found.setdefault(int(count.replace(",", "")), {"requests": int(count.replace(",", ""))})
            one["seconds" if row["metric"] == "wall clock" else "events"] = row["median"]
    return [found[count] for count in sorted(found)]


def day_seconds(record: Mapping[str, Any], requests: int = 10_000_000) -> float:
    """Seconds of simulating a day of so many messages, as recorded."""
    return float(next(row["seconds"] for row in speed_rows(record) if row["requests"] == requests))


def simulation_cost(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Seconds of simulating against requests, both logarithmic, with the line of constant cost per event.

    rows: requests, events, seconds.
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(6.4, 3.2))
        x = [row["requests"] for row in rows]
        y = [row["seconds"] for row in rows]
        ax.plot(x, y, "o-", color=BLUE, label="measured")
        middle = rows[len(rows) // 2]
        each = middle["seconds"] / middle["requests"]
        ax.plot(x, [each * n for n in x], color=GREY, linestyle=":", label="exactly linear")
        ax.set(xscale="log", yscale="log", xlabel="requests simulated", ylabel="seconds, one core")
        slope = math.log(y[-1] / y[0]) / math.log(x[-1] / x[0])
        ax.set_title(f"Cost grows with the power {slope:.2f} of the requests")
        note(ax, f"{each * 1e6:.1f} microseconds a request", (middle["requests"], middle["seconds"]), (14, -26))
        ax.legend(fontsize=7.5)
        return close(figure)


def burst_panels(runs: Mapping[str, FleetRun], deadline_s: float, window_s: float = 15.0) -> Any:
    """A burst under several designs: how many requests wait, and the share that is answered whole in time."""
    import numpy as np

    colours = (RED, BLUE, GREEN, AMBER, PURPLE)
    with styled() as plt:
        figure, (line, share) = plt.subplots(1, 2, figsize=(11.5, 3.5))
        for (name, run), colour in zip(runs.items(), colours, strict=False):
            rows = run.by_window(window_s)
            minutes = rows["start_s"] / 60
            line.plot(minutes, rows["waiting"] + rows["running"], color=colour, label=name)
            part = (run.workload.arrived / window_s).astype(int)
            good = np.bincount(part, run.e2e_s <= deadline_s, minlength=minutes.size)[: minutes.size]
            ratio = good / np.maximum(rows["arrivals"], 1)
            total = good.sum() / max(1, run.workload.requests)
            share.plot(minutes, ratio, color=colour, label=f"{name}: {total:.0%} of all")
        top = line.twinx()
        top.fill_between(minutes, rows["arrivals"] / window_s, step="post", color=GREY, alpha=0.15, linewidth=0)
        top.set(ylim=(0, 3 * rows["arrivals"].max() / window_s), yticks=[])
        top.grid(visible=False)
        line.set(
            xlabel="minutes (grey: arrivals)",
            ylabel="requests in flight",
            ylim=(0, None),
            title="A burst is short, its queue is not",
        )
        share.set(
            xlabel="minutes",
            ylabel="answered in time, share",
            ylim=(0, 1.03),
            title=f"Whole answer within {deadline_s:g} s of arriving",
        )
        share.legend(fontsize=7.5, loc="lower right")
        return close(figure)


def replicas_against_prompt(rows: Sequence[Mapping[str, Any]]) -> Any:
    """What a longer prompt costs: replicas needed against its tokens. rows: label, prompt, replicas, usd_per_month."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.2, 3.2))
        x, y = [row["prompt"] for row in rows], [row["replicas"] for row in rows]
        ax.plot(x, y, "o-", color=BLUE)
        for row in rows:
            text = f"{row['label']}\n{row['replicas']} replicas, ${row['usd_per_month'] / 1000:,.0f}K a month"
            ax.annotate(
                text,
                (row["prompt"], row["replicas"]),
                xytext=(8, -16),
                textcoords="offset points",
                fontsize=8,
                color=INK,
            )
        each = (y[-1] - y[0]) / (x[-1] - x[0]) * 1000
        ax.set(
            xlabel="prompt, tokens",
            ylabel="replicas that hold the targets",
            ylim=(0, None),
            title=f"A thousand tokens more in every prompt: {each:.0f} replicas more",
        )
        ax.margins(x=0.22)
        return close(figure)
