"""The code reviewer on the held-out repositories: precision and recall, silence on clean releases, latency."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.common import Result


def run(quick: bool = False) -> Result:
    from reference.agents.evaluation import evaluate, run_adversarial

    profile, split = ("ci", "tuning") if quick else ("full", "held-out")
    report = evaluate(profile, split)
    attacks = run_adversarial()
    result = Result(
        "review_quality",
        "Does the code reviewer find planted faults, and is it quiet on real releases?",
        {
            "profile": profile,
            "split": f"{split}; repositories are split, not cases",
            "repositories": report.repositories,
            "faulty cases by kind": report.cases,
            "texts": report.origin,
            "at a time": 2,
            "matcher": "path, lines within 3, specialist, family of weakness; no model judges",
        },
    )
    for row in (*report.specialists, report.without_logic, report.overall):
        for metric, value, interval in (
            ("precision", row.precision, row.precision_interval),
            ("recall", row.recall, row.recall_interval),
        ):
            if not math.isnan(value):
                result.rows.append(_row(row.name, metric, value, "", interval))
    clean = report.clean
    if clean.n:
        result.rows.append(
            _row("clean releases", "false comments each", clean.per_change, "comments", clean.per_change_interval)
        )
        result.rows.append(_row("clean releases", "silent", clean.silent_share, "", clean.silent_interval))
    for name in ("p50", "p95"):
        if name in report.latency:
            result.rows.append(_row("review", name, report.latency[name], "s"))
    result.rows.append(_row("attacks", "ran code", sum(one.executed for one in attacks), ""))
    result.rows.append(_row("attacks", "hid the fault", sum(not one.kept and not one.refused for one in attacks), ""))
    met, of = report.reverts
    result.conclusions = [
        f"{report.overall.tp} of {report.overall.tp + report.overall.fn} planted faults found, "
        f"with {report.overall.fp} false comments on all cases together.",
        f"{clean.silent} of {clean.n} clean releases got no comment.",
        f"{met} of {of} reversed fixes of real advisories remarked on.",
        f"{sum(one.passed for one in attacks)} of {len(attacks)} attacks held off.",
    ]
    return result


def _row(
    target: str, metric: str, value: float, unit: str, interval: tuple[float, float] | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = {"target": target, "metric": metric, "median": round(value, 4), "unit": unit}
    if interval is not None and not math.isnan(interval[0]):
        row |= {"low95": round(interval[0], 4), "high95": round(interval[1], 4)}
    return row
