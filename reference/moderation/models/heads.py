"""What the text models share: one logistic regression per category, calibration, and which languages are validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reference.moderation.corpus.labelled import CATEGORIES, LabelledPost
from reference.moderation.models.calibration import Calibrator, calibrate
from reference.moderation.types import ModerationError

if TYPE_CHECKING:
    from reference.moderation.interfaces import TextModel

# To call a language validated: held-out rows and templates of either kind, and both error rates shown below these.
LEAST_ROWS, LEAST_TEMPLATES = 300, 5
WORST_MISSED, WORST_FLAGGED = 0.5, 0.05


def truth_of(rows: Sequence[LabelledPost]) -> Any:
    """bool [rows, categories]."""
    import numpy as np

    return np.array([[row.category == category for category in CATEGORIES] for row in rows])


def fit_heads(features: Any, rows: Sequence[LabelledPost], strength: float) -> tuple[Any, Any]:
    """(float32 coefficients [features, categories], float32 intercepts [categories]); `strength` is sklearn's C."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    truth = truth_of(rows)
    for k, category in enumerate(CATEGORIES):
        if not 0 < truth[:, k].sum() < len(rows):
            raise ModerationError(f"training needs posts with and without the category {category}")
    coefficients, intercepts = [], []
    for k in range(len(CATEGORIES)):
        fitted = LogisticRegression(C=strength, solver="liblinear", max_iter=200, random_state=0)
        fitted.fit(features, truth[:, k])
        coefficients.append(fitted.coef_[0])
        intercepts.append(fitted.intercept_[0])
    return np.array(coefficients, dtype=np.float32).T.copy(), np.array(intercepts, dtype=np.float32)


def fit_calibrators(margins: Any, rows: Sequence[LabelledPost]) -> tuple[Calibrator, ...]:
    """One calibrator per category, fitted on margins of shape [posts, categories]; templates are never split."""
    truth, groups = truth_of(rows), [row.template for row in rows]
    return tuple(calibrate(margins[:, k], truth[:, k], groups) for k in range(len(CATEGORIES)))


def calibrated(margins: Any, calibrators: Sequence[Calibrator]) -> Any:
    """float32 [rows, categories]"""
    import numpy as np

    columns = [calibrator(margins[:, k]) for k, calibrator in enumerate(calibrators)]
    return np.stack(columns, axis=1).astype(np.float32)


def to_numbers(calibrators: Sequence[Calibrator]) -> list[dict[str, Any]]:
    """Calibrators as JSON: kind and numbers of each."""
    return [{"kind": one.kind, "numbers": list(one.numbers)} for one in calibrators]


def from_numbers(stored: Sequence[Mapping[str, Any]]) -> tuple[Calibrator, ...]:
    """Calibrators from what `to_numbers` gave."""
    return tuple(Calibrator(one["kind"], tuple(one["numbers"])) for one in stored)


def validated_languages(model: TextModel, held_out: Sequence[LabelledPost]) -> frozenset[str]:
    """Languages whose held-out rows suffice to say something, and where at 0.5 the model is clearly better than chance.

    The upper 95 % bounds of missed and of wrongly flagged posts must be below WORST_MISSED and WORST_FLAGGED.
    """
    from reference.moderation.evaluation.rates import upper_bound

    by_language: dict[str, list[LabelledPost]] = {}
    for row in held_out:
        by_language.setdefault(row.language, []).append(row)
    found = set()
    for language, rows in by_language.items():
        sides = [[row for row in rows if row.violating is side] for side in (True, False)]
        if any(len(s) < LEAST_ROWS or len({row.template for row in s}) < LEAST_TEMPLATES for s in sides):
            continue
        missed = int((model.score([row.post.text for row in sides[0]]).max(axis=1) < 0.5).sum())
        flagged = int((model.score([row.post.text for row in sides[1]]).max(axis=1) >= 0.5).sum())
        if upper_bound(missed, len(sides[0])) < WORST_MISSED and upper_bound(flagged, len(sides[1])) < WORST_FLAGGED:
            found.add(language)
    return frozenset(found)
