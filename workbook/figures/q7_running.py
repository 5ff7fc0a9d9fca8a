"""Figures of question 7: four modes at rising load and their price, live traffic beside a batch, a fleet in a burst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled

if TYPE_CHECKING:
    from reference.serving.experiments.modes_comparison import Comparison
    from reference.serving.experiments.modes_fleet import Burst
    from reference.serving.experiments.modes_lane import Beside
    from reference.serving.experiments.modes_resume import Resumed

COLOURS = {"sync": RED, "streaming": BLUE, "async": AMBER, "batch": PURPLE}
_ENDS = {"in time": GREEN, "answered later": AMBER, "timed out": RED, "refused": GREY, "failed": INK}


def _loads(ax: Any, shares: Sequence[float]) -> None:
    """A load axis in shares of the roof, with the roof marked."""
    ax.set_xticks(shares, [f"{share:.0%}" for share in shares])
    ax.set_xlabel("arrivals, share of what the engine can do")
    if min(shares) < 1 < max(shares):
        ax.axvline(1, color=GREY, linewidth=1, linestyle=":")


def waiting(result: Comparison) -> Any:
    """First token and last token as the client sees them, by mode and load; the line is the p50, the dots the p95."""
    from reference.serving.experiments.modes_clients import Mode

    with styled() as plt:
        figure, axes = plt.subplots(1, 2, figsize=(9.4, 3.4), sharey=True)
        shares = [one.share for one in result.of(Mode.SYNC)]
        for ax, name, title in zip(axes, ("first", "last"), ("first token", "last token"), strict=True):
            for mode in Mode:
                rows = [one for one in result.of(mode) if getattr(one, f"{name}_p50_s") is not None]
                where = [one.share for one in rows]
                ax.plot(where, [getattr(one, f"{name}_p50_s") for one in rows], "-", color=COLOURS[mode], label=mode)
                ax.scatter(where, [getattr(one, f"{name}_p95_s") for one in rows], s=16, color=COLOURS[mode],
                           marker="_", linewidths=2)  # fmt: skip
            ax.axhline(result.deadline_s, color=INK, linewidth=0.8, linestyle="--")
            ax.set(yscale="log", title=f"Until the {title}")
            ax.set_yticks([0.1, 0.3, 1, 3, 10, 30], ["0.1", "0.3", "1", "3", "10", "30"])
            ax.minorticks_off()
            _loads(ax, shares)
        axes[0].set_ylabel("seconds from the moment it was due\n(line: p50, dash: p95)")
        axes[1].text(shares[-1], result.deadline_s * 1.06, "deadline", ha="right", fontsize=8, color=INK)
        axes[1].legend(loc="upper left", ncols=2)
        sync, streaming = (next((p.first_p50_s for p in result.of(mode)), None) for mode in (Mode.SYNC, Mode.STREAMING))
        if sync and streaming:
            sooner = f"light load: {sync / streaming:.1f}x sooner than sync"
            note(axes[0], sooner, (shares[0], streaming), (14, -26), BLUE)
        return close(figure)


def ends(result: Comparison) -> Any:
    """What became of all requests, by mode and load: no request is left out."""
    from reference.serving.experiments.modes_clients import Mode

    with styled() as plt:
        figure, axes = plt.subplots(1, len(Mode), figsize=(9.4, 2.7), sharey=True)
        for ax, mode in zip(axes, Mode, strict=True):
            rows = result.of(mode)
            for place, one in enumerate(rows):
                late = one.answered - one.in_time
                counts = (one.in_time, late, one.timed_out, one.refused, one.failed)
                base = 0.0
                for (name, colour), count in zip(_ENDS.items(), counts, strict=True):
                    height = 100 * count / one.n
                    ax.bar(place, height, bottom=base, color=colour, width=0.7, label=name if place == 0 else None)
                    base += height
                ax.text(place, 102, f"n={one.n}", ha="center", fontsize=7, color=GREY)
            ax.set_xticks(range(len(rows)), [f"{one.share:.0%}" for one in rows])
            ax.set(title=str(mode), xlabel="load", ylim=(0, 112))
            ax.grid(axis="x", visible=False)
        axes[0].set_ylabel("requests, %")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=5, bbox_to_anchor=(0.5, -0.08))
        return close(figure)


def money(result: Comparison, usd_per_hour: float, price_name: str) -> Any:
    """Answers per second, utilisation, and dollars per 1,000 answers, by mode and load."""
    from reference.serving.experiments.modes_clients import Mode

    with styled() as plt:
        figure, axes = plt.subplots(1, 3, figsize=(9.8, 3.1))
        shares = [one.share for one in result.of(Mode.SYNC)]
        for mode in Mode:
            rows = result.of(mode)
            axes[0].plot(shares, [one.answers_per_s for one in rows], "o-", color=COLOURS[mode], label=mode)
            axes[1].plot(shares, [100 * one.utilisation for one in rows], "o-", color=COLOURS[mode])
            paid = [(one.share, one.usd_per_1000(usd_per_hour)) for one in rows if one.answered]
            axes[2].plot([x for x, _ in paid], [y for _, y in paid], "o-", color=COLOURS[mode])
        axes[0].axhline(result.roof.requests_per_s, color=GREY, linewidth=1, linestyle="--")
        axes[0].text(shares[0], result.roof.requests_per_s, "roof", va="bottom", fontsize=8, color=GREY)
        axes[0].set(ylabel="answers per second", title="Answers", ylim=(0, None))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=4, bbox_to_anchor=(0.5, -0.08))
        axes[1].set(ylabel="engine tokens, % of the roof", title="Engine in use", ylim=(0, None))
        axes[2].set(ylabel=f"$ per 1,000 answers\n(engine hour: {price_name})", title="Price", yscale="log")
        for ax in axes:
            _loads(ax, shares)
        return close(figure)


def beside(rows: Sequence[Beside]) -> Any:
    """First tokens of live streams with and without a batch beside them, and what the batch got done."""
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 2.7), width_ratios=(1.7, 1))
        names = ["no batch" if one.yields_at is None else f"batch, gives way\nat {one.yields_at}" for one in rows]
        for place, one in enumerate(rows):
            colour = GREY if one.yields_at is None else PURPLE
            left.scatter(one.first_s, [place] * len(one.first_s), s=14, color=colour, alpha=0.6, linewidths=0)
            middle = one.quantile(0.5)
            if middle is not None:
                left.plot([middle] * 2, [place - 0.3, place + 0.3], color=INK)
                left.annotate(f"p50 {middle:.2f} s", (middle, place - 0.3), ha="center", va="bottom", fontsize=7.5)
            right.barh(place, one.batch_per_s, color=colour, height=0.55)
            right.annotate(f"{one.batch_per_s:.1f}", (one.batch_per_s, place), xytext=(4, 0),
                           textcoords="offset points", va="center", fontsize=8)  # fmt: skip
        for ax in (left, right):
            ax.set(ylim=(len(rows) - 0.4, -0.75))
            ax.grid(axis="y", visible=False)
        left.set(xlabel="seconds to the first token of a live stream (each dot one stream)", xlim=(0, None),
                 title="What those who wait notice")  # fmt: skip
        left.set_yticks(range(len(rows)), names)
        right.set(xlabel="batch answers per second", title="What the batch gets")
        right.set_yticks(range(len(rows)), [""] * len(rows))
        right.set_xlim(0, 1.25 * max(0.1, *(one.batch_per_s for one in rows)))
        return close(figure)


def resumed(one: Resumed) -> Any:
    """Events of both connections over time, by their number: the second goes on where the first was cut."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(8.2, 2.6))
        shift = one.before[-1].at_s + one.away_s
        ax.scatter(
            [e.at_s for e in one.before], [e.number for e in one.before], s=18, color=BLUE, label="first connection"
        )
        ax.scatter([shift + e.at_s for e in one.after], [e.number for e in one.after], s=18, color=GREEN,
                   label="second connection")  # fmt: skip
        ax.axvspan(one.before[-1].at_s, shift, color=LIGHT, alpha=0.6)
        ax.text(one.before[-1].at_s + one.away_s / 2, max(one.numbers) * 0.94, "no connection", ha="center", va="top",
                fontsize=8, color=GREY)  # fmt: skip
        if one.after:  # nothing is left where an engine sent its tokens in a few large events, before the cut
            note(ax, f"comes back with Last-Event-ID: {one.before[-1].number}",
                 (shift + one.after[0].at_s, one.after[0].number), (-190, 8), GREEN)  # fmt: skip
        ax.set(xlabel="seconds since the request", ylabel="number of the event", ylim=(0, None),
               title=f"{one.lost} events lost, {one.doubled} doubled; the engine went on meanwhile")  # fmt: skip
        ax.legend(loc="upper left")
        return close(figure)


def burst(one: Burst, target_wait_s: float) -> Any:
    """Jobs left and workers there and wanted, over the seconds of a burst."""
    with styled() as plt:
        figure, (top, low) = plt.subplots(2, 1, figsize=(8.4, 3.8), sharex=True, gridspec_kw={"hspace": 0.15})
        at = [look.at_s for look in one.looks]
        top.plot(at, [look.left for look in one.looks], color=BLUE)
        top.set(ylabel="jobs unfinished", ylim=(0, None),
                title=f"{one.jobs} jobs at once: the fleet follows the depth ({one.lost} lost)")  # fmt: skip
        low.step(at, [look.wanted for look in one.looks], where="post", color=GREY, linestyle="--", label="wanted")
        low.step(at, [look.workers for look in one.looks], where="post", color=GREEN, label="there")
        low.set(ylabel="workers", xlabel="seconds since the burst", ylim=(0, None))
        low.legend(loc="upper right", ncols=2)
        if one.killed_s is not None:
            for ax in (top, low):
                ax.axvline(one.killed_s, color=RED, linewidth=1, linestyle=":")
            left = next((look.left for look in one.looks if look.at_s >= one.killed_s), 0)
            note(top, "kill -9 of a worker", (one.killed_s, left), (16, 24), RED)
        top.text(0.99, 0.86, f"asked for: done within {target_wait_s:g} s", transform=top.transAxes, ha="right",
                 fontsize=8, color=GREY)  # fmt: skip
        return close(figure)


def libraries(rows: Sequence[Mapping[str, Any]], chosen: str) -> Any:
    """Queue libraries under `kill -9`, from the stored comparison: rate while killed, jobs lost, longest way round."""
    with styled() as plt:
        names = list(dict.fromkeys(row["target"].split(",")[0] for row in rows))

        def value(name: str, metric: str) -> float:
            return next(row["median"] for row in rows if row["target"] == f"{name}, killed" and row["metric"] == metric)

        figure, axes = plt.subplots(1, 3, figsize=(9.2, 2.3), sharey=True)
        for ax, metric, title in zip(
            axes, ("jobs per second", "lost", "longest from first start to end"),
            ("jobs per second", "jobs lost", "longest, first start to end, s"), strict=True,
        ):  # fmt: skip
            most = max(value(name, metric) for name in names)
            for place, name in enumerate(reversed(names)):
                found = value(name, metric)
                bad = metric == "lost" and found > 0
                ax.barh(place, found, color=RED if bad else GREEN if name == chosen else LIGHT, height=0.6)
                ax.annotate(f"{found:.3g}", (found, place), xytext=(4, 0), textcoords="offset points", va="center",
                            fontsize=8)  # fmt: skip
            ax.set(
                title=title, xlim=(0, 1.25 * max(most, 1)), yticks=range(len(names)), yticklabels=list(reversed(names))
            )
            ax.grid(axis="y", visible=False)
        return close(figure)
