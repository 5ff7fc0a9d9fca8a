"""Figures of question 5's semantic cache: hits against false hits, and what a wrong answer may cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbook.figures.style import AMBER, BLUE, GREY, INK, RED, close, note, styled

if TYPE_CHECKING:
    from reference.serving.semantic_cache.evaluation import Point, Prices, Traffic

RULES = {"cosine": RED, "word guards": AMBER, "wording guard": BLUE}
MARKED = (0.6, 0.7, 0.8, 0.9)


def curve_points(record: Mapping[str, Any], rule: str) -> list[Point]:
    """The held-out curve of a rule ("cosine", "word guards", "wording guard") in a stored benchmark record."""
    from reference.serving.semantic_cache.evaluation import Point, Rate

    pairs = record["conditions"]["pairs"]["held-out"]
    same, other = pairs["paraphrases"], pairs["look-alikes"]
    return [
        Point(
            float(row["metric"].removeprefix("curve at ")),
            Rate(round(row["median"] * same), same),
            Rate(round(row["false"] * other), other),
        )
        for row in record["rows"]
        if row["target"] == rule and row["metric"].startswith("curve at ")
    ]


def _found(record: Mapping[str, Any], target: str, metric: str) -> Mapping[str, Any] | None:
    rows = (row for row in record["rows"] if row["target"].startswith(target) and row["metric"] == metric)
    return next(rows, None)


def hits_against_false_hits(record: Mapping[str, Any]) -> Any:
    """Paraphrases found over look-alikes answered wrongly, along the threshold, for every rule; GPTCache as a point."""
    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.6, 4.0))
        for rule, colour in RULES.items():
            points = curve_points(record, rule)
            ax.plot([100 * p.false_hits.value for p in points], [100 * p.hits.value for p in points], color=colour)
            for point in points:
                if point.threshold in MARKED and rule != "wording guard":
                    at = (100 * point.false_hits.value, 100 * point.hits.value)
                    ax.plot(*at, "o", color=colour)
                    ax.annotate(f"{point.threshold:g}", at, xytext=(5, -10), textcoords="offset points", fontsize=8,
                                color=colour)  # fmt: skip
        ax.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1)
        ax.text(88, 84, "coin toss", color=GREY, fontsize=8, ha="right")
        false = _found(record, "wording guard, chosen", "false hits, look-alikes, held-out")
        hits = _found(record, "wording guard, chosen", "hits, paraphrases, held-out")
        if false and hits:
            at = (100 * false["median"], 100 * hits["median"])
            ax.plot(*at, "o", color=BLUE, markersize=8, zorder=4)
            note(ax, f"wording guard at {record['conditions']['chosen thresholds']['wording guard']:g}: "
                 f"{hits['hits']} of {hits['n']} paraphrases,\n{false['hits']} of {false['n']} false hits "
                 f"(at most {false['upper']:.1%})", at, (16, 168), BLUE)  # fmt: skip
        peer_false = _found(record, "GPTCache", "false hits, look-alikes, held-out")
        peer_hits = _found(record, "GPTCache", "hits, paraphrases, held-out")
        if peer_false and peer_hits:
            at = (100 * peer_false["median"], 100 * peer_hits["median"])
            ax.plot(*at, "s", color=INK, markersize=7, zorder=4)
            note(ax, f"GPTCache's default rule, our embedder:\n{peer_false['median']:.0%} false hits", at, (-150, -88))
        for rule, at, words in (("cosine", (62, 38), "cosine alone"), ("word guards", (22, 30), "with word guards")):
            ax.text(*at, words, color=RULES[rule], fontsize=9)
        ax.set(xlim=(-1, 101), ylim=(0, 101), xlabel="look-alikes that get the answer to another question, %",
               ylabel="paraphrases found, %",
               title="No cosine threshold keeps look-alikes out; reading the words does, at a price")  # fmt: skip
        return close(figure)


def cost_per_wrong_answer(
    record: Mapping[str, Any], traffic: Traffic, model: float, lookup: float, wrong: Sequence[float]
) -> Any:
    """Dollars per 1,000 requests over the dollars of one wrong answer: no cache, each rule at its cheapest threshold.

    Args:
        traffic: shares of requests that repeat a question in other words, or only look like one.
        model, lookup: dollars of a request to the model and of a lookup.
        wrong: dollars per wrong answer, ascending.
    """
    from reference.serving.semantic_cache.evaluation import Prices, request_cost

    with styled() as plt:
        figure, ax = plt.subplots(figsize=(7.6, 3.6))
        ax.axhline(1000 * model, color=GREY, linestyle="--")
        ax.text(wrong[-1], 1000 * model * 1.01, "no cache", color=GREY, ha="right", va="bottom", fontsize=9)
        for rule, colour in RULES.items():
            points = curve_points(record, rule)
            prices: list[Prices] = [Prices(model, lookup, value) for value in wrong]
            costs = [min(request_cost(point, traffic, price) for point in points) for price in prices]
            ax.plot(wrong, [1000 * cost for cost in costs], color=colour, label=f"{rule}, cheapest threshold")
            over = next((k for k, cost in enumerate(costs) if cost >= model), None)
            if over:
                note(ax, f"from ${wrong[over]:.2g} on no cache is cheaper", (wrong[over], 1000 * model),
                     (-60, -30 - 16 * list(RULES).index(rule)), colour)  # fmt: skip
        fixed = next(p for p in curve_points(record, "cosine") if p.threshold == 0.8)
        costs = [request_cost(fixed, traffic, Prices(model, lookup, value)) for value in wrong]
        ax.plot(wrong, [1000 * cost for cost in costs], color=RED, linestyle=":", label="cosine at 0.8")
        ax.set(xscale="log", xlabel="dollars that one wrong answer costs", ylabel="dollars per 1,000 requests",
               ylim=(0, 2000 * model), xlim=(wrong[0], wrong[-1]),
               title=f"What a semantic cache costs: {traffic.repeats:.0%} repeats, "
               f"{traffic.look_alikes:.0%} look-alikes")  # fmt: skip
        ax.legend(loc="upper left", fontsize=8)
        return close(figure)
