"""Build it: windows of tokens with an overlap, as question 2's fixed chunker cuts them."""

from __future__ import annotations

from itertools import accumulate
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.rag.chunking.fixed import FixedChunker
from reference.rag.types import Document, Section

_DIGITS = 6  # of a token's text, which is its number: so a chunk's text says where it begins


def draw(random: Random) -> dict[str, object]:
    size = random.choice([128, 160, 256])
    return {"size": size, "overlap": random.choice([size // 16, size // 8, size // 5])}


def prompt(p: Params) -> str:
    return f"""An embedder reads {p["size"]} tokens and never sees the rest. Write `windows`, which cuts a text into
windows of at most {p["size"]} tokens that repeat up to {p["overlap"]} tokens of the window before. Cuts fall between
words only, because half a word would be other tokens. You get the number of tokens of each word, and return where each
window begins and ends."""


STUB = '''def windows(words: list[int], size: int, overlap: int) -> list[list[int]]:
    """[[first, end], ...]: each window holds the tokens first, first + 1, ..., end - 1 of the text, counted from 0.

    words: tokens of each word, in order, each at least 1 and at most size // 2; may be empty: then there is no window.
    size: most tokens of a window. overlap: most tokens that a window repeats, 0 to size // 4.

    A window begins and ends between words, and takes as many whole words as fit. The next one begins with as many
    whole words of its end as fit into the overlap (none, if not even the last word does). The window that reaches the
    end of the text is the last.
    """
    raise NotImplementedError
'''


class _Numbered:
    """A tokenizer of numbered tokens, with the part of the interface that the chunker uses."""

    def __init__(self, words: list[int]) -> None:
        self.words = words

    def encode_batch(self, texts: list[str], add_special_tokens: bool) -> list[Any]:
        offsets, word_ids, at = [], [], 0
        for number, size in enumerate(self.words):
            for _ in range(size):
                offsets.append((at, at + _DIGITS))
                word_ids.append(number)
                at += _DIGITS
            at += 1  # the blank
        return [SimpleNamespace(offsets=offsets, word_ids=word_ids)]


def reference(words: list[int], size: int, overlap: int) -> list[list[int]]:
    firsts = [0, *accumulate(words)]
    text = " ".join(
        "".join(f"{token:0{_DIGITS}d}" for token in range(first, first + count))
        for first, count in zip(firsts, words, strict=False)
    )
    document = Document("numbers", "numbers", "text", "", (Section((), text),), "0")
    chunks = FixedChunker(size, overlap, cast(Any, _Numbered(words))).chunk(document)
    begins = [int(chunk.text[:_DIGITS]) for chunk in chunks]
    return [[first, first + chunk.tokens] for first, chunk in zip(begins, chunks, strict=True)]


def _repeated(edges: list[int], first: int, last: int, overlap: int) -> int:
    """Where the next window begins: the words before `last` that fit into the overlap, never all of the window."""
    after = last
    while after > first + 1 and edges[last] - edges[after - 1] <= overlap:
        after -= 1
    return after


def _by_words(words: list[int], size: int, overlap: int, next_first: Any = _repeated) -> list[list[int]]:
    """The same by hand, for one thing to be wrong in."""
    edges = [0, *accumulate(words)]
    found, first, last = [], 0, 0
    while last < len(words):
        last = first
        while last < len(words) and edges[last + 1] - edges[first] <= size:
            last += 1
        found.append([edges[first], edges[last]])
        first = next_first(edges, first, last, overlap)
    return found


def counts_words(words: list[int], size: int, overlap: int) -> list[list[int]]:
    return _by_words(words, size, overlap, lambda edges, first, last, over: max(first + 1, last - over))


def one_word_more(words: list[int], size: int, overlap: int) -> list[list[int]]:
    return _by_words(
        words,
        size,
        overlap,
        lambda edges, first, last, over: max(first + 1, _repeated(edges, first, last, over) - 1),
    )


def runs_out(words: list[int], size: int, overlap: int) -> list[list[int]]:
    """Goes on until no token is left to begin with, as range(0, tokens, size - overlap) does."""
    edges, found = [0, *accumulate(words)], _by_words(words, size, overlap)
    tail = edges[_repeated(edges, 0, len(words), overlap)]
    return [*found, [tail, edges[-1]]] if tail < edges[-1] else found


def cuts_words(words: list[int], size: int, overlap: int) -> list[list[int]]:
    tokens, found, first = sum(words), [], 0
    while first < tokens:
        found.append([first, min(first + size, tokens)])
        if first + size >= tokens:
            break
        first += size - overlap
    return found


def forgets_overlap(words: list[int], size: int, overlap: int) -> list[list[int]]:
    return _by_words(words, size, 0)


def cases(p: Params, random: Random) -> list[Case]:
    size, overlap = p["size"], p["overlap"]

    def case(group: str, words: list[int], **other: int) -> Case:
        return Case(group, {"words": words, "size": size, "overlap": overlap, **other})

    def text(tokens: int, most: int = 4) -> list[int]:
        words: list[int] = []
        while sum(words) < tokens:
            words.append(random.randint(1, most))
        return words

    several = [case("several windows", text(random.randint(4 * size, 7 * size))) for _ in range(4)]
    short = [
        case("one window or none", text(random.randint(1, size - 4))),
        case("one window or none", [1] * size),
        case("one window or none", []),
    ]
    over = [case("just over a border", [1] * (size + more)) for more in (1, overlap, random.randint(2, overlap - 1))]
    step = size - overlap
    over.append(case("just over a border", [1] * (size + step)))
    long = [case("long words", text(4 * size, size // 2)) for _ in range(3)]
    # The last word before each border is longer than the overlap: nothing is repeated there.
    block = [1] * (size - 2 * overlap - 2) + [overlap + 1] * 2
    long.append(case("long words", [*block, *block, *text(random.randint(overlap, size), 3)]))
    none = [case("no overlap", text(random.randint(3 * size, 5 * size)), overlap=0) for _ in range(2)]
    return [*several, *short, *over, *long, *none]


EXERCISE = Exercise(
    id="q2-token-windows",
    kind=Kind.BUILD,
    title="Windows that cut no word",
    section="4.2",
    difficulty=2,
    minutes=20,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Running sums of the words' tokens are the only places where a window may begin or end.",
        "Take words while the window holds them; stop for good as soon as the last word is in.",
        "Then walk back from the end of the window while the words you pass fit into the overlap.",
    ),
    build=Build(
        name="windows",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("words_cut", cuts_words),
            Wrong("overlap_in_words", counts_words),
            Wrong("tail_of_repeats", runs_out),
            Wrong("overlap_too_long", one_word_more),
            Wrong("overlap_ignored", forgets_overlap),
        ),
        cases=cases,
    ),
)
