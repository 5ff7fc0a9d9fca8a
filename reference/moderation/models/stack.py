"""TF-IDF and MiniLM together, and the cascade that asks MiniLM only about the posts that TF-IDF is unsure of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reference.moderation.corpus.labelled import CATEGORIES, LabelledPost
from reference.moderation.models import heads
from reference.moderation.models.calibrated import CalibratedModel
from reference.moderation.models.minilm import MiniLMModel, vectors
from reference.moderation.models.tfidf import TfidfModel

KIND = "stack"
STRENGTH = 0.1
# The band of the cascade: at most so many violating posts below it, and allowed posts above it, on calibration.
BAND_MISSED, BAND_FLAGGED = 0.002, 0.0005


class StackedModel(CalibratedModel):
    """A TextModel: logistic regression on the margins of both.

    Fitted on one half of the calibration templates and calibrated on the other, since on their training rows the two
    models are surer of themselves than they are on new ones.
    """

    kind = KIND

    def __init__(self, tfidf: TfidfModel, minilm: MiniLMModel, *heads_: Any) -> None:
        super().__init__(*heads_)
        self.tfidf, self.minilm = tfidf, minilm

    @classmethod
    def train(
        cls, tfidf: TfidfModel, minilm: MiniLMModel, calibration: Sequence[LabelledPost], embedded: Any = None
    ) -> StackedModel:
        import numpy as np

        texts = [row.post.text for row in calibration]
        features = np.hstack(
            [tfidf.margins(texts), minilm.margins_of(vectors(texts) if embedded is None else embedded)]
        )
        names = {name: k for k, name in enumerate(sorted({row.template for row in calibration}))}
        first = np.array([names[row.template] % 2 == 0 for row in calibration])
        rows = [row for row, chosen in zip(calibration, first, strict=True) if chosen]
        others = [row for row, chosen in zip(calibration, first, strict=True) if not chosen]
        coefficients, intercepts = heads.fit_heads(features[first], rows, STRENGTH)
        model = cls(tfidf, minilm, coefficients, intercepts)
        model.calibrators = heads.fit_calibrators(features[~first] @ coefficients + intercepts, others)
        return model

    def margins(self, texts: Sequence[str]) -> Any:
        import numpy as np

        features = np.hstack([self.tfidf.margins(texts), self.minilm.margins(texts)])
        return features @ self._coefficients + self._intercepts

    def save(self, folder: Path) -> None:
        """Only its own numbers; the two models are saved by themselves, and named by version."""
        self._save(folder, parts=[self.tfidf.version, self.minilm.version])

    @classmethod
    def load(cls, folder: Path, tfidf: TfidfModel, minilm: MiniLMModel) -> StackedModel:
        """ModerationError also where the stack was fitted on other models than those given."""
        from reference.moderation.types import ModerationError

        _, document, arguments = cls._loaded(folder)
        if document["parts"] != [tfidf.version, minilm.version]:
            raise ModerationError(
                f"{folder} was fitted on {document['parts']}, not on {[tfidf.version, minilm.version]}; train again"
            )
        return cls(tfidf, minilm, *arguments)


class Cascade:
    """A TextModel: TF-IDF's scores, and the stack's for posts whose highest TF-IDF score is within [low, high]."""

    categories = CATEGORIES

    def __init__(self, stack: StackedModel, low: float, high: float) -> None:
        self.stack, self.low, self.high = stack, low, high
        self.languages = stack.tfidf.languages & stack.languages
        self.version = f"cascade-{low:.4f}-{high:.4f}-{stack.version}-{stack.tfidf.version}"
        self.asked = 0  # posts that MiniLM saw
        self.seen = 0

    @classmethod
    def train(cls, stack: StackedModel, calibration: Sequence[LabelledPost]) -> Cascade:
        """Bands from the calibration rows: BAND_MISSED and BAND_FLAGGED."""
        import numpy as np

        top = stack.tfidf.score([row.post.text for row in calibration]).max(axis=1)
        bad = np.array([row.violating for row in calibration])
        low = float(np.quantile(top[bad], BAND_MISSED, method="lower"))
        high = float(np.quantile(top[~bad], 1 - BAND_FLAGGED, method="higher"))
        return cls(stack, min(low, high), max(low, high))

    def score(self, texts: Sequence[str]) -> Any:
        import numpy as np

        found = self.stack.tfidf.score(texts)
        top = found.max(axis=1)
        open_rows = np.flatnonzero((top >= self.low) & (top <= self.high))
        self.seen += len(texts)
        self.asked += len(open_rows)
        if len(open_rows):
            found[open_rows] = self.stack.score([texts[k] for k in open_rows])
        return found
