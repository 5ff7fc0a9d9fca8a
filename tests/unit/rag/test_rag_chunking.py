"""Chunks: true to the embedder's tokens, within their limit, and nothing of a document is lost between them."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.rag.chunking import FixedChunker, SectionChunker
from reference.rag.chunking.paths import shortened
from reference.rag.chunking.tokens import count, tokenize
from reference.rag.minilm_files import minilm_tokenizer
from reference.rag.types import Document, RagError, Section

WORDS = ["the", "index", "unbelievable", "Größe", "x=1;", "don't", "re-ranking", "12,345.6", "中文", "naïve", "(a)",
         "é", "antidisestablishmentarianism", "🙂", "\x00", "a\u0301b"]  # fmt: skip
GAPS = [" ", " ", " ", "\n", "\n\n", ". ", "\u00a0", "\t"]


def passage(least: int, most: int):
    pair = st.tuples(st.sampled_from(WORDS), st.sampled_from(GAPS))
    return st.lists(pair, min_size=least, max_size=most).map(lambda pairs: "".join(w + g for w, g in pairs))


@st.composite
def documents(draw):
    sections = []
    for n in range(draw(st.integers(1, 6))):
        depth = draw(st.integers(0, 3))
        titles = tuple(
            draw(st.sampled_from(["Setup", "Use of it", "A " * 60, "API", ""])) + str(n) for _ in range(depth)
        )
        # One list of words repeated: long texts at little cost
        text = draw(passage(1, 12)) * draw(st.sampled_from([1, 1, 3, 20, 60]))
        sections.append(Section(("Title of the document", *titles), text))
    return Document("d", "Title of the document", "text", "s", tuple(sections), "0" * 64)


def doc(*sections: tuple[tuple[str, ...], str]) -> Document:
    return Document("d", "T", "text", "s", tuple(Section(path, text) for path, text in sections), "0" * 64)


def tokens_of(text: str) -> list[str]:
    return minilm_tokenizer().encode(text, add_special_tokens=False).tokens


CHUNKERS = [
    FixedChunker(),
    FixedChunker(128, 32),
    SectionChunker(),
    SectionChunker(180, 20),
    SectionChunker(carry_path=False),
]


@pytest.mark.slow
@pytest.mark.parametrize("chunker", CHUNKERS, ids=lambda c: c.name)
@settings(max_examples=25, deadline=None)
@given(document=documents())
def test_no_chunk_is_over_its_limit_and_its_length_is_what_the_embedder_will_see(chunker, document):
    limit = chunker.size if isinstance(chunker, FixedChunker) else chunker.limit
    chunks = chunker.chunk(document)
    for chunk, real in zip(chunks, count([chunk.embedded_text for chunk in chunks]), strict=True):
        assert chunk.tokens == real <= limit
        assert chunk.text.strip()
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))


@settings(max_examples=40, deadline=None)
@given(document=documents(), size=st.integers(128, 300), overlap=st.integers(0, 63))
def test_fixed_windows_lose_no_token_and_repeat_what_was_asked(document, size, overlap):
    chunks = FixedChunker(size, overlap).chunk(document)
    whole = tokens_of(document.text)
    texts = [tokens_of(chunk.text) for chunk in chunks]
    joined, longest_word = texts[0] if texts else [], 20
    for before, text in itertools.pairwise(texts):
        repeats = [n for n in range(min(overlap, len(before)) + 1) if before[len(before) - n :] == text[:n]]
        joined = next(
            (joined + text[n:] for n in reversed(repeats) if whole[: len(joined) + len(text) - n] == joined + text[n:]),
            None,
        )
        assert joined is not None
        assert len(before) > size - longest_word
    assert joined == whole
    assert all(chunk.text in document.text for chunk in chunks)


@given(size=st.integers(128, 300), overlap=st.integers(0, 63), words=st.integers(1, 900))
def test_the_overlap_is_exact_where_every_word_is_one_token(size, overlap, words):
    document = doc((("T",), " ".join(str(n % 10) for n in range(words))))
    chunks = FixedChunker(size, overlap).chunk(document)
    assert all(chunk.tokens == size for chunk in chunks[:-1])
    assert sum(chunk.tokens for chunk in chunks) - overlap * (len(chunks) - 1) == words


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(document=documents(), limit=st.integers(170, 400), carry=st.booleans())
def test_section_chunks_lose_no_token_and_repeat_none(document, limit, carry):
    chunks = SectionChunker(limit, 20, carry_path=carry).chunk(document)
    for index, section in enumerate(document.sections):
        held = sum(tokens for chunk in chunks for number, tokens in chunk.sections if number == index)
        assert held == len(tokens_of(section.text))
        alone = [chunk for chunk in chunks if [number for number, _ in chunk.sections] == [index]]
        if alone:
            assert [t for chunk in alone for t in tokens_of(chunk.text)] == tokens_of(section.text)
    for chunk in chunks:
        if len(chunk.sections) > 1:
            assert all(document.sections[number].text.strip() in chunk.text for number, _ in chunk.sections)


@settings(max_examples=10, deadline=None)
@given(document=documents())
def test_the_same_document_gives_the_same_chunks(document):
    for make in (FixedChunker, SectionChunker):
        assert make().chunk(document) == make().chunk(document)


def test_sections_are_kept_apart_and_carry_their_titles():
    text = "word " * 60
    chunks = SectionChunker().chunk(doc((("T", "One"), text), (("T", "Two"), text)))
    assert [chunk.path for chunk in chunks] == [("T", "One"), ("T", "Two")]
    assert chunks[0].embedded_text.startswith("T > One\nword")


def test_tiny_siblings_share_a_chunk_with_their_headings_and_strangers_do_not():
    tiny = [(("T", "A", "x"), "one two"), (("T", "A", "y"), "three four"), (("T", "B", "z"), "five six")]
    chunks = SectionChunker().chunk(doc(*tiny))
    assert [(chunk.path, chunk.text) for chunk in chunks] == [
        (("T", "A"), "x\none two\n\ny\nthree four"),
        (("T", "B", "z"), "five six"),
    ]
    assert chunks[0].sections == ((0, 2), (1, 2))


def test_a_long_section_is_cut_at_a_paragraph_else_a_line_else_a_sentence():
    body = " ".join(["word"] * 70)
    for gap, expected in (("\n\n", "word"), ("\n", "word"), (". ", ".")):
        text = f"{body}{' w' * 60}{gap}{'w ' * 60}{body}"
        first = SectionChunker(limit=254).chunk(doc((("T", "S"), text)))[0].text
        assert first.endswith(expected if gap == ". " else "w")
        assert text.startswith(first + gap.rstrip(". ") if gap != ". " else first)
        assert count([first])[0] == 130 + (gap == ". ")


def test_a_long_trail_of_titles_is_shortened_from_its_middle_inside_the_limit():
    path = (
        "Manual of everything",
        *(f"Level {n} with many more words in its title" for n in range(12)),
        "Last heading",
    )
    chunks = SectionChunker(limit=200).chunk(doc((path, "word " * 500)))
    assert chunks[0].path[0] == path[0]
    assert chunks[0].path[-1] == path[-1]
    assert "…" in chunks[0].path
    assert all(count([" > ".join(chunk.path)])[0] <= 50 for chunk in chunks)
    assert max(chunk.tokens for chunk in chunks) <= 200


@given(path=st.lists(st.text("ab c…", max_size=40), min_size=1, max_size=6), most=st.integers(0, 30))
def test_a_shortened_path_fits_and_a_fitting_path_is_untouched(path, most):
    def length(text: str) -> int:
        return len(re.findall(r"\w|…|>", text))

    found = shortened(tuple(path), most, length)
    assert length(" > ".join(found)) <= most or not found
    full = tuple(title for title in path if title.strip())
    if length(" > ".join(full)) <= most:
        assert found == full


@pytest.mark.slow
def test_a_megabyte_without_a_space_becomes_chunks_of_readable_size():
    document = doc((("T",), "before " + "A" * 1_000_000 + " after"))
    for chunker in (FixedChunker(), SectionChunker()):
        chunks = chunker.chunk(document)
        assert max(len(chunk.text) for chunk in chunks) <= 520 * 500
        assert sum(chunk.text.count("A") for chunk in SectionChunker().chunk(document)) == 1_000_000
        assert [count([chunk.embedded_text])[0] for chunk in chunks] <= [chunk.tokens for chunk in chunks]


@pytest.mark.timeout(60)  # it never ended once
def test_a_word_longer_than_the_rest_of_a_window_does_not_stop_the_next_one():
    digest = ("0a1b2c3d4e5f6a7b8c9d" * 5)[:99]  # nearly as many tokens as digits
    text = " ".join(["word"] * 45 + [digest] + ["word"] * 200)
    assert 128 - 45 < len(tokens_of(digest)) < 128
    chunks = FixedChunker(128, 63).chunk(doc((("Title",), text)))
    assert len(chunks) >= 3
    assert all(chunk.tokens <= 128 for chunk in chunks)
    assert sum(digest in chunk.text for chunk in chunks) >= 1


def test_a_document_without_tokens_has_no_chunks():
    for chunker in CHUNKERS:
        assert chunker.chunk(doc((("T",), "\x00\u200b"))) == []


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: FixedChunker(size=100), "size=100"),
        (lambda: FixedChunker(overlap=-1), "overlap=-1"),
        (lambda: FixedChunker(size=200, overlap=100), "overlap=100"),
        (lambda: SectionChunker(limit=128), "limit=128"),
        (lambda: SectionChunker(smallest=128), "smallest=128"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(make, named):
    with pytest.raises(RagError, match=named):
        make()


def test_offsets_lead_back_to_the_text():
    text = "Naïve  re-ranking, 中文\n\nend"
    tokens = tokenize([text])[0]
    assert tokens.slice(0, len(tokens)) == text
    assert [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)][:2] == ["Naïve", "re"]
