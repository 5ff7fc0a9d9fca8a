"""A plan on a terminal: what is recommended, the designs by cost, their day, and what is out with its reason."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.sizing.fleet.plan.make import Plan, Row

_OUT = 8  # infeasible designs that are shown without --all, the nearest misses first


def dollars(amount: float | None) -> str:
    return "-" if amount is None else f"${amount:,.0f}"


def pair(low: float, high: float, digits: int = 0) -> str:
    """Two latencies in milliseconds, `102/641`."""
    return "/".join("-" if not math.isfinite(s) else f"{s * 1000:,.{digits}f}" for s in (low, high))


def headline(plan: Plan) -> list[str]:
    """The question and the answer in sentences."""
    wanted, best = plan.requirements, plan.recommended
    spare = {"zone": "a zone gone", "replica": "a replica gone", "nothing": "nothing gone"}[wanted.survive]
    lines = [
        f"{wanted.users:,.0f} users x {wanted.messages_per_user:g} messages of {wanted.prompt_mean:,.0f} + "
        f"{wanted.output_mean:,.0f} tokens on {wanted.model}: {wanted.peak_rate:,.1f} requests/s in the busiest "
        f"minute, TTFT p{wanted.ttft_percentile:g} {wanted.ttft_ms:,.0f} ms, TPOT p{wanted.tpot_percentile:g} "
        f"{wanted.tpot_ms:,.0f} ms, with {spare}."
    ]
    if best is None:
        miss = plan.nearest_miss
        lines.append("Nothing is feasible." + (f" Nearest miss: {miss.candidate.name}: {miss.reason}." if miss else ""))
        return lines
    lines.append(
        f"Recommended: {best.replicas:,} replicas of {best.candidate.name}, {best.gpus:,} GPUs, {dollars(best.usd)} a "
        f"month{_how(best)}."
    )
    return lines


def _how(row: Row) -> str:
    if row.day is None or (not row.day.fault and row.usd == row.peak_usd):
        return " with the peak's fleet on all day"
    if row.day.fault:
        return f" with the peak's fleet on all day, for {row.day.fault}"
    return f" autoscaled, {dollars(row.peak_usd)} with the peak's fleet on all day"


def show(log: Any, plan: Plan, everything: bool = False) -> None:
    """Print the plan; `everything` also prints every design that is out."""
    from workbook import console

    for line in headline(plan):
        console.say(log, line)
    sized = [(number, row) for number, row in enumerate(plan.rows, 1) if row.regions]
    if sized:
        log.print(_designs(plan, sized))
    if any(row.day for _, row in sized):
        log.print(_days(sized))
    for number, row in sized:
        if row.reason:
            console.say(log, f"{number}. {row.candidate.name}: {row.reason}.")
    out = [row for row in plan.rows if not row.regions]
    if out:
        log.print(_out(out if everything else out[:_OUT]))
    if len(out) > _OUT and not everything:
        console.say(log, f"{len(out) - _OUT} more are out: --all shows them.")
    for line in notes(plan):
        console.say(log, line)


def notes(plan: Plan) -> list[str]:
    """What the figures rest on."""
    from reference.sizing.fleet.plan.size import CONFIRM_AT

    sized = [row for row in plan.rows if row.regions]
    gone = {"zone": "a zone", "replica": "a replica", "nothing": "nothing"}[plan.requirements.survive]
    lines = (
        []
        if not sized
        else [
            f"{plan.simulations:,} simulations in {plan.seconds:.1f} s, seed {plan.seed}; each size was confirmed with "
            f"{plan.effort.confirmations} other seeds at {CONFIRM_AT - 1:.0%} more traffic. Latencies are from the "
            f"last of those, with {gone} gone."
        ]
    )
    sliced = [row for row in sized if row.largest.simulated_replicas < row.largest.survivors]
    if sliced:
        lines.append(
            f"Fleets above {plan.effort.slice} replicas were simulated as a slice with its share of the traffic, which "
            "pools less than the whole: the tail is no better than shown."
        )
    if any("not calibrated" in row.badges for row in sized):
        lines.append(
            "not calibrated: this engine was not measured on this GPU; its times come from its roofline, or from what "
            "another model reached there."
        )
    for row in sized:
        for badge in row.badges:
            if badge.startswith("outside"):
                lines.append(f"{row.candidate.name}: {badge}.")
    lived = [row for row in sized if row.day]
    if lived and any(row.status == "feasible" and not row.day for row in sized):
        lines.append(
            f"A whole day was simulated for the {len(lived)} cheapest by their peak only; the others are ranked by the "
            "peak's fleet."
        )
    prices = {row.candidate.gpu: row.candidate.price_note for row in sized}
    lines += [f"Price of {gpu}: {note}." for gpu, note in prices.items()]
    return lines


def badge(row: Row) -> str:
    """The evidence in one cell: how far the engine model rests on measurements."""
    return row.badges[1].split(":")[0] if len(row.badges) > 1 else f"{row.badges[0].lower()}, within"


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for column in columns:
        left = column in ("design", "evidence", "why", "note")
        wide = column in ("why", "note")
        table.add_column(column, justify="left" if left else "right", overflow="fold", no_wrap=not wide)
    return table


def _designs(plan: Plan, rows: list[tuple[int, Row]]) -> Any:
    gone = {"zone": "zone gone", "replica": "one gone", "nothing": "-"}[plan.requirements.survive]
    table = _table("#", "design", "replicas", "GPUs", "peak, $", "autoscaled", "TTFT ms", "TPOT ms", gone, "evidence")
    for number, row in rows:
        one = row.largest
        seen, drill = one.window, one.drill
        autoscaled = "-" if row.day is None else "misses" if row.day.fault else dollars(row.day.usd_month)
        style = {"failed": "red", "over budget": "yellow"}.get(row.status)
        latencies = (pair(seen.ttft_p50, seen.ttft_p99), pair(seen.tpot_p50, seen.tpot_p99)) if seen else ("-", "-")
        table.add_row(
            str(number), row.candidate.name, f"{row.replicas:,}", f"{row.gpus:,}", dollars(row.peak_usd), autoscaled,
            *latencies, f"{drill.within:.1%}" if drill else "-",
            row.status if row.status != "feasible" else badge(row), style=style,
        )  # fmt: skip
    table.caption = (
        "Dollars a month. TTFT, TPOT: p50/p99. Under what is gone: share answered within both targets while it is."
    )
    return table


def _days(rows: list[tuple[int, Row]]) -> Any:
    table = _table(
        "#", "design", "paid at once", "in flight each", "TTFT ms", "TPOT ms", "within targets", "$/month", "note"
    )
    table.title = "A whole day, autoscaled"
    for number, row in rows:
        if (day := row.day) is None:
            continue
        table.add_row(
            str(number), row.candidate.name, f"{day.low:,}-{day.high:,}", f"{day.target_in_flight:.1f}",
            pair(day.window.ttft_p50, day.window.ttft_p99), pair(day.window.tpot_p50, day.window.tpot_p99, 1),
            f"{day.window.within:.2%}", dollars(day.usd_month), day.fault or f"{day.way}, simulated with {day.part}",
        )  # fmt: skip
    return table


def _out(rows: list[Row]) -> Any:
    """Designs that are out for the same reason share a line."""
    from rich.markup import escape

    table = _table("design", "why")
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row.reason, []).append(row.candidate.name)
    for reason, names in groups.items():
        table.add_row(names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else ""), escape(reason))
    return table
