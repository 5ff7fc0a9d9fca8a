"""How well a reviewer finds faults that are known because code put them in, and how often it speaks on clean changes.

    report = evaluate("ci", "held-out")      # rows per specialist, clean changes, latency; see `Report`
    rows = run_adversarial(reviewer)         # changes that attack the reviewer

Cases are built from real release-to-release diffs (`releases`), so that a fault stands among real changes.
"""

from __future__ import annotations

from .adversarial import AdversarialRow, adversarial_cases, run_adversarial
from .cases import Case, Expected, Place, split_of
from .evaluate import Report, build_cases, evaluate
from .matcher import Outcome, match
from .metrics import cluster_bootstrap, rates, suggest_posted, wilson

__all__ = [
    "AdversarialRow",
    "Case",
    "Expected",
    "Outcome",
    "Place",
    "Report",
    "adversarial_cases",
    "build_cases",
    "cluster_bootstrap",
    "evaluate",
    "match",
    "rates",
    "run_adversarial",
    "split_of",
    "suggest_posted",
    "wilson",
]
