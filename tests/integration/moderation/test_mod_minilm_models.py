from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference.moderation.corpus import made_corpus
from reference.moderation.models import Cascade, MiniLMModel, StackedModel, TfidfModel
from reference.moderation.retraining.drill import drift_drill
from reference.moderation.types import ModerationError

# All of them, so that the models are trained once.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stack() -> StackedModel:
    rows, calibration = made_corpus(600, 1, 0.5, "train"), made_corpus(700, 2, 0.5, "calibration")
    return StackedModel.train(TfidfModel.train(rows, calibration), MiniLMModel.train(rows, calibration), calibration)


def test_saved_parts_come_back_with_the_same_numbers(stack: StackedModel, tmp_path: Path) -> None:
    stack.tfidf.save(tmp_path / "tfidf")
    stack.minilm.save(tmp_path / "minilm")
    stack.save(tmp_path / "stack")
    tfidf, minilm = TfidfModel.load(tmp_path / "tfidf"), MiniLMModel.load(tmp_path / "minilm")
    again = StackedModel.load(tmp_path / "stack", tfidf, minilm)
    texts = [row.post.text for row in made_corpus(40, 5, 0.5)] + ["", "\ud800", "x" * 100_000]
    assert np.array_equal(again.score(texts), stack.score(texts))
    assert ((again.score(texts) > 0) & (again.score(texts) < 1)).all()
    minilm.version = "minilm-another"
    with pytest.raises(ModerationError, match="train again"):
        StackedModel.load(tmp_path / "stack", tfidf, minilm)
    with pytest.raises(ModerationError, match="kind"):
        MiniLMModel.load(tmp_path / "stack")


def test_the_cascade_asks_only_about_the_uncertain_and_answers_like_its_parts(stack: StackedModel) -> None:
    cascade = Cascade(stack, 0.2, 0.6)
    texts = [row.post.text for row in made_corpus(200, 6, 0.5)]
    first = stack.tfidf.score(texts)
    sure = (first.max(axis=1) < 0.2) | (first.max(axis=1) > 0.6)
    found = cascade.score(texts)
    assert 0 < sure.sum() < len(texts)
    assert np.array_equal(found[sure], first[sure])
    assert np.array_equal(found[~sure], stack.score([t for t, s in zip(texts, sure, strict=True) if not s]))
    assert (cascade.asked, cascade.seen) == ((~sure).sum(), len(texts))


def test_no_text_gives_no_rows(stack: StackedModel) -> None:
    assert Cascade(stack, 0.2, 0.6).score([]).shape == (0, len(stack.categories))


def test_recall_falls_with_new_slang_and_recovers_after_a_promotion(tmp_path: Path) -> None:
    drill = drift_drill(tmp_path, weeks=5, slang_from=3, posts=1000)
    before, fall, last = drill.weeks[1], drill.weeks[2], drill.weeks[-1]
    assert fall.recall < before.recall - 0.05
    assert last.recall_slang > fall.recall_slang + 0.3
    promoted = [week for week in drill.weeks if week.verdict == "promote"]
    assert promoted
    assert all(week.version != week.next_version for week in promoted)
    assert drill.rolled_back_to == promoted[-1].version


def test_another_process_scores_the_same(stack: StackedModel, tmp_path: Path) -> None:
    stack.tfidf.save(tmp_path / "model")
    code = (
        "import sys, pathlib\nfrom reference.moderation.models import TfidfModel\n"
        "print(TfidfModel.load(pathlib.Path(sys.argv[1])).score(['a zorgle at the harbour']).tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == stack.tfidf.score(["a zorgle at the harbour"]).tobytes().hex()
