"""The self-hosted small model: a calibrated linear head over sentence vectors, trained in seconds.

The embedder is passed in (texts -> float [n, d], unit rows), as everywhere in this room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference.serving.model_routing import sealed
from reference.serving.model_routing.sealed import RoutingError

Embed = Callable[[Sequence[str]], Any]
KIND = "small-model"


def one_by_one(embed: Embed, texts: Sequence[str]) -> Any:
    """float32 [n, d]: vectors as a server computes them, each text alone.

    An int8 embedder sets its scale per batch, so that neighbours in a batch move a vector: enough to change one answer
    in twenty of a head that was trained on little.
    """
    import numpy as np

    return np.vstack([embed([text]) for text in texts])


_STRENGTH = 10.0  # C of the logistic regression


@dataclass(frozen=True)
class SmallModel:
    """One of `labels` for a text.

    Attributes:
        weights: float32 [d, labels]; bias: float32 [labels].
        temperature: logits are divided by it before the softmax (C. Guo et al. 2017); 1 before calibration.
        embedder: name of the model whose vectors the head was trained on.
    """

    labels: tuple[str, ...]
    weights: Any
    bias: Any
    temperature: float
    embedder: str
    version: str = "unsaved"

    def predict_proba(self, vectors: Any) -> Any:
        """float64 [n, labels], rows of sum 1, for vectors [n, d]. Raises RoutingError for another width."""
        import numpy as np

        vectors = np.asarray(vectors, dtype=np.float64)
        if vectors.ndim != 2 or vectors.shape[1] != self.weights.shape[0]:
            raise RoutingError(f"vectors: must be [n, {self.weights.shape[0]}], got {list(vectors.shape)}")
        logits = (vectors @ self.weights + self.bias) / self.temperature
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    def answer(self, vectors: Any) -> list[tuple[str, float]]:
        """(label, its probability) of each vector."""
        found = self.predict_proba(vectors)
        return [(self.labels[k], float(row[k])) for row, k in zip(found, found.argmax(axis=1), strict=True)]

    def save(self, path: Path) -> SmallModel:
        """Writes one JSON file; returns the model with its version."""
        content = {
            "labels": list(self.labels),
            "weights": [[round(float(v), 5) for v in row] for row in self.weights],
            "bias": [round(float(v), 5) for v in self.bias],
            "temperature": round(self.temperature, 5),
            "embedder": self.embedder,
        }
        return replace(self, version=sealed.save(path, KIND, content))


def load(path: Path, embedder: str = "") -> SmallModel:
    """Raises RoutingError for a changed file, or if it was trained on the vectors of another `embedder` than named."""
    import numpy as np

    content, version = sealed.load(path, KIND)
    if embedder and embedder != content["embedder"]:
        raise RoutingError(f"{path} was trained on vectors of {content['embedder']}, not of {embedder}: train it again")
    return SmallModel(
        tuple(content["labels"]),
        np.array(content["weights"], dtype=np.float32),
        np.array(content["bias"], dtype=np.float32),
        float(content["temperature"]),
        content["embedder"],
        version,
    )


def train(
    vectors: Any, labels: Sequence[str], embedder: str, calibrate_on: tuple[Any, Sequence[str]] | None = None
) -> SmallModel:
    """A head for vectors [n, d] and their labels.

    calibrate_on: (vectors, labels) that were not trained on, for the temperature; None leaves it at 1.
    Raises RoutingError for fewer than two labels, or lengths that differ.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        raise RoutingError(f"labels: two different ones are needed, got {len(names)}")
    if len(vectors) != len(labels):
        raise RoutingError(f"labels: {len(labels)} for {len(vectors)} vectors")
    fitted = LogisticRegression(C=_STRENGTH, max_iter=2000).fit(np.asarray(vectors, dtype=np.float64), list(labels))
    weights, bias = fitted.coef_.T, fitted.intercept_
    if len(names) == 2:  # scikit-learn keeps one column for two classes
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
    model = SmallModel(names, weights.astype(np.float32), bias.astype(np.float32), 1.0, embedder)
    return model if calibrate_on is None else replace(model, temperature=_temperature(model, *calibrate_on))


def _temperature(model: SmallModel, vectors: Any, labels: Sequence[str]) -> float:
    """The one of least log loss on rows that were not trained on."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    unknown = sorted(set(labels) - set(model.labels))
    if unknown:
        raise RoutingError(f"calibrate_on: labels that were not trained: {', '.join(unknown)}")
    truth = np.array([model.labels.index(label) for label in labels])

    def loss(log_temperature: float) -> float:
        found = replace(model, temperature=float(np.exp(log_temperature))).predict_proba(vectors)
        return float(-np.log(np.clip(found[np.arange(len(truth)), truth], 1e-12, 1)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
