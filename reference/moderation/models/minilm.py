"""MiniLM in int8 on onnxruntime as a frozen embedder, and one logistic regression per category on its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from reference.moderation.corpus.labelled import LabelledPost
from reference.moderation.models import heads
from reference.moderation.models.calibrated import CalibratedModel
from reference.moderation.models.tfidf import LONGEST
from reference.moderation.types import ModerationError

KIND = "minilm"
STRENGTH = 10.0
TOKENS = 128  # posts are short; what is longer is cut


@cache
def embedder() -> Any:
    """One for the process. ModerationError where its package or file is missing or changed."""
    from reference.rag.embedding.onnx_minilm import OnnxMiniLM
    from reference.rag.types import RagError

    try:
        return OnnxMiniLM("int8", TOKENS)
    except RagError as error:
        raise ModerationError(str(error)) from error


def vectors(texts: Sequence[str]) -> Any:
    """float32 [texts, 384]. In int8 a text's vector depends a little on the texts that are embedded beside it."""
    import numpy as np

    if not len(texts):
        return np.zeros((0, 384), dtype=np.float32)
    return embedder().embed([text[:LONGEST].encode("utf-8", "replace").decode("utf-8") or " " for text in texts])


class MiniLMModel(CalibratedModel):
    """A TextModel."""

    kind = KIND

    @classmethod
    def train(
        cls,
        rows: Sequence[LabelledPost],
        calibration: Sequence[LabelledPost],
        embedded: tuple[Any, Any] | None = None,
    ) -> MiniLMModel:
        """`embedded`: vectors of both lists where the caller has them already."""
        first, second = embedded or (vectors([r.post.text for r in rows]), vectors([r.post.text for r in calibration]))
        coefficients, intercepts = heads.fit_heads(first, rows, STRENGTH)
        model = cls(coefficients, intercepts)
        model.calibrators = heads.fit_calibrators(model.margins_of(second), calibration)
        return model

    def margins_of(self, embedded: Any) -> Any:
        return embedded @ self._coefficients + self._intercepts

    def margins(self, texts: Sequence[str]) -> Any:
        return self.margins_of(vectors(texts))

    def save(self, folder: Path) -> None:
        self._save(folder)

    @classmethod
    def load(cls, folder: Path) -> MiniLMModel:
        """ModerationError for a missing or changed file."""
        return cls(*cls._loaded(folder)[2])
