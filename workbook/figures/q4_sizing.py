"""Question 4, sizing: the funnel, fleets and bills, reviewers, precision by prevalence, and simulated bad days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled

_TIERS = {"rules": GREY, "models": BLUE, "judge": PURPLE, "people": AMBER}
_TIER_NAMES = {"rules": "1 rules", "models": "2 models", "judge": "3 LLM", "people": "people"}
_PLANS = {
    "stated": (RED, "s", "as stated"),
    "with-room": (AMBER, "^", "stated rates, all the load, at most 70 %, a spare"),
    "corrected": (GREEN, "o", "measured rates, on CPU cores and one kind of card"),
}


def funnel(found: Any, stated_share: Mapping[str, float]) -> Any:
    """Posts/s that each tier sees (pale) and decides (solid) of a `Funnel`; the source's share (diamond).

    stated_share: tier -> share of all posts that the source sizes it for.
    """
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8.5, 3.2))
        seen, decided = found.seen, found.decided
        for row, (tier, colour) in enumerate(_TIERS.items()):
            solid = decided[tier] * found.rate
            ax.barh(row, seen[tier], color=colour, alpha=0.25, height=0.62)
            ax.barh(row, solid, color=colour, height=0.62)
            ax.text(seen[tier] + found.rate * 0.025, row, f"sees {seen[tier]:,.0f}/s, decides {decided[tier]:.1%}",
                    va="center", fontsize=8.5, color=INK)  # fmt: skip
            if tier in stated_share:
                ax.plot(stated_share[tier] * found.rate, row, "D", color=RED, markersize=6, zorder=4)
        ax.plot([], [], "D", color=RED, label="sized for, in the source")
        ax.barh(0, 0, color=GREY, label="decides")
        ax.barh(0, 0, color=GREY, alpha=0.25, label="sees")
        ax.set_yticks(range(len(_TIERS)), [_TIER_NAMES[tier] for tier in _TIERS])
        ax.invert_yaxis()
        ax.set(xlim=(0, found.rate * 1.42), xlabel="posts per second",
               title="A tier has to see what it passes on, too: sized by what it decides it is too small")  # fmt: skip
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.grid(axis="y", visible=False)
        ax.legend(loc="lower right", fontsize=8)
        return close(figure)


def fleets(design: Any) -> Any:
    """Utilisation of every stage (left) and a month's bill for machines and people (right), per plan."""
    stages = [stage.work.name for stage in design.plan("with-room").needs]
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.9), width_ratios=(1.5, 1))
        for name, (colour, marker, label) in _PLANS.items():
            for row, stage in enumerate(stages):
                found = design.plan(name).need(stage)
                shift = {"stated": -0.28, "with-room": 0.0, "corrected": 0.28}[name]
                left.plot(
                    found.utilisation, row + shift, marker, color=colour, zorder=4, label=label if row == 0 else ""
                )
                left.text(found.utilisation, row + shift, f"   {found.servers:,} x {found.work.machine}", va="center",
                          fontsize=7.5, color=colour, zorder=3,
                          bbox={"boxstyle": "square,pad=0", "facecolor": "white", "edgecolor": "none"})  # fmt: skip
        left.axvline(1, color=RED, linewidth=1, linestyle="--")
        left.text(1, -0.62, " queue grows without end", color=RED, fontsize=8, va="center")
        left.set_xscale("log")
        ticks = [0.2, 0.5, 0.7, 1, 2, 5]
        left.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
        left.minorticks_off()
        left.set_yticks(range(len(stages)), stages)
        left.set(xlim=(0.15, 14), ylim=(len(stages) - 0.4, -0.85), xlabel="utilisation at a million posts a minute",
                 title="The stated fleet is overloaded at every stage")  # fmt: skip
        left.grid(axis="y", visible=False)
        left.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), fontsize=8)
        for row, name in enumerate(_PLANS):
            plan = design.plan(name)
            for offset, (part, usd) in enumerate((("machines", plan.machines_usd), ("people", plan.people_usd))):
                place = row + (offset - 0.5) * 0.36
                right.barh(place, usd, height=0.33, color=BLUE if part == "machines" else AMBER,
                           label=part if row == 0 else "")  # fmt: skip
                right.text(usd, place, f"  ${usd:,.0f}", va="center", fontsize=8, color=INK)
        right.set_xscale("log")
        most = max(design.plan(name).people_usd for name in _PLANS)
        right.set_yticks(range(len(_PLANS)), list(_PLANS))
        right.set(xlim=(1e4, most * 60), ylim=(len(_PLANS) - 0.4, -0.6), xlabel="dollars a month (log scale)",
                  title="People cost far more than machines")  # fmt: skip
        right.grid(axis="y", visible=False)
        right.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2, fontsize=8)
        return close(figure)


def reviewers(rows: Sequence[tuple[float, Any]], stated: int, stated_share: tuple[float, float]) -> Any:
    """Seats, people on shift and payroll by the share of posts that people see, against the stated reviewers.

    rows: (share of all posts, `Staffing`). stated_share: the source's range of that share.
    """
    lines = {
        "judging at any moment": ("seats", BLUE),
        "on shift (breaks, limits on harmful content)": ("on_shift", AMBER),
        "on the payroll, day and night, all week": ("payroll", PURPLE),
    }
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8.2, 3.9))
        shares = [share for share, _ in rows]
        for label, (attribute, colour) in lines.items():
            ax.plot(shares, [getattr(staff, attribute) for _, staff in rows], color=colour, label=label)
        ax.axhline(stated, color=RED, linestyle="--", linewidth=1.2)
        ax.axvspan(*stated_share, color=LIGHT, alpha=0.7, zorder=0)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.text(shares[-1], stated * 1.12, f"{stated} reviewers, as stated ", color=RED, fontsize=8.5, ha="right")
        ax.text(stated_share[1] * 1.06, 0.03, "stated share", color=GREY, fontsize=8.5,
                transform=ax.get_xaxis_transform())  # fmt: skip
        carried = stated / rows[-1][1].seats * shares[-1]
        note(ax, f"{stated} at their desks all the time see {carried:.3%}", (carried, stated), (8, -26), RED)
        ax.set_ylim(bottom=min(stated, rows[0][1].seats) / 4)  # room for the note below the lines
        ax.xaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.set(xlabel="share of all posts that people see (log scale)", ylabel="people (log scale)",
               title="One per cent of a million posts a minute takes thousands of people, not 170")  # fmt: skip
        ax.legend(loc="upper left", fontsize=8)
        return close(figure)


def precision_by_prevalence(fpr: float, fnr: float, marked: Mapping[str, float], wanted: float = 0.95) -> Any:
    """Share of removals that are right against the share of posts that violate, at three false positive rates.

    marked: name -> prevalence to point at on the line of `fpr`.
    """
    import numpy as np

    from reference.sizing.error_rates import precision_at, prevalence_for_precision

    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8.2, 3.9))
        prevalence = np.logspace(-5, -0.7, 120)
        for rate, colour in ((fpr * 10, RED), (fpr, BLUE), (fpr / 10, GREEN)):
            ax.plot(prevalence, [precision_at(float(p), rate, fnr) for p in prevalence], color=colour,
                    label=f"{rate * 100:g} %")  # fmt: skip
        needed = prevalence_for_precision(wanted, fpr, fnr)
        ax.axhline(wanted, color=GREY, linestyle="--", linewidth=1)
        ax.text(prevalence[0], wanted + 0.02, f" {wanted:.0%} right", color=GREY, fontsize=8.5)
        note(ax, f"{wanted:.0%} right takes {needed * 100:.2g} % violating", (needed, wanted), (-30, -62), BLUE)
        for name, p in marked.items():
            value = precision_at(p, fpr, fnr)
            ax.plot(p, value, "o", color=INK, zorder=4)
            offset = (-90, 20) if p > needed / 3 else (16, -4)  # near the dashed line there is room above only
            note(ax, f"{name}: {p * 100:g} % violate, {value:.0%} of the removals right", (p, value), offset)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.set(xlabel="share of posts that violate (log scale)", ylabel="share of removals that are right",
               ylim=(0, 1.2),
               title="The same error rates, another platform: most removals are wrong")  # fmt: skip
        ax.legend(loc="upper left", bbox_to_anchor=(0, 0.78), fontsize=8, title="clean posts removed", title_fontsize=8)
        return close(figure)


def bad_days(runs: Mapping[str, Any], limits: Mapping[str, float], bin_s: float = 1.0) -> Any:
    """Median and 99th percentile of the time to a verdict by second of arrival, one panel per `ModerationRun`.

    The event's time is shaded and what was left at its end said in words. limits: name -> seconds, drawn as lines.
    """
    from reference.sizing.moderation_simulation import Viral

    with styled() as plt:
        rows = -(-len(runs) // 2)
        figure, axes = plt.subplots(rows, 2, figsize=(11, 3.1 * rows), squeeze=False, sharey=True)
        for ax, (name, run) in zip(axes.flat, runs.items(), strict=False):
            line = run.timeline(bin_s)
            for event in run.events:
                ax.axvspan(event.at, event.at + event.length, color=LIGHT, alpha=0.8, zorder=0)
                what = type(event).__name__.lower() + (" post" if isinstance(event, Viral) else "")
                ax.text(event.at + event.length / 2, 0.03, what, color=GREY, fontsize=8, ha="center", va="bottom",
                        transform=ax.get_xaxis_transform())  # fmt: skip
            ax.plot(line["at"], line["p99"], color=RED, label="99th percentile", linewidth=1.3)
            ax.plot(line["at"], line["p50"], color=BLUE, label="median", linewidth=1.3)
            for label, seconds in limits.items():
                ax.axhline(seconds, color=GREY, linestyle=":", linewidth=1)
                ax.text(run.seconds, seconds, f"{label} ", color=GREY, fontsize=7.5, ha="right", va="bottom")
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.set(xlim=(0, run.seconds), xlabel="second of arrival", title=f"{name}:\n{_result(run)}")
        for ax in axes.flat[len(runs) :]:
            ax.set_visible(False)
        for ax in axes[:, 0]:
            ax.set_ylabel("seconds to a verdict (log scale)")
        axes[0, 0].legend(loc="lower center", bbox_to_anchor=(0.6, 0.12), fontsize=8)
        return close(figure)


def _result(run: Any) -> str:
    """What a run came to, in a few words."""
    worst = float(run.latency.max())
    if run.escalated.any():
        return f"{int(run.escalated.sum()):,} posts to people, longest {worst:.0f} s"
    if run.cached.any():
        return f"{int(run.cached.sum()):,} copies from the cache, longest {worst:.1f} s"
    end = max((event.at + event.length for event in run.events), default=0.0)
    slow = max(run.recovery(stage, end) for stage in run.stages)
    after = "not recovered" if slow == float("inf") else f"recovered after {slow:.0f} s"
    return f"longest {worst:.0f} s, {after}"
