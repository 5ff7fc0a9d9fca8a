"""The router on recorded answers: train it, choose its threshold, judge it on sentences that it has never seen.

Two ways to be honest about few sentences: one split (that of the router which is shipped), and all sentences held out
once (four folds, a router and a threshold of its own for each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.serving.model_routing.curves import Curve, curve, length_scores, oracle_scores, safe_threshold
from reference.serving.model_routing.judged import Judged
from reference.serving.model_routing.questions import split_of
from reference.serving.model_routing.recording import SOME, STRONG, Recording
from reference.serving.model_routing.router import Kind, Router, train
from reference.serving.model_routing.small_model import SmallModel

FOLDS = 4


@dataclass(frozen=True)
class Trained:
    """A router with its threshold, and what it says of the held-out questions.

    Attributes:
        judged, scores: of the held-out rows, in the order of `rows` (indices into the recording).
    """

    router: Router
    judged: Judged
    scores: Any
    rows: Any

    @property
    def to_small(self) -> Any:
        return self.scores >= self.router.threshold


def judged_of(
    recording: Recording, weak: str = SOME, strong: str = STRONG, rows: Any = None, kind: Kind = "router",
    choosing_s: float | None = None,
) -> Judged:  # fmt: skip
    """Recorded answers of two models at their measured seconds per question (of a whole run, all cores).

    rows: indices; None takes all. choosing_s: seconds of a choice; None takes those of a head (a sentence vector), and
    nothing for a cascade, which pays the small model for every question instead.
    """
    import numpy as np

    rows = np.arange(len(recording.rows)) if rows is None else np.asarray(rows)
    seconds = recording.header["seconds_per_question"]
    n, templates = len(rows), recording.templates()
    first = kind == "cascade"
    if choosing_s is None:
        choosing_s = 0.0 if first else seconds[SOME]
    return Judged(
        recording.correct(strong)[rows], recording.correct(weak)[rows], np.full(n, seconds[strong]),
        np.full(n, seconds[weak]), tuple(templates[k] for k in rows), choosing_s, first,
    )  # fmt: skip


def fit(
    recording: Recording,
    vectors: Any,
    embedder: str,
    kind: Kind = "router",
    weak: str = SOME,
    strong: str = STRONG,
    small: SmallModel | None = None,
    fold: int = 0,
    keep: float = 0.95,
    confidence: float = 0.9,
    choosing_s: float | None = None,
) -> Trained:
    """A router trained on half of the sentences, calibrated and given its threshold on a quarter, judged on a quarter.

    vectors: [n, d] of all questions of the recording. small: the head whose confidence a cascade reads.
    """
    import numpy as np

    texts, templates = recording.texts(), recording.templates()
    split = np.array([split_of(int(name.rsplit("/", 1)[1]), fold) for name in templates])
    mine, aside, held = (
        np.flatnonzero(split != "held-out"),
        split == "calibration",
        np.flatnonzero(split == "held-out"),
    )
    right = recording.correct(weak)
    router = train(
        kind, vectors[mine], [texts[k] for k in mine], right[mine], [templates[k] for k in mine], aside[mine], embedder,
        small,
    )  # fmt: skip
    for_threshold = np.flatnonzero(aside)

    def scores(rows: Any) -> Any:
        return router.scores(vectors[rows], [texts[k] for k in rows], small)

    threshold = safe_threshold(
        scores(for_threshold), judged_of(recording, weak, strong, for_threshold, kind, choosing_s), keep, confidence
    )
    return Trained(router.at(threshold), judged_of(recording, weak, strong, held, kind, choosing_s), scores(held), held)


@dataclass(frozen=True)
class CrossFitted:
    """All sentences, each held out once. Scores of different routers are calibrated alike, so they share a curve."""

    judged: Judged
    scores: Any
    to_small: Any
    rows: Any


def cross_fit(recording: Recording, vectors: Any, embedder: str, **options: Any) -> CrossFitted:
    """`fit` for every fold (options: those of `fit`), put together."""
    import numpy as np

    found = [fit(recording, vectors, embedder, fold=fold, **options) for fold in range(FOLDS)]
    rows = np.concatenate([one.rows for one in found])
    judged = judged_of(
        recording, options.get("weak", SOME), options.get("strong", STRONG), rows, options.get("kind", "router"),
        options.get("choosing_s"),
    )  # fmt: skip
    return CrossFitted(
        judged, np.concatenate([one.scores for one in found]), np.concatenate([one.to_small for one in found]), rows
    )


def curves_of(judged: Judged, scores: Any, texts: Sequence[str], name: str) -> dict[str, Curve]:
    """name -> curve of the router, of length, and of the oracle; the latter two pay nothing for choosing."""
    from dataclasses import replace

    free = replace(judged, choosing=0.0, asks_small_first=False)
    return {
        name: curve(name, scores, judged),
        "length": curve("length", length_scores(texts), free),
        "oracle": curve("oracle", oracle_scores(free), free),
    }


@dataclass(frozen=True)
class Reliability:
    """Calibration in bins of equal count: mean predicted probability, share that was right, n; `error` is the ECE."""

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    counts: tuple[int, ...]
    error: float


def reliability(scores: Any, right: Any, bins: int = 8) -> Reliability:
    """Expected calibration error (M. Naeini et al. 2015) over bins of equal count."""
    import numpy as np

    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    scores, right = np.asarray(scores, float), np.asarray(right, float)
    predicted = [float(scores[part].mean()) for part in parts]
    observed = [float(right[part].mean()) for part in parts]
    counts = [len(part) for part in parts]
    error = sum(n * abs(p - o) for n, p, o in zip(counts, predicted, observed, strict=True)) / len(order)
    return Reliability(tuple(predicted), tuple(observed), tuple(counts), error)
