"""Progress over time: the share of each question's attempts, and what interviews came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, PURPLE, RED, close, styled

if TYPE_CHECKING:
    from datetime import datetime

    from exercises.progress import Summary

# One colour and one mark per question: told apart in grey too.
LOOKS = {
    "q1": (BLUE, "o"), "q2": (GREEN, "s"), "q3": (RED, "^"), "q4": (AMBER, "D"), "q5": (PURPLE, "v"), "q6": (GREY, "P"),
    "q7": (INK, "X"),
}  # fmt: skip


def drawable(found: Summary) -> bool:
    """Whether there is anything to draw."""
    return bool(series(found) or found.interviews)


def series(found: Summary) -> dict[str, list[tuple[datetime, float]]]:
    """Question -> (when, mean share in per cent of the latest answers so far), a point per sitting of an exercise.

    An exercise counts with its last answer of its last sitting; open answers have no share and are left out.
    """
    from exercises.model import Kind
    from exercises.progress.repetition import by_exercise, sittings

    ends: dict[str, list[tuple[datetime, str, float]]] = {}
    for one, answers in by_exercise(found.attempts).items():
        if one.kind is not Kind.DESIGN:
            for sitting in sittings(answers):
                ends.setdefault(one.question, []).append((sitting[-1].at, one.id, sitting[-1].share))
    drawn: dict[str, list[tuple[datetime, float]]] = {}
    for question, points in sorted(ends.items()):
        latest: dict[str, float] = {}
        drawn[question] = []
        for at, name, share in sorted(points):
            latest[name] = share
            drawn[question].append((at, 100 * sum(latest.values()) / len(latest)))
    return drawn


def over_time(found: Summary) -> Any:
    """Two panels that share their time axis (UTC): exercises by question, interviews by question, both in per cent."""
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), sharey=True)
        for question, points in series(found).items():
            colour, mark = LOOKS[question]
            left.plot(
                [at for at, _ in points], [share for _, share in points], color=colour, marker=mark, label=question
            )
        for question, (colour, mark) in LOOKS.items():
            mine = [one for one in found.interviews if one.question == question and one.of > 0]
            if mine:
                totals = [100 * one.total / one.of for one in mine]
                right.plot([one.at for one in mine], totals, color=colour, marker=mark, label=question)
        for axes, title in ((left, "Exercises: mean of the latest answers"), (right, "Mock interviews: total")):
            axes.set(title=title, xlabel="date (UTC)", ylim=(-4, 104))
            if axes.lines:
                axes.legend(ncols=2, loc="lower right")
                _dates(axes)
            else:
                axes.set_xticks([])
                axes.text(0.5, 0.5, "none yet", transform=axes.transAxes, ha="center", color=GREY)
        left.set_ylabel("points, % of what can be had")
        return close(figure)


def _dates(axes: Any) -> None:
    from matplotlib import dates

    drawn = [float(x) for line in axes.lines for x in dates.date2num(line.get_xdata())]
    if max(drawn) - min(drawn) < 1:  # all on one day: matplotlib would show milliseconds, or years for a lone point
        middle = (max(drawn) + min(drawn)) / 2
        axes.set_xlim(middle - 1, middle + 1)
    locator = dates.AutoDateLocator(minticks=2, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
