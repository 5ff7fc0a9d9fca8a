"""A million posts per minute through tier 1: producer, Redis Streams, worker processes, decision log."""

from __future__ import annotations

from typing import Any

from benchmarks.common import Result, spread


def run(quick: bool = False) -> Result:
    from reference.moderation.experiments.replay import DEFAULT_RATE, ReplayResult, made_posts, replay
    from reference.moderation.pipeline.default import rules_moderator

    count, rounds = (20_000, 1) if quick else (1_000_000, 3)
    rate = 4000.0 if quick else DEFAULT_RATE
    posts = made_posts(count)
    result = Result(
        "moderation_replay",
        f"Does tier 1 keep up with {rate:,.0f} posts/s, end to end?",
        {
            "posts": f"{count:,} of the made corpus, 2 % violating, each with a number of its own; no media",
            "arrivals": "open loop on a fixed schedule; 200 posts per message; 2 worker processes",
            "end": "the decision is committed to the SQLite log (WAL, not waiting for the disk)",
            "tier": "rules, links and language; what they let pass is approved in this run",
            "rules": rules_moderator().text_rules.version,
            "rounds": rounds,
        },
    )
    runs: dict[str, list[ReplayResult]] = {"two workers": [], "one of them killed half-way": []}
    for _ in range(rounds):
        runs["two workers"].append(replay(posts, rate=rate))
        runs["one of them killed half-way"].append(replay(posts, rate=rate, kill_after=0.5))
    for target, outcomes in runs.items():
        for metric, unit, values in _rows(outcomes):
            result.rows.append({"target": target, "metric": metric, "unit": unit, **spread(values)})
        worst = max(outcomes, key=lambda one: one.p99_ms)
        result.conclusions.append(
            f"{target}: at least {min(one.rate for one in outcomes):,.0f} posts/s, p99 at most {worst.p99_ms:.0f} ms, "
            f"{sum(one.lost for one in outcomes)} lost, {sum(one.duplicated for one in outcomes)} duplicated."
        )
    return result


def _rows(outcomes: list[Any]) -> list[tuple[str, str, list[float]]]:
    return [
        ("rate", "posts/s", [one.rate for one in outcomes]),
        ("p50", "ms", [one.p50_ms for one in outcomes]),
        ("p99", "ms", [one.p99_ms for one in outcomes]),
        ("slowest", "ms", [one.max_ms for one in outcomes]),
        ("lost", "posts", [float(one.lost) for one in outcomes]),
        ("duplicated", "decisions", [float(one.duplicated) for one in outcomes]),
        ("decided again and refused", "decisions", [float(one.redelivered) for one in outcomes]),
        ("peak memory, all processes", "MB", [one.peak_mb for one in outcomes]),
        ("peak memory, Redis", "MB", [one.redis_peak_mb for one in outcomes]),
        ("longest stream", "messages", [float(one.longest_stream) for one in outcomes]),
    ]
