"""Figures of question 5, sizing: waterfall, Shapley shares, all orders, break-even, roadmap, the stated bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREEN, GREY, INK, LIGHT, PURPLE, RED, close, note, styled

if TYPE_CHECKING:
    from reference.sizing.bill.plan import Plan, SourceBill
    from reference.sizing.self_hosting import Hosting


@contextmanager
def _money_style() -> Iterator[Any]:
    """The workbook's style with dollar signs as they are, not as the start of a formula."""
    with styled() as plt, plt.rc_context({"text.parse_math": False}):
        yield plt


def _thousands(dollars: float) -> str:
    """Dollars of a label: in thousands from one thousand on, in millions from one million on."""
    if abs(dollars) >= 999_500:
        return f"${dollars / 1e6:,.2f}M"
    return f"${dollars / 1000:,.0f}K" if abs(dollars) >= 1000 else f"${dollars:,.0f}"


def _axis(ax: Any, which: str = "y") -> None:
    axis = ax.yaxis if which == "y" else ax.xaxis
    axis.set_major_formatter(lambda value, _: _thousands(value))


def waterfall(plan: Plan, stated: Mapping[str, float] | None = None) -> Any:
    """The bill, each saving in the plan's order with its 5-95 % range, what is left; refused steps in words.

    stated: strategy -> saving of the usual answer, as a diamond where its bar would end.
    """
    with _money_style() as plt:
        figure, ax = plt.subplots(figsize=(9.2, 4.2))
        ax.bar(0, plan.before, color=GREY, width=0.62)
        ax.text(0, plan.before, _thousands(plan.before), ha="center", va="bottom", fontsize=8.5)
        level, labels = plan.before, ["bill before"]
        for place, step in enumerate(plan.steps, 1):
            following = level - step.saving
            labels.append(step.title.replace(" ", "\n", 2))
            if step.refused:
                ax.text(place, level, "refused", ha="center", va="bottom", fontsize=8.5, color=RED)
                ax.plot([place - 0.31, place + 0.31], [level, level], color=RED, linewidth=1.2)
            else:
                ax.bar(place, step.saving, bottom=following, color=GREEN if step.saving >= 0 else RED, width=0.62)
                ax.plot([place, place], [level - step.low, level - step.high], color=INK, linewidth=1.1)
                for end in (step.low, step.high):
                    ax.plot([place - 0.09, place + 0.09], [level - end] * 2, color=INK, linewidth=1.1)
                ax.text(place, max(level, level - step.low), f"-{_thousands(step.saving)}", ha="center", va="bottom",
                        fontsize=8.5)  # fmt: skip
            if stated and step.name in stated:
                ax.plot(place, level - stated[step.name], "D", color=AMBER, markersize=5.5, zorder=5)
            ax.plot([place - 0.69, place + 0.31], [level, level], color=GREY, linewidth=0.7, linestyle=":")
            level = following
        end = len(plan.steps) + 1
        ax.bar(end, plan.after, color=BLUE, width=0.62)
        ax.plot([end, end], [plan.after_low, plan.after_high], color=INK, linewidth=1.1)
        ax.text(end, max(plan.after, plan.after_high), _thousands(plan.after), ha="center", va="bottom", fontsize=8.5)
        ax.set_xticks(range(end + 1), [*labels, "bill after"], fontsize=8)
        ax.plot([], [], color=INK, linewidth=1.1, label=f"5 to 95 % of {plan.draws:,} draws")
        if stated:
            ax.plot([], [], "D", color=AMBER, markersize=5.5, label="the usual answer's saving from here")
        ax.legend(loc="upper right", fontsize=8)
        _axis(ax)
        ax.set(ylabel="dollars a month", ylim=(min(0, *ax.get_ylim()), plan.before * 1.12),
               title=f"{plan.share:.0%} saved with what it costs counted; the end lies between "
               f"{_thousands(plan.after_low)} and {_thousands(plan.after_high)}")  # fmt: skip
        ax.grid(axis="x", visible=False)
        return close(figure)


def shares(plan: Plan) -> Any:
    """Per strategy: what it saves alone, its Shapley share, and as the last one."""
    with _money_style() as plt:
        figure, ax = plt.subplots(figsize=(8.6, 3.9))
        steps = list(plan.steps)
        for row, step in enumerate(steps):
            for shift, value, colour in ((-0.26, step.alone, LIGHT), (0, step.shapley, BLUE), (0.26, step.last, GREY)):
                ax.barh(row + shift, value, height=0.24, color=colour, edgecolor=GREY, linewidth=0.4)
            if step.refused:
                ax.text(0, row, "  refused", va="center", fontsize=8, color=RED)
            else:
                ax.text(max(step.shapley, 0), row, f"  {_thousands(step.shapley)}", va="center", fontsize=8)
        for colour, label in (
            (LIGHT, "alone"),
            (BLUE, "Shapley share, adds up to the whole"),
            (GREY, "as the last one"),
        ):
            ax.barh(0, 0, color=colour, edgecolor=GREY, linewidth=0.4, label=label)
        ax.set_yticks(range(len(steps)), [step.title for step in steps])
        ax.invert_yaxis()
        _axis(ax, "x")
        alone = sum(step.alone for step in steps)
        ax.set(xlabel="saving, dollars a month",
               title=f"Alone they promise {_thousands(alone)}, together they save {_thousands(plan.saving)}: "
               f"{_thousands(plan.overlap)} twice")  # fmt: skip
        ax.grid(axis="y", visible=False)
        ax.legend(loc="lower right", fontsize=8)
        return close(figure)


def orders(plan: Plan, stated: Mapping[str, float] | None = None) -> Any:
    """Spread of each strategy's saving over all 720 orders; stated: the usual answer's saving (diamond)."""
    import numpy as np

    with _money_style() as plt:
        figure, ax = plt.subplots(figsize=(8.6, 3.6))
        found = plan.over_orders()
        random = np.random.default_rng(0)
        count = 0
        for row, step in enumerate(plan.steps):
            values = np.asarray(found[step.name])
            count = len(values)
            ax.scatter(values, row + random.uniform(-0.22, 0.22, count), s=4, color=BLUE, alpha=0.25, linewidths=0)
            ax.plot([step.shapley] * 2, [row - 0.33, row + 0.33], color=INK, linewidth=1.8)
            if stated and step.name in stated:
                ax.plot(stated[step.name], row, "D", color=AMBER, markersize=6, zorder=5)
        widest = max(plan.steps, key=lambda step: step.most - step.least)
        row = [step.name for step in plan.steps].index(widest.name)
        words = f"{_thousands(widest.least)} as the last, {_thousands(widest.most)} as the first"
        note(ax, words, (widest.most, row + 0.25), (-150, -44), RED)
        ax.plot([], [], "o", color=BLUE, markersize=3, label=f"one of {count} orders")
        ax.plot([], [], color=INK, label="mean of them: the Shapley share")
        if stated:
            ax.plot([], [], "D", color=AMBER, markersize=6, label="the usual answer")
        ax.set_yticks(range(len(plan.steps)), [step.title for step in plan.steps])
        ax.invert_yaxis()
        _axis(ax, "x")
        ax.set(xlabel="saving when its turn comes, dollars a month",
               title="A saving has no size of its own: it depends on what was done before")  # fmt: skip
        ax.grid(axis="y", visible=False)
        ax.legend(loc="lower right", fontsize=8)
        return close(figure)


def breakeven(
    hosting: Hosting, apis: Mapping[str, float], gpu_prices: Sequence[float], what: str,
    volume: tuple[str, float] | None = None,
) -> Any:  # fmt: skip
    """Dollars a month over tokens a month: GPUs at several prices (steps) against APIs (lines), with the crossing.

    apis: name -> dollars per million tokens. volume: a volume to mark, with its name.
    """
    from dataclasses import replace

    import numpy as np

    from reference.sizing.memory import Infeasible
    from reference.sizing.self_hosting import breakeven as crossing

    with _money_style() as plt:
        figure, ax = plt.subplots(figsize=(8.6, 4.0))
        points: list[tuple[float, str]] = []
        never: list[str] = []
        for name, price in apis.items():
            try:
                points.append((crossing(hosting, price).always, name))
            except Infeasible:
                never.append(name)
        marks = [at for at, _ in points] + ([volume[1]] if volume else []) or [hosting.tokens_per_gpu]
        tokens = np.geomspace(min(marks) / 8, max(marks) * 8, 800)
        for price, colour in zip(sorted(gpu_prices), (GREEN, BLUE, PURPLE), strict=False):
            fleet = replace(hosting, price_per_hour=price)
            label = f"own GPUs at ${price:g} an hour"
            ax.plot(tokens, [fleet.cost(float(t)) for t in tokens], color=colour, label=label)
        for (name, price), style in zip(apis.items(), ("--", "-.", ":"), strict=False):
            ax.plot(tokens, tokens * price / 1e6, color=RED, linestyle=style, label=f"{name}, ${price:g} a million")
        for number, (at, name) in enumerate(points):
            ax.plot(at, hosting.cost(at), "o", color=INK, zorder=5)
            words = f"at ${hosting.price_per_hour:g} pays from {at / 1e9:,.1f}G tokens a month on\nagainst {name}"
            note(ax, words, (at, hosting.cost(at)), (14, -44 - 40 * number))
        if never:
            ax.text(0.99, 0.03, f"at ${hosting.price_per_hour:g} never pays against {', '.join(never)}", ha="right",
                    color=INK, fontsize=8.5, transform=ax.transAxes)  # fmt: skip
        if volume:
            ax.axvline(volume[1], color=AMBER, linewidth=1)
            ax.text(volume[1], 0.97, f" {volume[0]}", color=AMBER, fontsize=8, va="top",
                    transform=ax.get_xaxis_transform())  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1e9:g}G")
        _axis(ax)
        ax.set(xlabel="tokens a month (log scale)", ylabel="dollars a month (log scale)",
               title=f"{what}: idle GPUs cost as much as busy ones, so volume decides")  # fmt: skip
        ax.legend(loc="upper left", fontsize=8)
        return close(figure)


def roadmap(plan: Plan, stated_order: Sequence[str] = ()) -> Any:
    """Cumulative saving over engineer-weeks in the greedy order; stated_order: another order to compare, dashed."""
    from reference.sizing.bill.plan import NAMES

    with _money_style() as plt:
        figure, ax = plt.subplots(figsize=(8.6, 3.8))
        weeks = [0.0, *(one.total_weeks for one in plan.roadmap)]
        saved = [0.0, *(one.total_saving for one in plan.roadmap)]
        ax.plot(weeks, saved, "o-", color=GREEN, label="most saving per week first")
        for one in plan.roadmap:
            ax.annotate(f"{one.title}\n{_thousands(one.per_week)} a week", (one.total_weeks, one.total_saving),
                        xytext=(-5, 5), textcoords="offset points", fontsize=7.8, ha="right")  # fmt: skip
        if stated_order:
            mask, spent = 0, 0.0
            x, y = [0.0], [0.0]
            for name in stated_order:
                if plan.step(name).refused:
                    continue
                mask |= 1 << NAMES.index(name)
                spent += plan.step(name).weeks
                x.append(spent)
                y.append(plan.savings[mask])
            ax.plot(x, y, "s--", color=AMBER, markersize=4, label="the usual answer's order")
        ax.axhline(plan.saving, color=GREY, linewidth=0.9, linestyle=":")
        if plan.roadmap:
            first = plan.roadmap[0]
            part = first.total_saving / plan.saving
            note(ax, f"{part:.0%} of all that is saved\nafter {first.total_weeks:g} of {weeks[-1]:g} weeks",
                 (first.total_weeks, first.total_saving), (24, -92), BLUE)  # fmt: skip
        _axis(ax)
        ax.set(xlabel="engineer-weeks spent", ylabel="saving reached,\ndollars a month",
               xlim=(0, (weeks[-1] or 1) * 1.08), ylim=(0, max(plan.saving * 1.22, 1)),
               title="The same end by every road; the order decides how soon")  # fmt: skip
        ax.legend(loc="lower right", fontsize=8)
        return close(figure)


def stated_bill(bill: SourceBill) -> Any:
    """Each row as stated and at list price, with the tokens of a request at which it would come true."""
    with _money_style() as plt:
        figure, ax = plt.subplots(figsize=(8.6, 3.0))
        for row, one in enumerate(bill.rows):
            ax.barh(row - 0.19, one.stated, height=0.34, color=GREY, label="as stated" if row == 0 else "")
            ax.barh(row + 0.19, one.list_cost, height=0.34, color=RED if one.list_cost > one.stated else BLUE)
            tokens, out = one.true_at
            true = f"{tokens:,.0f} in, {out:,.0f} out" if out else f"{tokens:,.0f} tokens"
            given = f"{one.input_each:,.0f} in, {one.output_each:,.0f} out" if out else f"{one.input_each:,.0f} tokens"
            ax.text(one.stated, row - 0.19, f"  {_thousands(one.stated)}: true at {true}", va="center", fontsize=8)
            ax.text(one.list_cost, row + 0.19, f"  {_thousands(one.list_cost)} for {given}"
                    f"{' (assumed)' if one.assumed else ''}", va="center", fontsize=8)  # fmt: skip
        ax.barh(0, 0, color=RED, label="at list price, dearer")
        ax.barh(0, 0, color=BLUE, label="at list price, cheaper")
        most = max(one.list_cost for one in bill.rows)
        names = [f"{one.name}\n{one.requests / 1e6:,.0f}M a month" for one in bill.rows]
        ax.set_yticks(range(len(bill.rows)), names)
        ax.invert_yaxis()
        _axis(ax, "x")
        ax.set(xlim=(0, most * 1.4), xlabel="dollars a month",
               title=f"Stated {_thousands(bill.stated)}; its counts cost {_thousands(bill.list_cost)} at list prices"
        )  # fmt: skip
        ax.grid(axis="y", visible=False)
        ax.legend(loc="lower right", fontsize=8)
        return close(figure)
