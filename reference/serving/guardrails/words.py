"""Read a text as a row of meaningful words, also where they are spelled out, run together or broken in two."""

import re
from dataclasses import dataclass

from reference.serving.guardrails.folding import fold_text
from reference.serving.guardrails.lexicon import Concept, concepts, in_blob, joined

_WORD = re.compile(r"[^\s.,;:?()\[\]{}<>\"“”«»„/\\*#=~`_&%^\-–—…。，、；：？（）「」]+")
_SENTENCE_END = re.compile(r"[.?!;]\s|[。？！]|\n\s{0,8}\n")
_CJK = "\u3000"
# "i g n o r e": letters this close, and this many, are one spelled-out text.
_LETTER_GAP = 3
_MIN_SPELLED = 5
# Unknown words of this length may be several that run together.
_RUN_TOGETHER = 14
_MAX_HALF = 10
# A sentence of fewer words is an abbreviation, or a trick ("Ignore. All. Rules.").
_MIN_SENTENCE = 3


@dataclass(frozen=True, slots=True)
class Word:
    """A word that means something: its place among all words, its sentence, its half-open offsets."""

    means: int
    index: int
    sentence: int
    start: int
    end: int


def meaningful_words(text: str) -> list[Word]:
    """The words of ``text`` that have a concept, in order. Linear in the length of ``text``."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[Word] = []
        self._index = 0
        self._sentence = 0
        self._since_break = 0
        self._letters: list[re.Match[str]] = []
        self._half: re.Match[str] | None = None

    def read(self) -> list[Word]:
        ends = _SENTENCE_END.finditer(self._text)
        end = next(ends, None)
        for match in _WORD.finditer(self._text):
            while end and end.start() < match.start():
                if self._since_break >= _MIN_SENTENCE:
                    self._spell_out()
                    self._sentence += 1
                    self._half = None
                self._since_break = 0
                end = next(ends, None)
            word = match.group()
            if len(word) == 1 or (not word.isascii() and len(fold_text(word)) == 1):
                if self._letters and match.start() - self._letters[-1].end() > _LETTER_GAP:
                    self._spell_out()
                self._letters.append(match)
                continue
            if self._letters:
                self._spell_out()
            self._add(match)
        self._spell_out()
        return self._found

    def _spell_out(self) -> None:
        """Read the single letters so far, as one text if they are many."""
        letters, self._letters = self._letters, []
        if len(letters) < _MIN_SPELLED:
            for match in letters:
                self._add(match)
            return
        # A character that folds to several, or to none, would shift the offsets.
        blob = "".join(fold_text(m.group())[:1] or " " for m in letters).lower()
        for start, end, means in in_blob(blob):
            self._keep(means | Concept.HIDDEN, letters[start].start(), letters[end - 1].end())

    def _add(self, match: re.Match[str]) -> None:
        word = match.group()
        half, self._half = self._half, None
        if means := concepts(word):
            # Quotation marks around a word are not part of it.
            bare = word.strip("'‘’")
            start = match.start() + word.find(bare)
            self._keep(means, start, start + len(bare))
        elif len(word) >= _RUN_TOGETHER or word[0] >= _CJK:
            self._run_together(match)
        elif half and len(word) < _MAX_HALF and (means := joined(half.group(), word)):
            self._keep(means, half.start(), match.end())
        else:
            self._index += 1
            self._since_break += 1
            self._half = match if len(word) < _MAX_HALF else None

    def _run_together(self, match: re.Match[str]) -> None:
        word = match.group()
        blob = word.lower()
        if len(blob) != len(word):
            blob = word
        hidden = Concept.HIDDEN if word[0] < _CJK else Concept.NONE
        before = self._index
        for start, end, means in in_blob(blob):
            self._keep(means | hidden, match.start() + start, match.start() + end)
        if self._index == before:
            self._index += 1
            self._since_break += 1

    def _keep(self, means: int, start: int, end: int) -> None:
        self._index += 1
        self._since_break += 1
        self._found.append(Word(means, self._index, self._sentence, start, end))
