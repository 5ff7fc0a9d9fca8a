"""A made, decent corpus with labels, suites of evasions and look-alikes, and readers for sets that a user has."""

from reference.moderation.corpus.generation import (
    Splits,
    benign_lookalikes,
    evasion_suite,
    made_corpus,
    replay_lines,
    replay_posts,
    splits,
)
from reference.moderation.corpus.labelled import CATEGORIES, LabelledPost

__all__ = [
    "CATEGORIES", "LabelledPost", "Splits", "benign_lookalikes", "evasion_suite", "made_corpus", "replay_lines",
    "replay_posts", "splits",
]  # fmt: skip
