"""A plan as the fields of --json."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.sizing.fleet.plan.make import Plan, Row
    from reference.sizing.fleet.plan.window import Window


def fields_of(plan: Plan, exported: dict[str, str] | None = None) -> dict[str, Any]:
    """Names of docs/cli-json.md; latencies in milliseconds, dollars a month."""
    from reference.sizing.fleet.plan.from_toml import to_dict

    best = plan.recommended
    miss = plan.nearest_miss if best is None else None
    return {
        "requirements": to_dict(plan.requirements),
        "peak_requests_per_s": plan.requirements.peak_rate,
        "recommended": best.candidate.name if best else None,
        "nearest_miss": {"design": miss.candidate.name, "reason": miss.reason} if miss else None,
        "rows": [row_of(row, number) for number, row in enumerate(plan.rows, 1)],
        "seconds": round(plan.seconds, 2),
        "simulations": plan.simulations,
        "seed": plan.seed,
        "exported": exported or {},
    }


def row_of(row: Row, number: int) -> dict[str, Any]:
    one = row.candidate
    made: dict[str, Any] = {
        "number": number, "design": one.name, "gpu": one.gpu, "gpus_per_replica": one.gpus, "dtype": one.dtype,
        "status": row.status, "reason": row.reason, "usd_per_replica_hour": one.usd_per_hour, "price": one.price_note,
    }  # fmt: skip
    if not row.regions:
        return made
    largest = row.largest
    made |= {
        "replicas": row.replicas, "survivors": row.survivors, "gpus": row.gpus,
        "regions": [{"rate": r.rate, "replicas": r.replicas, "survivors": r.survivors} for r in row.regions],
        "peak_usd": row.peak_usd, "usd": row.usd, "over_budget_usd": row.over_budget_usd, "badges": list(row.badges),
        "evidence": row.evidence.to_dict() if row.evidence else None,
        "limit_by_formula": largest.guess.limit, "rate_by_formula": largest.guess.rate,
        "simulated_replicas": largest.simulated_replicas,
        "peak": window_of(largest.window) if largest.window else None,
    }  # fmt: skip
    if largest.drill:
        made["drill"] = {
            "scope": largest.drill.scope, "requests": largest.drill.requests, "answered": largest.drill.answered,
            "within_slo": largest.drill.within,
        }  # fmt: skip
    if row.day:
        made["day"] = {
            "usd": row.day.usd_month, "least": row.day.least, "low": row.day.low, "high": row.day.high,
            "way": row.day.way,
            "fault": row.day.fault,
            "target_in_flight": row.day.target_in_flight, "simulated_replicas": row.day.part,
            **window_of(row.day.window),
        }  # fmt: skip
    return made


def window_of(seen: Window) -> dict[str, Any]:
    def ms(seconds: float) -> float | None:
        return round(seconds * 1000, 3) if math.isfinite(seconds) else None

    return {
        "requests": seen.requests, "ttft_p50_ms": ms(seen.ttft_p50), "ttft_p99_ms": ms(seen.ttft_p99),
        "ttft_slo_ms": ms(seen.ttft_slo), "tpot_p50_ms": ms(seen.tpot_p50), "tpot_p99_ms": ms(seen.tpot_p99),
        "tpot_slo_ms": ms(seen.tpot_slo), "answered": seen.answered, "within_slo": seen.within,
        "in_flight_per_replica": seen.in_flight, "misses": list(seen.misses),
    }  # fmt: skip
