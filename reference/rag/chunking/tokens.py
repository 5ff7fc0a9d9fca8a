"""A text as tokens of the embedder with their place in the text, and where it may be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference.rag.minilm_files import minilm_tokenizer

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# A run of characters without a break (base64, a data URL) is one [UNK] token, however long. It is divided, so that no
# chunk is a megabyte of text; a part stays one [UNK] as long as it has more characters than a word may have (100).
_WIDEST_TOKEN, _PART = 1000, 500

WORD, SENTENCE, LINE, PARAGRAPH = range(4)  # how good a place for a cut is


@dataclass(frozen=True)
class Tokens:
    """Tokens of `text`, without [CLS] and [SEP].

    Attributes:
        starts, ends: offsets of each token in `text`, in characters.
        begins_word: whether a token begins a word. Cut only there: a word's second half would be split into other,
            perhaps more, tokens when the chunk is embedded.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    begins_word: Sequence[bool]

    def __len__(self) -> int:
        return len(self.starts)

    def slice(self, first: int, last: int) -> str:
        """Text of tokens [first, last), with all between them and no white space around."""
        if first >= last:
            return ""
        # Characters that the tokenizer drops belong to the token before them; those at the very start to the first.
        begin = 0 if first == 0 else self.starts[first]
        end = len(self.text) if last == len(self) else self.starts[last]
        return self.text[begin:end].strip()

    def word_border_at_or_before(self, index: int, low: int) -> int:
        """The last place in (low, index] where a cut splits no word; `index` if there is none."""
        for place in range(index, low, -1):
            if place == len(self) or self.begins_word[place]:
                return place
        return index

    def quality(self, place: int) -> int:
        """WORD, SENTENCE, LINE or PARAGRAPH: what ends before the token `place`."""
        gap = self.text[self.ends[place - 1] : self.starts[place]]
        if "\n\n" in gap:
            return PARAGRAPH
        if "\n" in gap:
            return LINE
        return SENTENCE if gap and self.text[self.ends[place - 1] - 1] in ".!?;:。！？" else WORD

    def best_cut(self, first: int, most: int) -> int:
        """End of a piece of at most `most` tokens from `first`: at the best place in its second half."""
        if len(self) - first <= most:
            return len(self)
        latest = self.word_border_at_or_before(first + most, first)
        best, best_quality = latest, -1
        for place in range(latest, first + most // 2, -1):
            if self.begins_word[place] and (quality := self.quality(place)) > best_quality:
                best, best_quality = place, quality
                if quality == PARAGRAPH:
                    break
        return best


def tokenize(texts: Sequence[str], tokenizer: Tokenizer | None = None) -> list[Tokens]:
    """Tokens of every text; the tokenizer is MiniLM's unless another is given."""
    tokenizer = tokenizer or minilm_tokenizer()
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return [_tokens(text, encoding) for text, encoding in zip(texts, encoded, strict=True)]


def count(texts: Sequence[str], tokenizer: Tokenizer | None = None) -> list[int]:
    """Length of every text in tokens, special tokens excluded."""
    encoded = (tokenizer or minilm_tokenizer()).encode_batch_fast(list(texts), add_special_tokens=False)
    return [len(encoding) for encoding in encoded]


def _tokens(text: str, encoding: Encoding) -> Tokens:
    offsets, words = encoding.offsets, encoding.word_ids  # each access builds the whole list anew
    starts, ends, begins = [], [], []
    before = None
    for (start, end), word in zip(offsets, words, strict=True):
        begin = word != before
        before = word
        if end - start > _WIDEST_TOKEN:
            edges = [*range(start, end - _PART, _PART), end]
            starts += edges[:-1]
            ends += edges[1:]
            begins += [True] * (len(edges) - 1)
        else:
            starts.append(start)
            ends.append(end)
            begins.append(begin)
    return Tokens(text, starts, ends, begins)
