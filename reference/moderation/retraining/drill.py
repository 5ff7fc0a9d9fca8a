"""A drill: new slang appears, recall falls, reviews bring labels, a retrained model passes the gate, recall returns.

Every figure is measured on the made posts of its week; nothing about the fall or the recovery is put in by hand. The
new words are invented here and are in no lexicon, so that neither rules nor the first model know them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from reference.moderation.corpus import made_corpus
from reference.moderation.corpus.generation import with_text
from reference.moderation.corpus.labelled import LabelledPost
from reference.moderation.corpus.transforms import _token_pattern
from reference.moderation.models.tfidf import TfidfModel
from reference.moderation.retraining.gate import Gate, McNemarGate, Verdict
from reference.moderation.retraining.registry import Versions
from reference.moderation.types import ModerationError

_HEADS = ("bru", "cli", "dro", "fle", "gna", "hro", "kwi", "mlo", "pry", "sno", "thru", "vli")
CAMPAIGN = 0.06  # share of a week's posts that use the new words
_TAILS = ("mpet", "nkle", "rvish", "sdok", "ttarn", "xling", "zgop", "bbert", "ckled", "ddrap")


def new_slang(n: int, seed: int) -> tuple[str, ...]:
    """`n` different invented words that are in no lexicon."""
    from reference.moderation.rules.lexicon import categories, tokens

    known = {token for category in categories() for token in tokens(category)}
    words = [head + tail for head in _HEADS for tail in _TAILS if head + tail not in known]
    if n > len(words):
        raise ModerationError(f"n={n}: at most {len(words)} new words")
    return tuple(Random(f"slang-{seed}").sample(words, n))


@dataclass(frozen=True)
class Week:
    """What one week showed, for the model that was in use during it.

    Attributes:
        recall: of violating posts; recall_slang: of those with a new word, nan before it appears.
        fpr: of allowed posts.
        slang: violating posts with a new word.
        verdict, reason: of the gate over the model retrained after this week; empty where none was trained.
        version: in use during this week; next_version: after it.
    """

    number: int
    posts: int
    recall: float
    recall_slang: float
    fpr: float
    slang: int
    verdict: str
    reason: str
    version: str
    next_version: str


@dataclass(frozen=True)
class Drill:
    weeks: tuple[Week, ...]
    slang_from: int
    words: tuple[str, ...]
    rolled_back_to: str


def _week(number: int, posts: int, seed: int, words: Sequence[str], share: float) -> list[LabelledPost]:
    """Posts of the training templates, and from the campaign on a share of slurs in other templates with a new word."""
    rng = Random(f"week-{seed}-{number}")
    key = seed * 1000 + number + 17
    campaign: list[LabelledPost] = []
    if words:
        wanted = int(posts * share)
        for row in made_corpus(40 * wanted, key, 1.0, "held_out"):
            if row.functionality == "slur_direct" and not row.transform and len(campaign) < wanted:
                text = _token_pattern().sub(rng.choice(tuple(words)), row.post.text)
                campaign.append(with_text(row, text))
    found = made_corpus(posts - len(campaign), key, 0.2, "train") + campaign
    rng.shuffle(found)
    return found


def _says(row: LabelledPost, words: Sequence[str]) -> bool:
    return any(word in row.post.text for word in words)


def _flags(model: TfidfModel, rows: Sequence[LabelledPost], threshold: float) -> Any:
    return model.score([row.post.text for row in rows]).max(axis=1) >= threshold


def drift_drill(
    folder: Path,
    seed: int = 0,
    weeks: int = 6,
    slang_from: int = 3,
    posts: int = 1500,
    reviewed: float = 0.5,
    threshold: float = 0.5,
    gate: Gate | None = None,
) -> Drill:
    """Run the drill; versions are kept under `folder`. About two seconds a week.

    Weeks are numbered from 1. Of each week's posts a share `reviewed` comes back with labels (reviews, reports, the
    random sample that goes to people): of those, two in three train the next model and one in three judges it against
    the old one in shadow. Labels are taken as right and as there by the end of the week, and a campaign repeats
    its own few templates, so that the recovery here is faster and fuller than a platform would see. At the end one
    rollback is made and the version that it returns to is loaded.
    """
    import numpy as np

    if not 1 < slang_from <= weeks:
        raise ModerationError(f"slang_from={slang_from}: after the first and within {weeks} weeks")
    if not 0 < reviewed <= 1:
        raise ModerationError(f"reviewed={reviewed}: a share above 0 and at most 1")
    gate, versions, words = gate or McNemarGate(), Versions(folder), new_slang(6, seed)
    training = _week(0, 2 * posts, seed, (), 0.0)
    calibration = _week(-1, posts, seed, (), 0.0)
    model = TfidfModel.train(training, calibration)
    versions.promote("week-0", model.save)
    name, found = "week-0", []
    judged: list[LabelledPost] = []
    for number in range(1, weeks + 1):
        slang = words if number >= slang_from else ()
        rows = _week(number, posts, seed, slang, CAMPAIGN)
        flags, bad = _flags(model, rows, threshold), np.array([row.violating for row in rows])
        new = np.array([row.violating and _says(row, words) for row in rows])
        rng = Random(f"reviews-{seed}-{number}")
        labelled = [row for row in rows if rng.random() < reviewed]
        for k, row in enumerate(labelled):
            (judged if k % 3 == 0 else training).append(row)
        judged = judged[-posts:]  # the gate looks at what people write now
        candidate = TfidfModel.train(training, calibration)
        old, fresh = (_flags(one, judged, threshold) for one in (model, candidate))
        result = gate.judge(old.tolist(), fresh.tolist(), [row.violating for row in judged])
        used = name
        if result.verdict is Verdict.PROMOTE:
            name, model = f"week-{number}", candidate
            versions.promote(name, model.save)
        found.append(
            Week(
                number,
                len(rows),
                float(flags[bad].mean()),
                float(flags[new].mean()) if new.any() else float("nan"),
                float(flags[~bad].mean()),
                int(new.sum()),
                result.verdict.value,
                result.reason,
                used,
                name,
            )
        )
    rolled = versions.rollback().name if len(versions.history()) > 1 else ""
    if rolled:
        TfidfModel.load(versions.current())  # it must still load, or the way back is none
    return Drill(tuple(found), slang_from, words, rolled)
