"""Figures of question 3: the timeline of a rollout, gates, false alarms under peeking, rules compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, RED, close, note, styled

if TYPE_CHECKING:
    from reference.serving.rollout.drill import DrillResult
    from reference.serving.rollout.gates import GateReport

ARMS = {"baseline": GREY, "candidate": BLUE}
VERDICTS = {"pass": GREEN, "fail": RED, "not enough data": AMBER}
BIN_S = 5.0


def gates(reports: Sequence[GateReport]) -> Any:
    """One row per gate and version: the interval over its limit, so that 1 is the line that must not be crossed.

    Gates with a lower limit (accuracy, regression) are written in words only: a ratio would turn them round.
    """
    with styled() as plt:
        names = [one.gate for one in reports[0].results]
        figure, axes = plt.subplots(1, len(reports), figsize=(4.1 * len(reports), 2.9), sharey=True, squeeze=False)
        for ax, report in zip(axes[0], reports, strict=True):
            for row, one in enumerate(reversed(report.results)):
                ax.barh(row, 1, color=VERDICTS[one.verdict.value], height=0.82, alpha=0.9)
                words = one.reason if len(one.reason) <= 46 else one.reason[:44] + " ..."
                ax.text(0.02, row + 0.14, one.verdict.value, color="white", va="center", fontsize=8.5, weight="bold")
                ax.text(0.02, row - 0.2, words, color="white", va="center", fontsize=7.2)
            ax.set(xlim=(0, 1), xticks=[], yticks=range(len(names)), yticklabels=reversed(names))
            ax.set_title(f"{report.candidate} against {report.production or 'nothing'}: {report.verdict.value}")
            ax.grid(visible=False)
            ax.spines[:].set_visible(False)
        return close(figure)


def _binned(result: DrillResult, arm: str) -> list[tuple[float, float, float, int]]:
    """(middle of the bin, error share, median latency, n) of an arm."""
    rows: dict[int, list[Any]] = {}
    for one in result.requests:
        if one.arm == arm:
            rows.setdefault(int(one.ended // BIN_S), []).append(one)
    made = []
    for number, some in sorted(rows.items()):
        times = sorted(one.ended - one.begun for one in some)
        share = sum(one.error for one in some) / len(some)
        made.append(((number + 0.5) * BIN_S, share, times[len(times) // 2], len(some)))
    return made


def timeline(result: DrillResult, title: str) -> Any:
    """Share, errors, latency and decisions of one rollout over its seconds."""
    with styled() as plt:
        figure, (top, middle, low) = plt.subplots(
            3, 1, figsize=(9.2, 6.0), sharex=True, height_ratios=(1.1, 1, 1.2), gridspec_kw={"hspace": 0.18}
        )
        end = max(one.ended for one in result.requests)
        shares = [(0.0, 0.0)]
        for one in result.audit:
            shares.append((one["at"] - result.began, one["state"]["share"]))
        shares.append((end, shares[-1][1]))
        top.step([at for at, _ in shares], [100 * share for _, share in shares], where="post", color=BLUE)
        top.set(ylabel="share of users on\nthe candidate, %", ylim=(-4, 112), title=title)
        for arm, colour in ARMS.items():
            rows = _binned(result, arm)
            middle.plot([r[0] for r in rows], [100 * r[1] for r in rows], color=colour, label=arm)
            # A bin of one request must not look like a bin of fifty.
            sizes = [6 + 1.2 * r[3] for r in rows]
            middle.scatter([r[0] for r in rows], [100 * r[1] for r in rows], s=sizes, color=colour, zorder=3)
            mine = [one for one in result.requests if one.arm == arm and not one.failed]
            low.scatter(
                [one.ended for one in mine], [one.ended - one.begun for one in mine], s=5, color=colour, alpha=0.35,
                linewidths=0,
            )  # fmt: skip
            low.plot([r[0] for r in rows], [r[2] for r in rows], color=colour)
        middle.set(ylabel=f"answers outside the\ncontract, % ({BIN_S:.0f} s bins)")
        middle.set_ylim(-3, max(20.0, middle.get_ylim()[1]))
        middle.legend(loc="upper right", ncols=2)
        low.set(ylabel="latency, s\n(line: median)", xlabel="seconds since the start of the rollout", xlim=(0, end))
        low.set_ylim(bottom=0)
        moved = [(at, said) for at, said, _ in result.decisions if said in ("promote", "finish", "roll back")]
        for number, (at, decision) in enumerate(moved):
            colour = RED if decision == "roll back" else GREEN
            for ax in (top, middle, low):
                ax.axvline(at, color=colour, linewidth=1, linestyle=":")
            # In two rows, for decisions may follow each other closely.
            top.annotate(decision, (at, 112 - 13 * (number % 2)), xytext=(-3, 0), textcoords="offset points",
                         ha="right", va="top", fontsize=8, color=colour)  # fmt: skip
        if result.rollback_s is not None and result.state.share == 0:
            bad = min(one.ended for one in result.requests if one.arm == "candidate" and one.error)
            last = max(one.ended for one in result.requests if one.arm == "candidate")
            top.annotate("", (last, 40), (bad, 40), arrowprops={"arrowstyle": "<->", "color": RED})
            top.text((bad + last) / 2, 46, f"{result.rollback_s:.1f} s: first bad answer to the candidate's last",
                     ha="center", color=RED, fontsize=8.5)  # fmt: skip
        return close(figure)


def peeking(looks: Sequence[int], fixed: Sequence[float], sequential: Sequence[float], level: float) -> Any:
    """Share of harmless releases stopped by then, per number of looks: one look's test, and a sequential one."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.6, 3.0))
        ax.plot(looks, [100 * v for v in fixed], color=RED)
        ax.plot(looks, [100 * v for v in sequential], color=BLUE)
        ax.axhline(100 * level, color=GREY, linestyle="--", linewidth=1)
        note(ax, f"fixed z test, looked at every time: {fixed[-1]:.0%}", (looks[-1], 100 * fixed[-1]), (-170, -48), RED)
        note(ax, f"sequential test: {sequential[-1]:.1%}", (looks[-1], 100 * sequential[-1]), (-120, 22), BLUE)
        ax.set(xlabel="looks taken so far", ylabel="harmless releases\nstopped by then, %", ylim=(0, None),
               title=f"Looking often breaks a test that was made for one look (both at {level:.0%})")  # fmt: skip
        return close(figure)


def rules(rows: Sequence[Mapping[str, Any]], scenarios: Sequence[str]) -> Any:
    """Rolled back (harmless: wrong; harmful: right) by rule, with 95 % intervals, from the stored runs."""
    with styled() as plt:
        names = list(dict.fromkeys(row["rule"] for row in rows))
        colours = dict(zip(names, (BLUE, RED, AMBER, GREY), strict=False))
        figure, axes = plt.subplots(1, len(scenarios), figsize=(3.3 * len(scenarios), 2.7), sharey=True, squeeze=False)
        for ax, scenario in zip(axes[0], scenarios, strict=True):
            metric = "rolled back" if scenario.startswith("harmless") else "stopped before 25 %"
            mine = {row["rule"]: row for row in rows if row["scenario"] == scenario and row["metric"] == metric}
            for place, name in enumerate(reversed(names)):
                row = mine[name]
                ax.barh(place, 100 * row["median"], color=colours[name], height=0.6)
                ax.plot([100 * row["p25"], 100 * row["p75"]], [place, place], color=INK, linewidth=1)
                ax.annotate(f"{row['median']:.1%}", (100 * row["median"], place), xytext=(4, 0),
                            textcoords="offset points", va="center", fontsize=8)  # fmt: skip
            good = "wrong" if scenario.startswith("harmless") else "right"
            ax.set(xlim=(0, 125), xticks=(0, 50, 100), xlabel=f"{metric}, % ({good})", title=scenario,
                   yticks=range(len(names)), yticklabels=list(reversed(names)))  # fmt: skip
            ax.grid(axis="y", visible=False)
        return close(figure)


def detectable(rows: Sequence[Mapping[str, Any]], limit: float) -> Any:
    """Smallest latency ratio that a share finds in its hours, over traffic; `limit`: what the policy promises."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.6, 3.0))
        known = [row for row in rows if row["latency ratio"]]
        ax.plot([r["users a day"] for r in known], [100 * (r["latency ratio"] - 1) for r in known], "o-", color=BLUE)
        ax.axhline(100 * (limit - 1), color=RED, linestyle="--", linewidth=1)
        ax.fill_between([min(r["users a day"] for r in known), max(r["users a day"] for r in known)], 0,
                        100 * (limit - 1), color=LIGHT, alpha=0.5)  # fmt: skip
        first = next((r for r in known if r["latency ratio"] <= limit), known[-1])
        note(ax, f"from {first['users a day']:,.0f} users a day on, +{limit - 1:.0%} is found",
             (first["users a day"], 100 * (first["latency ratio"] - 1)), (20, 40), RED)  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="distinct users a day",
               ylabel="smallest rise of latency\nthat is found, %",
               title="Below the red line your canary can keep its promise")  # fmt: skip
        return close(figure)
