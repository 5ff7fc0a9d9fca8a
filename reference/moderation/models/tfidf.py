"""Words and character n-grams, weighted by TF-IDF, and one logistic regression per category. Trains in seconds."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reference.moderation.corpus.labelled import CATEGORIES, LabelledPost
from reference.moderation.models import heads
from reference.moderation.models.calibrated import CalibratedModel

KIND = "tfidf"
STRENGTH = 10.0
_WORDS: dict[str, Any] = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}
_LETTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 5)}
_LIMITS = (20_000, 40_000)
LONGEST = 4000  # characters that are read: the rest of a longer post is for the rules, which read all of it


def prepared(text: str) -> str:
    """NFKC, folded look-alikes and lower case, digits to one sign; any str, however broken, is accepted."""
    import disarm

    text = text[:LONGEST].encode("utf-8", "replace").decode("utf-8")
    folded = disarm.strip_obfuscation(unicodedata.normalize("NFKC", text)).casefold()
    return folded.translate(_DIGITS)


_DIGITS = dict.fromkeys(map(ord, "123456789"), "0")


def _vectoriser(settings: dict[str, Any], **more: Any) -> Any:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(lowercase=False, sublinear_tf=True, dtype=np.float32, **settings, **more)


class TfidfModel(CalibratedModel):
    """A TextModel. `terms`: the words' and the letters' vocabulary, in the order of the columns."""

    kind = KIND

    def __init__(self, terms: tuple[list[str], list[str]], weights: tuple[Any, Any], *heads_: Any) -> None:
        super().__init__(*heads_)
        self._terms, self._weights = terms, weights
        self._vectorisers = []
        for settings, names, idf in zip((_WORDS, _LETTERS), terms, weights, strict=True):
            one = _vectoriser(settings, vocabulary={name: k for k, name in enumerate(names)})
            one.idf_ = idf
            self._vectorisers.append(one)

    @classmethod
    def train(cls, rows: Sequence[LabelledPost], calibration: Sequence[LabelledPost]) -> TfidfModel:
        """Fit on `rows`, calibrate on `calibration`. ModerationError where a category is missing in either."""
        from scipy.sparse import hstack

        texts = [prepared(row.post.text) for row in rows]
        fitted = []
        for settings, limit in zip((_WORDS, _LETTERS), _LIMITS, strict=True):
            fitted.append(_vectoriser(settings, min_df=2, max_features=limit).fit(texts))
        features = hstack([one.transform(texts) for one in fitted]).tocsr()
        coefficients, intercepts = heads.fit_heads(features, rows, STRENGTH)
        terms = tuple(one.get_feature_names_out().tolist() for one in fitted)
        model = cls((terms[0], terms[1]), (fitted[0].idf_, fitted[1].idf_), coefficients, intercepts)
        model.calibrators = heads.fit_calibrators(model.margins([r.post.text for r in calibration]), calibration)
        return model

    def margins(self, texts: Sequence[str]) -> Any:
        """float32 [texts, categories]: log odds before calibration."""
        import numpy as np
        from scipy.sparse import hstack

        if not len(texts):
            return np.zeros((0, len(CATEGORIES)), dtype=np.float32)
        clean = [prepared(text) for text in texts]
        features = hstack([one.transform(clean) for one in self._vectorisers], format="csr")
        return np.asarray(features @ self._coefficients) + self._intercepts

    def save(self, folder: Path) -> None:
        tensors = {"word_weights": self._weights[0], "letter_weights": self._weights[1]}
        self._save(folder, tensors, words=self._terms[0], letters=self._terms[1])

    @classmethod
    def load(cls, folder: Path) -> TfidfModel:
        """ModerationError for a missing or changed file."""
        tensors, document, arguments = cls._loaded(folder)
        weights = (tensors["word_weights"], tensors["letter_weights"])
        return cls((document["words"], document["letters"]), weights, *arguments)
