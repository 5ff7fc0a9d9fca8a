"""The JSON object of `workbook bill`; its names are those of docs/cli-json.md."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.sizing.bill.plan import Plan
    from reference.sizing.bill.statement import Bill, Total
    from workbook.bill.reading import Reading


def fields_of(reading: Reading, plan: Plan | None, out: str | None) -> dict[str, Any]:
    """All fields, floats finite."""
    from reference.sizing.bill.statement import BYS

    bill = reading.bill
    return {
        "files": [
            {"file": one.name, "rows": one.rows, "empty": one.empty, "faulty": one.faulty} for one in reading.files
        ],
        "formats": dict(reading.formats),
        "seconds": round(reading.seconds, 3),
        "period": _period(bill),
        "total": {**_total(bill.total), "dollars_per_month": bill.total.dollars.total * bill.period.per_month},
        "by": {name: [{"name": one.name, **_total(one)} for one in bill.by(name)] for name in BYS},
        "savings": {
            "prompt_cache": bill.savings.prompt_cache,
            "batch": bill.savings.batch,
            "own_cache": bill.savings.own_cache,
        },
        "prices": prices_of(bill),
        "priced_as": [
            {"model": one.model, "provider": one.provider, "as": one.listed_model, "at": one.listed_provider}
            for one in bill.priced_as
        ],
        "unpriced": unpriced_of(bill),
        "unpriced_share": bill.unpriced_share,
        "stated": stated_of(bill),
        "remarks": dict(bill.remarks),
        "tokens_not_priced": dict(bill.unpriced_kinds),
        "told_apart_no_more": dict(bill.folded),
        "price_as_unused": dict(reading.unused),
        "faults": {
            "total": reading.faults.total,
            "kinds": dict(reading.faults.kinds),
            "first": [
                {"file": one.file, "line": one.line, "kind": one.kind, "reason": one.reason}
                for one in reading.faults.first
            ],
        },
        "plan": plan.to_dict() if plan else None,
        "out": out,
    }


def _total(total: Total) -> dict[str, float]:
    return {
        "dollars": total.dollars.total,
        "input_dollars": total.dollars.input,
        "cached_dollars": total.dollars.cached,
        "output_dollars": total.dollars.output,
        "requests": total.requests,
        "input_tokens": total.input_tokens,
        "cached_tokens": total.cached_tokens,
        "output_tokens": total.output_tokens,
    }


def _period(bill: Bill) -> dict[str, Any]:
    period = bill.period
    return {
        "start": _iso(period.start),
        "end": _iso(period.end),
        "days": period.days,
        "origin": period.origin,
        "per_month": period.per_month,
    }


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def prices_of(bill: Bill) -> list[dict[str, Any]]:
    """Dollars per million tokens that the bill was priced at, a row a model and provider."""
    from reference.sizing.bill.prices import model_price

    names = sorted({(line.model, line.provider) for line in bill.lines})
    return [
        {
            "model": price.model, "provider": price.provider, "input": price.input, "cached": price.cached,
            "output": price.output, "batch_factor": price.batch, "source": price.evidence.summary(),
        }
        for price in (model_price(*name) for name in names)
    ]  # fmt: skip


def unpriced_of(bill: Bill) -> list[dict[str, Any]]:
    """Models without a list price, with their tokens, most of them first."""
    found: dict[str, dict[str, Any]] = {}
    for line in bill.unpriced:
        row = found.setdefault(
            line.model,
            {"model": line.model, "requests": 0, "input_tokens": 0, "output_tokens": 0,
             "reason": bill.reasons.get(line.model, "")},
        )  # fmt: skip
        row["requests"] += line.requests
        row["input_tokens"] += line.input_tokens
        row["output_tokens"] += line.output_tokens
    return sorted(found.values(), key=lambda row: (-row["input_tokens"] - row["output_tokens"], row["model"]))


def stated_of(bill: Bill) -> dict[str, Any] | None:
    """Our figure beside the export's own; None if it states no cost."""
    if not bill.stated and not bill.stated_unpriced:
        return None
    ours = sum(one[0] for one in bill.stated.values())
    theirs = sum(one[1] for one in bill.stated.values())
    return {
        "ours": ours,
        "theirs": theirs,
        "difference": ours - theirs,
        "without_price": bill.stated_unpriced,
        "models": [{"model": model, "ours": a, "theirs": b, "requests": n} for model, (a, b, n) in bill.stated.items()],
    }
