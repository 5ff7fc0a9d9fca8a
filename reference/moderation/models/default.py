"""The models of the made corpus, trained once on the user's machine and kept in the cache.

The cache is keyed by what the models are made from (generator, templates, lexicon, training code, scikit-learn), so
that a changed corpus never meets an old model.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from reference.moderation.corpus import splits
from reference.moderation.models import heads
from reference.moderation.models.minilm import MiniLMModel, vectors
from reference.moderation.models.stack import Cascade, StackedModel
from reference.moderation.models.tfidf import TfidfModel
from reference.moderation.types import ModerationError

KINDS = ("tfidf", "minilm", "stack", "cascade")
# Embedding is slow, so MiniLM learns from a part of the rows: (training, calibration, held out).
EMBEDDED = (3000, 2000, 2000)


def corpus_hash() -> str:
    """12 hex digits over everything that decides what the models learn."""
    import sklearn

    from reference.moderation.rules.lexicon import PATH

    here = Path(__file__).parent
    files = [*sorted((here.parent / "corpus").glob("*.py")), *sorted(here.glob("*.py")), PATH]
    total = hashlib.sha256(sklearn.__version__.encode())
    for path in files:
        total.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


def models_folder() -> Path:
    """Where models of the shipped corpus are kept: a folder of the cache named by the corpus's hash.

    Raises ModerationError if there is no cache folder that can be written.
    """
    from reference.serving.models import ModelError, cache_dir

    try:
        return cache_dir() / "moderation" / corpus_hash()
    except ModelError as error:
        raise ModerationError(str(error)) from error


def default_text_model(kind: str = "tfidf") -> Any:
    """The TextModel of the made corpus; trained on first use (TF-IDF about 10 s, the others about a minute).

    `kind`: tfidf, minilm, stack or cascade. One per kind for the process. ModerationError for an unknown kind, or where
    a file in the cache was changed.
    """
    if kind not in KINDS:
        raise ModerationError(f"kind={kind!r}: choose from {', '.join(KINDS)}")
    return _model(kind, str(models_folder()))


@cache
def _model(kind: str, folder_name: str) -> Any:
    from filelock import FileLock

    folder = Path(folder_name)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".training.lock"):
        if not (folder / "tfidf").exists():
            _train_tfidf(folder)
        tfidf = TfidfModel.load(folder / "tfidf")
        if kind == "tfidf":
            return tfidf
        if not (folder / "bands.json").exists():
            _train_others(folder, tfidf)
    minilm = MiniLMModel.load(folder / "minilm")
    if kind == "minilm":
        return minilm
    stack = StackedModel.load(folder / "stack", tfidf, minilm)
    if kind == "stack":
        return stack
    bands = json.loads((folder / "bands.json").read_text())
    return Cascade(stack, bands["low"], bands["high"])


def _train_tfidf(folder: Path) -> None:
    made = splits()
    model = TfidfModel.train(made.train, made.calibration)
    model.languages = heads.validated_languages(model, made.held_out)
    model.save(folder / "tfidf")


def _train_others(folder: Path, tfidf: TfidfModel) -> None:
    made = splits()
    rows, calibration, held_out = (
        part[:n] for part, n in zip((made.train, made.calibration, made.held_out), EMBEDDED, strict=True)
    )
    first, second = vectors([r.post.text for r in rows]), vectors([r.post.text for r in calibration])
    minilm = MiniLMModel.train(rows, calibration, (first, second))
    minilm.languages = heads.validated_languages(minilm, held_out)
    minilm.save(folder / "minilm")
    stack = StackedModel.train(tfidf, minilm, calibration, second)
    stack.languages = heads.validated_languages(stack, held_out)
    stack.save(folder / "stack")
    cascade = Cascade.train(stack, made.calibration)
    # Last, since its being there says that the others are whole.
    temporary = folder / ".bands.json"
    temporary.write_text(json.dumps({"low": cascade.low, "high": cascade.high}))
    temporary.replace(folder / "bands.json")
