from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference.moderation.corpus import made_corpus
from reference.moderation.corpus.labelled import CATEGORIES, LabelledPost
from reference.moderation.models import TfidfModel, default_text_model
from reference.moderation.models.calibration import at_prevalence, calibrate
from reference.moderation.models.heads import validated_languages
from reference.moderation.types import ModerationError

BROKEN = ["", " ", "\ud800 lone", "\x00\x00", "zorgle\u202e", "a\u0300" * 500, "x" * 1_000_000, "🙂", "привет мир"]


@pytest.fixture(scope="module")
def rows() -> list[LabelledPost]:
    return made_corpus(1500, 1, 0.4, "train")


@pytest.fixture(scope="module")
def model(rows: list[LabelledPost]) -> TfidfModel:
    return TfidfModel.train(rows, made_corpus(1000, 2, 0.4, "calibration"))


def test_a_loaded_model_scores_bit_for_bit_like_the_saved_one(
    model: TfidfModel, rows: list[LabelledPost], tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    again = TfidfModel.load(tmp_path / "model")
    texts = [row.post.text for row in rows[:300]] + BROKEN
    assert np.array_equal(again.score(texts), model.score(texts))
    assert again.version == model.version
    assert again.languages == model.languages


def test_scores_are_probabilities_of_every_category_for_any_text(model: TfidfModel) -> None:
    scores = model.score(BROKEN)
    assert scores.shape == (len(BROKEN), len(CATEGORIES))
    assert scores.dtype == np.float32
    assert ((scores > 0) & (scores < 1)).all()
    assert model.score([]).shape == (0, len(CATEGORIES))


def test_a_score_does_not_depend_on_the_texts_beside_it(model: TfidfModel, rows: list[LabelledPost]) -> None:
    texts = [row.post.text for row in rows[:40]]
    together = model.score(texts)
    alone = np.concatenate([model.score([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-6)


def test_it_learns_more_than_chance_on_templates_it_never_saw(model: TfidfModel) -> None:
    held_out = made_corpus(1000, 3, 0.4, "held_out")
    top = model.score([row.post.text for row in held_out]).max(axis=1)
    bad = np.array([row.violating for row in held_out])
    better = (top[bad][:, None] > top[~bad][None, :]).mean()
    assert better > 0.75


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "manifest.json"])
def test_a_missing_file_is_named(model: TfidfModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    with pytest.raises(ModerationError, match=name):
        TfidfModel.load(tmp_path / "model")


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_changed_file_is_refused_with_both_hashes(model: TfidfModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / "model")
    path = tmp_path / "model" / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModerationError, match=r"sha256 [0-9a-f]{64}, not [0-9a-f]{64}"):
        TfidfModel.load(tmp_path / "model")


def test_saving_again_replaces_the_model_and_leaves_nothing_else(model: TfidfModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    model.save(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert not list((tmp_path / "model").glob("*.pkl"))


def test_training_without_a_category_says_which() -> None:
    rows = [row for row in made_corpus(400, 1, 0.4, "train") if row.category != "phishing"]
    with pytest.raises(ModerationError, match="phishing"):
        TfidfModel.train(rows, rows)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ModerationError, match="tfidf, minilm, stack, cascade"):
        default_text_model("bert")


@pytest.mark.parametrize(
    ("bend", "kind"), [(lambda p: p, "platt"), (lambda p: np.where(p > 0.5, 0.95, 0.1), "isotonic")]
)
def test_the_calibration_that_fits_is_chosen_and_rises_with_the_margin(bend, kind: str) -> None:
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 3, 4000)
    truth = rng.random(4000) < bend(1 / (1 + np.exp(-margins)))
    found = calibrate(margins, truth, [str(k % 50) for k in range(4000)])
    assert found.kind == kind
    steps = found(np.linspace(-8, 8, 200))
    assert (np.diff(steps) >= 0).all()
    assert abs(found(margins).mean() - truth.mean()) < 0.02


def test_prevalence_moves_a_probability_by_bayes_rule() -> None:
    assert at_prevalence(0.5, 0.5, 0.02) == pytest.approx(0.02)
    assert at_prevalence(0.8, 0.3, 0.3) == pytest.approx(0.8)


class _Knows:
    version, categories = "fake", CATEGORIES
    languages: frozenset[str] = frozenset()

    def __init__(self, right: bool) -> None:
        self.right = right

    def score(self, texts):
        bad = np.array([("bad" in text) is self.right for text in texts])
        return np.repeat(bad[:, None], len(CATEGORIES), axis=1).astype(np.float32)


def test_a_language_is_validated_only_with_enough_rows_and_few_errors() -> None:
    from dataclasses import replace

    one = made_corpus(1, 0, 0.0)[0]

    def some(n: int, language: str) -> list[LabelledPost]:
        return [
            replace(
                one,
                category="hate" if k % 2 else "",
                language=language,
                template=str(k % 20),
                post=replace(one.post, text="bad" if k % 2 else "good"),
            )
            for k in range(n)
        ]

    rows = some(600, "en") + some(598, "de")
    assert validated_languages(_Knows(True), rows) == {"en"}
    assert validated_languages(_Knows(False), rows) == frozenset()
    assert validated_languages(_Knows(True), [replace(row, template="1") for row in rows]) == frozenset()
