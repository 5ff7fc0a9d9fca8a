"""The router: estimates from a message whether the small model will be right, and decides by a threshold.

Two kinds. `router` looks at the message only (sentence vector, length). `cascade` also looks at how sure the small
model is, so the small model has to be asked first; where that model is a head over the same sentence vector it costs
nothing more, where it is a language model it costs a call.

Logistic regression, then Platt's sigmoid on sentences that were not trained on (J. Platt 1999), then a threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from reference.serving.gateway.seams import Choice
from reference.serving.model_routing import sealed
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.small_model import Embed, SmallModel

Kind = Literal["router", "cascade"]
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)  # C of the logistic regression; chosen over folds of sentences
_LENGTH = 100.0  # characters, so that the feature is near 1
_LEAST = 1e-4


def features(kind: Kind, vectors: Any, texts: Sequence[str], small: SmallModel | None = None) -> Any:
    """float64 [n, d + 1], and for a cascade two more: log odds of the small model's answer, its lead over the second.

    Raises RoutingError for a cascade without its small model.
    """
    import numpy as np

    vectors = np.asarray(vectors, dtype=np.float64)
    columns = [vectors, np.array([[len(text) / _LENGTH] for text in texts])]
    if kind == "cascade":
        if small is None:
            raise RoutingError("small: a cascade needs the small model whose confidence it reads")
        # At temperature 1: the small model's own calibration must not bring labels of the tests in here.
        sure = np.sort(np.clip(replace(small, temperature=1.0).predict_proba(vectors), 1e-9, 1 - 1e-9), axis=1)
        columns += [np.log(sure[:, -1:] / (1 - sure[:, -1:])), np.log(sure[:, -1:] / sure[:, -2:-1])]
    return np.hstack(columns)


@dataclass(frozen=True)
class Router:
    """P(the small model is right), and the threshold from which on it is asked.

    Attributes:
        weights, bias: of the logistic regression over `features`; slope, shift: of the sigmoid over its margin.
        small_version: version of the small model that a cascade reads, "" for a router.
    """

    kind: Kind
    weights: Any
    bias: float
    slope: float
    shift: float
    threshold: float
    embedder: str
    small_version: str = ""
    version: str = "unsaved"

    def scores(self, vectors: Any, texts: Sequence[str], small: SmallModel | None = None) -> Any:
        """float64 [n]: P(the small model is right), calibrated. RoutingError for vectors of another width."""
        import numpy as np

        found = features(self.kind, vectors, texts, small)
        if found.shape[1] != len(self.weights):
            raise RoutingError(
                f"vectors: give {found.shape[1]} features, the router was trained on {len(self.weights)}"
            )
        margins = found @ self.weights + self.bias
        return np.clip(1 / (1 + np.exp(-(self.slope * margins + self.shift))), _LEAST, 1 - _LEAST)

    def at(self, threshold: float) -> Router:
        """The same router with another threshold (inf never asks the small model); a chooser's version names both."""
        if not threshold >= 0:
            raise RoutingError(f"threshold: must be 0 or more, got {threshold}")
        return replace(self, threshold=threshold)

    def save(self, path: Path) -> Router:
        """Writes one JSON file; returns the router with its version."""
        content = {
            "kind": self.kind,
            "weights": [round(float(v), 6) for v in self.weights],
            "bias": round(self.bias, 6),
            "slope": round(self.slope, 6),
            "shift": round(self.shift, 6),
            "threshold": None if math.isinf(self.threshold) else round(self.threshold, 6),
            "embedder": self.embedder,
            "small_version": self.small_version,
        }
        return replace(self, version=sealed.save(path, self.kind, content))


def load(path: Path, kind: Kind, embedder: str = "") -> Router:
    """Raises RoutingError for a changed file, another kind, or vectors of another `embedder` than named."""
    import numpy as np

    content, version = sealed.load(path, kind)
    if embedder and embedder != content["embedder"]:
        raise RoutingError(f"{path} was trained on vectors of {content['embedder']}, not of {embedder}: train it again")
    threshold = math.inf if content["threshold"] is None else float(content["threshold"])
    return Router(
        kind, np.array(content["weights"]), content["bias"], content["slope"], content["shift"], threshold,
        content["embedder"], content["small_version"], version,
    )  # fmt: skip


def train(
    kind: Kind,
    vectors: Any,
    texts: Sequence[str],
    small_right: Any,
    groups: Sequence[str],
    calibration: Any,
    embedder: str,
    small: SmallModel | None = None,
) -> Router:
    """A router without a threshold (inf) from recorded answers.

    Args:
        small_right: bool [n], was the small model right. groups: the sentence that each question was made from.
        calibration: bool [n], rows for the sigmoid; the others train. No group may be on both sides.

    Raises RoutingError where a side has only right or only wrong answers, or a group is on both.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    right, aside, named = np.asarray(small_right, bool), np.asarray(calibration, bool), np.asarray(groups)
    both = set(named[aside]) & set(named[~aside])
    if both:
        raise RoutingError(f"groups: {sorted(both)[0]!r} is in training and in calibration")
    for name, side in (("training", ~aside), ("calibration", aside)):
        if not 0 < right[side].sum() < side.sum():
            raise RoutingError(f"small_right: {name} needs right and wrong answers of the small model")
    seen = features(kind, vectors, texts, small)
    mine, truth, member = seen[~aside], right[~aside], named[~aside]
    folds = list(GroupKFold(min(5, len(set(member)))).split(mine, truth, member)) if len(set(member)) > 1 else []

    def loss(strength: float) -> float:
        told = []
        for fit, rest in folds:
            if 0 < truth[fit].sum() < len(fit):
                found = LogisticRegression(C=strength, max_iter=2000).fit(mine[fit], truth[fit])
                sure = np.clip(found.predict_proba(mine[rest])[:, 1], _LEAST, 1 - _LEAST)
                told.append(-np.where(truth[rest], np.log(sure), np.log1p(-sure)))
        return float(np.concatenate(told).mean()) if told else 0.0

    best = min(STRENGTHS, key=loss)
    fitted = LogisticRegression(C=best, max_iter=2000).fit(mine, truth)
    margins = seen[aside] @ fitted.coef_[0] + fitted.intercept_[0]
    slope, shift = _platt(margins, right[aside])
    reads = small.version if kind == "cascade" and small is not None else ""
    return Router(kind, fitted.coef_[0], float(fitted.intercept_[0]), slope, shift, math.inf, embedder, reads)


def _platt(margins: Any, truth: Any) -> tuple[float, float]:
    """Targets are pulled in by one count each, against overconfidence; the slope may not turn the order round."""
    import numpy as np
    from scipy.optimize import minimize

    positives, n = float(truth.sum()), len(truth)
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (n - positives + 2))

    def loss(numbers: Any) -> float:
        z = numbers[0] * margins + numbers[1]
        return float(np.mean(np.logaddexp(0, z) - target * z))

    found = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
    return float(found[0]), float(found[1])


class ModelChooser:
    """A router at the gateway's seam (reference.serving.gateway.seams.Chooser). Safe for several threads if `embed` is.

    Raises RoutingError for a cascade whose small model is missing or another version than it was trained with.
    """

    def __init__(self, router: Router, embed: Embed, small: SmallModel | None = None) -> None:
        if router.kind == "cascade" and (small is None or small.version != router.small_version):
            raise RoutingError(
                f"small: the cascade reads {router.small_version}, got {small.version if small else 'none'}"
            )
        self._router, self._embed, self._small = router, embed, small
        self.version = f"{router.version}@{router.threshold:.4f}"

    def choose(self, text: str) -> Choice:
        score = float(self._router.scores(self._embed([text]), [text], self._small)[0])
        return Choice("small" if score >= self._router.threshold else "strong", score)
