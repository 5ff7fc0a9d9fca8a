"""Whether a sentence of an answer is supported by the passages that it cites.

Three cheap tests, all of which must pass: the sentence's numbers are in the passage, enough of its content words are,
and a sentence of the passage is near it in meaning and has the same negations. They find sentences that are about
something else; they do not prove that a sentence follows from its source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reference.rag.answer.passages import NumberedPassage
from reference.rag.answer.sentences import content_words, numbers, sentences
from reference.rag.types import RagError
from reference.serving.semantic_cache.guards import fingerprint

Embed = Callable[[Sequence[str]], Any]  # texts -> float32 [n, d], unit rows

_MARK = re.compile(r"\s*\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")


@dataclass(frozen=True)
class SupportRules:
    """Thresholds. Set by hand on a few dozen examples, not tuned on a labelled set.

    Attributes:
        coverage: least share of the sentence's content words that the cited passages hold.
        similarity: least cosine of the sentence with its nearest sentence there (MiniLM).
    """

    coverage: float = 0.6
    similarity: float = 0.5

    def __post_init__(self) -> None:
        for name, value in (("coverage", self.coverage), ("similarity", self.similarity)):
            if not 0 <= value <= 1:
                raise RagError(f"{name}: must be 0 to 1, got {value}")


@dataclass(frozen=True)
class CheckedSentence:
    """A sentence with what the check found.

    Attributes:
        text: without citation marks.
        citations: passage numbers it is supported by; empty if it is not.
        reason: why it is not supported; empty if it is.
        attributed: True if the citation was found by the check, not given by the writer.
    """

    text: str
    citations: tuple[int, ...]
    supported: bool
    reason: str = ""
    coverage: float = 0.0
    similarity: float = 0.0
    attributed: bool = False


def parse_cited(text: str) -> list[tuple[str, tuple[int, ...]]]:
    """Sentences of an answer with the passage numbers they cite; marks before or after the full stop both count."""
    # "... done. [1] Next" and "... done [1]. Next" become the second form, so that sentences keep their marks.
    moved = re.sub(r"([.!?])((?:\s*\[[\d,;\s]+\])+)", lambda m: f"{m[2]}{m[1]}", text)
    found = []
    for sentence in sentences(moved):
        cited = [int(number) for mark in _MARK.findall(sentence) for number in re.findall(r"\d+", mark)]
        bare = _MARK.sub("", sentence).strip()
        if content_words(bare) or numbers(bare):
            found.append((bare, tuple(dict.fromkeys(cited))))
    return found


class SupportCheck:
    """Checks sentences against one list of passages; their sentences are embedded once.

    Args:
        embed: None leaves the similarity out (numbers, words and negations are still compared).
    """

    def __init__(
        self, passages: Sequence[NumberedPassage], embed: Embed | None = None, rules: SupportRules | None = None
    ) -> None:
        self._passages = {passage.number: passage for passage in passages if passage.sentences}
        self._rules = rules or SupportRules()
        self._embed = embed
        self._vectors: dict[int, Any] = {}

    def check(self, text: str, cited: Sequence[int]) -> CheckedSentence:
        """One sentence. Without a (valid) citation every passage is tried; the first that supports it is cited."""
        valid = [number for number in cited if number in self._passages]
        if valid:
            together = self._judge(text, valid)
            if together.supported:
                return together
            if len(valid) > 1:
                return together
        attempts = [self._judge(text, [number]) for number in self._passages if [number] != valid]
        found = [attempt for attempt in attempts if attempt.supported]
        if found:
            best = max(found, key=lambda attempt: (attempt.coverage + attempt.similarity, -attempt.citations[0]))
            return CheckedSentence(text, best.citations, True, "", best.coverage, best.similarity, True)
        if valid:
            return self._judge(text, valid)
        reason = "cites no passage that exists" if cited else "cites nothing, and no passage supports it"
        return CheckedSentence(text, (), False, reason)

    def _judge(self, text: str, chosen: Sequence[int]) -> CheckedSentence:
        held = [sentence for number in chosen for sentence in self._passages[number].sentences]
        whole = " ".join([*held, *(self._passages[number].heading for number in chosen)])
        missing = numbers(text) - numbers(whole)
        words = content_words(text)
        present = set(content_words(whole))
        coverage = sum(word in present for word in words) / len(words) if words else 1.0
        if missing:
            return CheckedSentence(
                text, (), False, f"numbers not in the source: {', '.join(sorted(missing))}", coverage
            )
        if coverage < self._rules.coverage:
            return CheckedSentence(text, (), False, "words are not in the source", coverage)
        nearest, similarity = self._nearest(text, chosen, held)
        if similarity < self._rules.similarity:
            return CheckedSentence(text, (), False, "no sentence of the source is near it", coverage, similarity)
        if bool(fingerprint(text).negations) != bool(fingerprint(nearest).negations):
            return CheckedSentence(text, (), False, "negated otherwise than the source", coverage, similarity)
        return CheckedSentence(text, tuple(chosen), True, "", coverage, similarity)

    def _nearest(self, text: str, chosen: Sequence[int], held: Sequence[str]) -> tuple[str, float]:
        """The sentence nearest to `text`; by shared words where there is no embedder."""
        if self._embed is None:
            words = set(content_words(text))
            shared = [len(words & set(content_words(sentence))) / max(1, len(words)) for sentence in held]
            best = max(range(len(held)), key=lambda position: shared[position])
            return held[best], 1.0
        import numpy as np

        for number in chosen:
            if number not in self._vectors:
                self._vectors[number] = self._embed(list(self._passages[number].sentences))
        cosines = np.concatenate([self._vectors[number] for number in chosen]) @ self._embed([text])[0]
        best = int(np.argmax(cosines))
        return held[best], float(cosines[best])
