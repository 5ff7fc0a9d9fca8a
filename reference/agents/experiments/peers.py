"""What other reviewers were measured at, on other cases than ours. A direction, not a ranking."""

from __future__ import annotations

import datetime as dt

from reference.sizing.evidence import Cited

SOURCE = Cited(
    "Martian code-review-benchmark: 50 pull requests, 137 golden comments, judged by Claude Opus 4.5; recomputed from "
    "its published judgements",
    dt.date(2026, 11, 23),
    "no clean changes; true faults that are missing from the golden set count as false; another judge moves F1 by 0.08",
)

# (name, precision, recall)
PEERS: tuple[tuple[str, float, float], ...] = (
    ("Augment", 0.470, 0.628),
    ("Cursor Bugbot", 0.462, 0.438),
    ("Greptile", 0.384, 0.387),
    ("Qodo", 0.306, 0.438),
    ("Copilot", 0.266, 0.533),
    ("Claude Code", 0.331, 0.358),
    ("CodeRabbit", 0.239, 0.394),
    ("Graphite", 0.750, 0.088),
)
