"""The labelled questions: what each may and may not share its answer with. English; written for this set.

data/questions.jsonl was written by a language model in three rounds, as people ask a support desk, a search box or a
colleague; it is no traffic of anybody's. Rounds 1 and 2 (198 questions) are tuning now. Half of round 1 was held out
and scored once, with a guard made on its other half: 3 of 271 look-alikes were false hits, 11 of 153 paraphrases were
found. Round 2 was written before the guard changed again, and scored once: 9 of 202 and 66 of 109. Guard and
threshold were then made on all of them. Round 3 (115 questions in 41 other topics) is held out: its author saw
neither the guard nor any score, and who changed the guard did not read round 3. Paraphrases of round 2 stay nearer to
their question than those of round 1. Bring pairs of your own traffic before you believe a rate.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import combinations

SPLITS = ("tuning", "held-out")
KINDS = (
    "negation", "number", "unit", "currency", "version", "name", "tense", "antonym", "direction", "quantifier", "time",
    "conditional", "scope", "question",
)  # fmt: skip


@dataclass(frozen=True)
class Intent:
    """A question, other wordings of it, and questions that look alike and have another answer.

    Attributes:
        others: (kind of difference, question).
    """

    id: str
    topic: str
    split: str
    question: str
    paraphrases: tuple[str, ...]
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Pair:
    """Two questions. `same`: whether they share an answer. `kind`: of the difference; `paraphrase` or `near topic`."""

    one: str
    two: str
    same: bool
    kind: str
    topic: str


@functools.cache
def intents(split: str | None = None) -> tuple[Intent, ...]:
    """All intents, or those of `tuning` or `held-out`. Raises ValueError for another split."""
    if split is not None and split not in SPLITS:
        raise ValueError(f"split: must be one of {', '.join(SPLITS)}, got {split!r}")
    lines = resources.files(__package__).joinpath("data/questions.jsonl").read_text("utf-8").splitlines()
    rows = (json.loads(line) for line in lines)
    return tuple(
        Intent(
            row["id"],
            row["topic"],
            row["split"],
            row["question"],
            tuple(row["paraphrases"]),
            tuple((other["kind"], other["question"]) for other in row["others"]),
        )
        for row in rows
        if split in (None, row["split"])
    )


def adversarial(some: Sequence[Intent]) -> list[Pair]:
    """Each question with each of its look-alikes: no two share an answer."""
    return [
        Pair(one.question, other, False, kind, one.topic) for one in some for kind, other in one.others
    ]  # fmt: skip


def reworded(some: Sequence[Intent]) -> list[Pair]:
    """Each other wording of a question with each of its look-alikes: differences that hide behind other words."""
    return [
        Pair(wording, other, False, kind, one.topic)
        for one in some
        for wording in one.paraphrases
        for kind, other in one.others
    ]


def paraphrases(some: Sequence[Intent]) -> list[Pair]:
    """Each question with each of its other wordings: all share an answer."""
    return [Pair(one.question, other, True, "paraphrase", one.topic) for one in some for other in one.paraphrases]


def near_topic(some: Sequence[Intent]) -> list[Pair]:
    """Different questions of one topic."""
    return [
        Pair(one.question, two.question, False, "near topic", one.topic)
        for one, two in combinations(some, 2)
        if one.topic == two.topic
    ]


def everything_asked(some: Sequence[Intent]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(id, wordings) of every question with an answer of its own: the intents and their look-alikes."""
    for one in some:
        yield one.id, (one.question, *one.paraphrases)
        for number, (_, other) in enumerate(one.others, 1):
            yield f"{one.id}/{number}", (other,)
