"""Figures of question 7's sizing: the decision table, fleets against bursts, wait against cost, spot, real fleets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled

if TYPE_CHECKING:
    from reference.sizing.inference_modes.decision import Decision

FLEETS = {"always on": GREY, "scaled on depth": BLUE, "scaled, spot": GREEN}


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)[:3])


def _dollars(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def decision_table(decisions: Sequence[Decision]) -> Any:
    """Scenarios by modes: cost of what fits, darker the cheaper; why the rest does not; the choice framed."""
    with styled() as plt:
        import matplotlib as mpl

        modes = list(decisions[0].assessments)
        figure, ax = plt.subplots(figsize=(10.6, 0.47 * len(decisions) + 0.9))
        shade = mpl.colormaps["Greens"]
        for row, decision in enumerate(decisions):
            costs = [one.usd_per_1000 for one in decision.assessments.values() if one.feasible and one.usd_per_1000]
            for column, (mode, one) in enumerate(decision.assessments.items()):
                taken = mode == decision.recommended
                if one.feasible and one.usd_per_1000 is not None:
                    # Cheapest darkest; ten times as dear and more is palest.
                    dear = min(1.0, math.log10(one.usd_per_1000 / min(costs)))
                    colour: Any = shade(0.62 - 0.5 * dear)
                    text = f"${_dollars(one.usd_per_1000)} per 1,000"
                    text = f"{text}\n{one.fleet}" if one.fleet else text
                else:
                    colour, text = "#f3f4f6", _wrapped(one.reason, 36)
                box = plt.Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5)
                ax.add_patch(box)
                size, tint = (7.6, INK) if one.feasible else (6.8, GREY)
                ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=tint,
                        weight="bold" if taken else "normal", linespacing=1.05)  # fmt: skip
                if taken:
                    ax.add_patch(plt.Rectangle((column + 0.012, row + 0.04), 0.976, 0.92, fill=False, edgecolor=BLUE,
                                               linewidth=2.2, zorder=3))  # fmt: skip
        ax.set(xlim=(0, len(modes)), ylim=(len(decisions), 0), xticks=[k + 0.5 for k in range(len(modes))],
               yticks=[k + 0.5 for k in range(len(decisions))])  # fmt: skip
        ax.set_xticklabels(modes, fontsize=9.5, weight="bold", color=INK)
        ax.set_yticklabels([one.requirements.name for one in decisions], color=INK)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.set_title("Who takes which mode: computed from the requirements (blue frame)", pad=22)
        return close(figure)


def fleet_costs(rows: Sequence[Mapping[str, Any]], crossings: Mapping[float, float | None]) -> Any:
    """Cost of the fleets over always on, against bursts, one panel per load; `crossings`: load -> burst where equal."""
    with styled() as plt:
        loads = list(dict.fromkeys(row["load"] for row in rows))
        figure, axes = plt.subplots(1, len(loads), figsize=(4.6 * len(loads), 3.2), sharey=True, squeeze=False)
        for ax, load in zip(axes[0], loads, strict=True):
            mine = [row for row in rows if row["load"] == load]
            bursts = [row["burst"] for row in mine]
            for key, name in (("scaled_over_always_on", "scaled on depth"), ("spot_over_always_on", "scaled, spot")):
                ax.plot(bursts, [row[key] for row in mine], "o-", color=FLEETS[name], label=name)
                missed = [row for row in mine if not row["in_time" if key.startswith("scaled") else "spot_in_time"]]
                if missed:
                    ax.plot([row["burst"] for row in missed], [row[key] for row in missed], "x", color=RED,
                            markersize=9, linestyle="none", zorder=4)  # fmt: skip
            ax.axhline(1, color=GREY, linestyle="--", linewidth=1)
            at = crossings.get(load)
            if at is not None:
                near = min(mine, key=lambda row: abs(row["burst"] - at))
                words = (
                    f"cheaper from {at:.1f} times the mean on\n(always on is used to {near['utilisation']:.0%} there)"
                )
                note(ax, words, (at, 1.0), (24, 22), BLUE)
            for row, side in ((mine[0], "left"), (mine[-1], "right")):
                if at is not None and row is mine[0]:
                    continue  # the note stands there
                ax.annotate(f"always on: {row['utilisation']:.0%} used", (row["burst"], 1), xytext=(0, 6), ha=side,
                            textcoords="offset points", fontsize=7.5, color=GREY)  # fmt: skip
            ax.set(xlabel="rate in a burst over the mean", title=f"mean load: {load:g} busy workers", ylim=(0, None))
            ax.set_ylim(top=max(1.35, ax.get_ylim()[1]))
        axes[0][0].set_ylabel("cost over the smallest fleet\nthat is always on and in time")
        axes[0][0].legend(loc="lower left")
        return close(figure)


def frontier(found: Mapping[str, Sequence[Mapping[str, Any]]], deadline_s: float) -> Any:
    """What waiting less costs: fixed fleets of every size, scaled fleets by target wait, same arrivals."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.8, 3.6))
        for name, rows in found.items():
            waits = [max(0.5, row["wait_p99_s"]) for row in rows]
            ax.plot(waits, [row["usd_per_1000"] for row in rows], "o-", color=FLEETS[name], label=name)
        fixed = found["always on"]
        for row in (fixed[0], fixed[-1]):
            ax.annotate(f"{row['workers']} workers", (max(0.5, row["wait_p99_s"]), row["usd_per_1000"]), xytext=(0, 7),
                        textcoords="offset points", ha="center", fontsize=8, color=GREY)  # fmt: skip
        for row in (found["scaled on depth"][0], found["scaled on depth"][-1]):
            ax.annotate(f"target {row['target_wait_s']:g} s", (max(0.5, row["wait_p99_s"]), row["usd_per_1000"]),
                        xytext=(6, 4), textcoords="offset points", ha="left", fontsize=8, color=BLUE)  # fmt: skip
        ax.axvline(deadline_s, color=RED, linestyle=":", linewidth=1)
        ax.annotate("deadline", (deadline_s, ax.get_ylim()[1]), xytext=(4, -2), textcoords="offset points", va="top",
                    fontsize=8, color=RED)  # fmt: skip
        ax.set(xscale="log", ylim=(0, None), xlabel="wait until the start, p99, s", ylabel="dollars per 1,000 jobs",
               title="Waiting less costs more; a fleet that follows the queue moves the line")  # fmt: skip
        ax.set_ylim(top=1.12 * ax.get_ylim()[1])
        ax.legend(loc="lower left")
        return close(figure)


def interruptions(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Spot by rate of interruption and notice: jobs run twice, and the cost beside the same fleet on demand."""
    on_demand = rows[0]["on_demand"]
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.1))
        notices = list(dict.fromkeys(row["notice_s"] for row in rows))
        for notice, colour in zip(notices, (RED, AMBER, BLUE, PURPLE), strict=False):
            mine = [row for row in rows if row["notice_s"] == notice]
            rates = [row["per_hour"] for row in mine]
            label = f"{notice:g} s notice" if notice else "no notice"
            left.plot(rates, [100 * row["twice_share"] for row in mine], "o-", color=colour, label=label)
            right.plot(rates, [row["usd_per_1000"] for row in mine], "o-", color=colour, label=label)
        right.axhline(on_demand, color=GREY, linestyle="--", linewidth=1)
        right.annotate("on demand", (0, on_demand), xytext=(4, 4), textcoords="offset points", fontsize=8.5, color=GREY)
        left.set(xlabel="interruptions of a worker per hour", ylabel="jobs begun more than once, %",
                 title="A notice saves the short jobs", ylim=(0, None))  # fmt: skip
        right.set(xlabel="interruptions of a worker per hour", ylabel="dollars per 1,000 jobs",
                  title="What it costs in the end", ylim=(0, 1.2 * on_demand))  # fmt: skip
        left.legend(loc="upper left")
        return close(figure)


def workers_over_time(runs: Sequence[Any], hours: float) -> Any:
    """Workers paid for over time, one line per run of a fleet."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(9.2, 2.7))
        for run in runs:
            points = [*run.history, (run.ended_s, run.history[-1][1])] if run.history else [(0.0, 0)]
            dashes = "-" if run.plan.spot is None else "--"
            ax.step([at / 3600 for at, _ in points], [count for _, count in points], where="post",
                    color=FLEETS.get(run.plan.name, PURPLE), linewidth=1.4, linestyle=dashes,
                    label=f"{run.plan.name}: ${run.usd_per_1000:.2f} per 1,000")  # fmt: skip
        ax.set(xlabel="hours", ylabel="workers paid for", xlim=(0, hours), ylim=(0, None),
               title="The same arrivals, three fleets")  # fmt: skip
        ax.set_ylim(top=1.3 * ax.get_ylim()[1])
        ax.legend(loc="upper right", ncols=3)
        return close(figure)


def against_real(record: Mapping[str, Any], metrics: Sequence[str] = ("mean wait", "wait p95", "total p95")) -> Any:
    """Simulated against measured fleets (benchmark `job_fleet`): on the diagonal they agree."""
    with styled() as plt:
        import matplotlib as mpl

        found: dict[tuple[str, str], dict[str, float]] = {}
        for row in record["rows"]:
            metric, _, kind = row["metric"].partition(", ")
            if kind in ("measured", "simulated"):
                found.setdefault((row["target"], metric), {})[kind] = row["median"]
        targets = list(dict.fromkeys(target for target, _ in found))
        figure, axes = plt.subplots(1, len(metrics), figsize=(3.3 * len(metrics), 3.2), squeeze=False)
        for ax, metric in zip(axes[0], metrics, strict=True):
            pairs = [(target, found[target, metric]) for target in targets if (target, metric) in found]
            low = 0.7 * min(min(pair.values()) for _, pair in pairs)
            high = 1.5 * max(max(pair.values()) for _, pair in pairs)
            ax.plot([low, high], [low, high], color=LIGHT, linewidth=1.2)
            for (target, pair), colour in zip(pairs, (BLUE, GREEN, PURPLE, AMBER, RED), strict=False):
                ax.plot(pair["measured"], pair["simulated"], "o", color=colour, label=target, markersize=7)
            ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), title=f"{metric}, s",
                   xlabel="measured, real workers")  # fmt: skip
            ticks = [n * 10.0**k for k in range(-3, 3) for n in (1, 3) if low <= n * 10.0**k <= high]
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
                axis.set_minor_locator(mpl.ticker.NullLocator())
        axes[0][0].set_ylabel("simulated, same arrivals")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=7.5, bbox_to_anchor=(0.5, -0.06))
        return close(figure)
