"""The bill as tables on a terminal. Names out of exports are escaped: they may hold markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.sizing.bill.plan import Plan
    from reference.sizing.bill.statement import Bill, Total
    from workbook.bill.reading import Reading

_ROWS = 12  # of a table; --json and the page have all


def dollars(amount: float) -> str:
    """`$1,234`, with cents below a hundred dollars and what is left of a cent below that."""
    size = abs(amount)
    digits = 0 if size >= 1000 else 2 if size >= 0.01 or size == 0 else 6
    return f"{'-' if amount < 0 else ''}${size:,.{digits}f}"


def count(number: float) -> str:
    """`999`, `12.3 k`, `4.56 M`."""
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= size:
            return f"{number / (1e3 if unit == ' k' else size):,.3g}{unit}"
    return f"{number:,.0f}"


def weeks(number: float) -> str:
    """`1 week`, `2.5 weeks`."""
    return f"{number:g} week{'' if number == 1 else 's'}"


def rows(number: int) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} row{'' if number == 1 else 's'}"


def show(log: Any, reading: Reading, plan: Plan | None) -> None:
    """Print everything that a reader of a bill needs."""
    from workbook import console

    bill = reading.bill
    for line in headline(reading):
        console.say(log, line)
    if bill.lines:
        _table(log, "model", bill.by("model"))
        for name in ("tenant", "feature", "batch"):
            totals = bill.by(name)
            if len(totals) > 1:
                _table(log, name, totals)
    for line in notes(reading):
        console.say(log, line)
    if plan:
        _plan(log, plan)
    _faults(log, reading)


def headline(reading: Reading) -> list[str]:
    """What it costs, and for how long, in sentences."""
    bill = reading.bill
    read = f"{rows(bill.records)} of {len(reading.files)} file{'s' if len(reading.files) > 1 else ''}"
    if not bill.records:
        names = ", ".join(one.name for one in reading.files)
        return [f"Nothing was used, so the bill is $0: no row of {names} holds usage."]
    first = f"{dollars(bill.total.dollars.total)} at list prices, {read}. {bill.period.summary()}"
    lines = [first]
    if bill.period.per_month != 1.0:
        lines.append(f"{dollars(bill.total.dollars.total * bill.period.per_month)} a month at this rate.")
    if not bill.total.dollars.total and not bill.unpriced:
        lines.append("No tokens were used, so the bill is $0.")
    return lines


def notes(reading: Reading) -> list[str]:
    """What is in the total, what is not, and what was assumed."""
    from workbook.bill.as_json import stated_of, unpriced_of

    bill = reading.bill
    lines = list(_saved(bill))
    unpriced = unpriced_of(bill)
    if unpriced:
        tokens = [(row["model"], row["input_tokens"] + row["output_tokens"]) for row in unpriced[:6]]
        shown = [f"{model} ({count(number)} tokens)" for model, number in tokens]
        more = f" and {len(unpriced) - 6} more" if len(unpriced) > 6 else ""
        share = "Fewer than 0.1%" if 0 < bill.unpriced_share < 0.001 else f"{bill.unpriced_share:.1%}"
        lines.append(
            f"{share} of the tokens have no list price and are not in the total: {', '.join(shown)}{more}. "
            "--price-as NAME=MODEL gives them one."
        )
    if stated := stated_of(bill):
        share = f" ({stated['difference'] / stated['theirs']:+.1%})" if stated["theirs"] else ""
        lines.append(
            f"The export itself says {dollars(stated['theirs'])} for priced rows that state a cost; list prices make "
            f"{dollars(stated['ours'])} of them: {dollars(stated['difference'])} difference{share}."
        )
        if stated["without_price"]:
            lines.append(f"It says {dollars(stated['without_price'])} more for models without a list price.")
    lines += [f"{text[0].upper()}{text[1:]}: {rows(n)}." for text, n in bill.remarks.items()]
    lines += [
        f"{count(n)} {kind} tokens are priced as plain text or not at all." for kind, n in bill.unpriced_kinds.items()
    ]
    lines += [
        f"Too many names to tell apart: further values of {name} are under (other)."
        for name in bill.folded
    ]  # fmt: skip
    lines += [
        f"--price-as {name}: no row has this model{f'; did you mean {near}?' if near else ''}"
        for name, near in reading.unused.items()
    ]
    return lines


def _saved(bill: Bill) -> list[str]:
    saved = bill.savings
    parts = [
        f"{what} {dollars(amount)}"
        for what, amount in (
            ("the provider's prompt cache", saved.prompt_cache),
            ("batches", saved.batch),
            ("the cache of your own", saved.own_cache),
        )
        if amount
    ]
    return [f"Saved already: {', '.join(parts)}."] if parts else []


def _table(log: Any, what: str, totals: Sequence[Total]) -> None:
    from rich.markup import escape
    from rich.table import Table

    everything = sum(one.dollars.total for one in totals)
    table = Table()
    table.add_column(what, overflow="fold")
    for name in ("requests", "input", "cached", "output", "dollars", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in totals[:_ROWS]:
        table.add_row(
            escape(one.name), count(one.requests), count(one.input_tokens), count(one.cached_tokens),
            count(one.output_tokens), dollars(one.dollars.total),
            f"{one.dollars.total / everything:.1%}" if everything else "-",
        )  # fmt: skip
    if len(totals) > _ROWS:
        rest = sum(one.dollars.total for one in totals[_ROWS:])
        table.add_row(
            f"{len(totals) - _ROWS} more",
            "",
            "",
            "",
            "",
            dollars(rest),
            f"{rest / everything:.1%}" if everything else "-",
        )
    log.print(table)


def _plan(log: Any, plan: Plan) -> None:
    from rich.table import Table

    from workbook import console

    console.say(log, plan_headline(plan))
    table = Table("strategy")
    for name in ("saves a month", "5 to 95 %", "alone", "Shapley", "right answers lost", "weeks", "a week"):
        table.add_column(name, justify="right")
    for step in plan.steps:
        if step.refused:
            table.add_row(
                step.title, "-", "", dollars(step.forgone), "-", f"{step.quality_loss:.1%}", f"{step.weeks:g}", "-"
            )
        else:
            table.add_row(
                step.title, dollars(step.saving), f"{dollars(step.low)} to {dollars(step.high)}", dollars(step.alone),
                dollars(step.shapley), f"{step.quality_loss:.1%}", f"{step.weeks:g}", dollars(step.per_week),
            )  # fmt: skip
    log.print(table)
    for step in plan.steps:
        if step.refused:
            console.say(log, f"Refused: {step.title}: {step.refused}.")
    if plan.roadmap:
        order = "; ".join(
            f"{n}. {one.title}, {dollars(one.saving)} a month for {weeks(one.weeks)}"
            for n, one in enumerate(plan.roadmap, 1)
        )
        console.say(log, f"First things first: {order}.")
    console.say(
        log, "Every figure of the plan rests on assumptions: --json lists them, --assumptions FILE changes them."
    )


def plan_headline(plan: Plan) -> str:
    """What all steps together do."""
    text = (
        f"Plan: {dollars(plan.before)} a month become {dollars(plan.after)} (5 to 95 %: {dollars(plan.after_low)} to "
        f"{dollars(plan.after_high)}), {plan.share:.0%} less."
    )
    if plan.overlap > 0.5:
        text += f" One by one the steps promise {dollars(plan.overlap)} more than they save together."
    return text


def _faults(log: Any, reading: Reading) -> None:
    from workbook import console

    faults = reading.faults
    if not faults.total:
        return
    for one in faults.first:
        place = f"{one.file}, line {one.line}" if one.line else one.file
        console.say(log, f"{place}: {one.reason}")
    if faults.total > len(faults.first):
        console.say(log, f"... and {faults.total - len(faults.first):,} more")
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in faults.kinds.most_common())
    console.say(log, f"Not in the bill: {rows(faults.total)} ({kinds}).")
