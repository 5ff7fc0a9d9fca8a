"""Question sets: taken from headings, split by document, and taken out of what is indexed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.rag.chunking import FixedChunker, SectionChunker
from reference.rag.evaluation.deleak import deleak, remove
from reference.rag.evaluation.questions import (
    FAQ,
    HELD_OUT,
    TUNING,
    Question,
    faq_questions,
    heading_questions,
    part_of,
    relevant_chunks,
    split,
    summary_questions,
    words_of,
)
from reference.rag.types import Document, RagError, Section

ANSWER = "Run the installer and follow what it says on the screen until it has finished, then restart the machine. "


def doc(name: str, *sections: tuple[tuple[str, ...], str], collection: str = "c") -> Document:
    made = tuple(Section(path, text) for path, text in sections)
    return Document(name, made[0].path[0], "html", name, made, "0" * 64, collection=collection)


def contains(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    return any(words[n : n + len(phrase)] == phrase for n in range(len(words) - len(phrase) + 1))


GUIDE = doc(
    "guide",
    (("Guide",), "How do I install the system? See below. " + ANSWER * 3),
    (("Guide", "1.2. How do I install the system?"), ANSWER * 3),
    (("Guide", "1.2. How do I install the system?", "On small machines"), ANSWER * 4),
    (("Guide", "Why?"), ANSWER * 3),
    (("Guide", "What is left to do afterwards?!"), ANSWER * 8),
    (("Guide", "Removing broken packages"), ANSWER * 4),
)


def test_headings_that_ask_become_questions_without_their_numbers():
    first, second = faq_questions([GUIDE])
    assert (first.text, first.sections, first.kind) == ("How do I install the system?", (1, 2), FAQ)
    assert first.section_path == ("Guide", "1.2. How do I install the system?")
    assert second.text == "What is left to do afterwards?!"


@pytest.mark.parametrize("number", ["1.2. ", "III. ", "A. ", "Q: ", "Question 4: ", "2.1 ", "Chapter 3. ", "A.2) "])
def test_numbers_in_front_of_a_heading_are_no_part_of_the_question(number):
    [question] = faq_questions([doc("d", (("T", number + "Is this what I want?"), ANSWER))])
    assert question.text == "Is this what I want?"


def test_a_question_asked_twice_in_the_corpus_has_no_one_answer_and_is_left_out():
    other = doc("other", (("Other", "how do I install the SYSTEM?"), ANSWER))
    assert [q.text for q in faq_questions([GUIDE, other])] == ["What is left to do afterwards?!"]


def test_a_question_without_an_answer_is_left_out():
    assert faq_questions([doc("d", (("T", "How do I get more of it?"), "No."))]) == []


def test_a_document_that_is_titled_by_a_question_answers_it_as_a_whole():
    title = "How can I get more of it?"
    document = doc("d", ((title,), ANSWER), ((title, "x"), ANSWER))
    [question] = faq_questions([document])
    assert question.sections == (0, 1)
    [clean] = deleak([document], [question])
    assert [section.path for section in clean.sections] == [("c",), ("c", "x")]
    assert clean.title == "c"


def test_headings_as_queries_are_telling_and_few_of_each_document():
    sections = [(("T", f"Removing broken packages number{n}"), ANSWER * 4) for n in range(9)]
    sections += [(("T", "See also"), ANSWER * 4), (("T", "open(path, mode) of files"), ANSWER * 4)]
    found = heading_questions([doc("d", *sections)], per_document=4)
    assert len(found) == 4
    assert all(question.text.startswith("Removing") for question in found)


def test_the_first_sentence_of_a_docstring_asks_for_the_rest_of_it_and_is_taken_out():
    page = doc(
        "m", (("m", "f"), "Split a long line\ninto several short lines.\n\n" + ANSWER * 4), (("m", "g"), "Short.")
    )
    [question] = summary_questions([page])
    assert (question.text, question.sections) == ("Split a long line into several short lines.", (0,))
    [clean] = deleak([page], [question])
    assert not contains(words_of(clean.sections[0].text), words_of(question.text))
    assert summary_questions([page, doc("n", *((s.path, s.text) for s in page.sections))]) == []


def test_relevant_chunks_are_those_of_the_answer_and_its_subsections():
    first, second = faq_questions([GUIDE])
    chunks = SectionChunker().chunk(GUIDE)
    texts = {chunk.id: chunk for chunk in chunks}
    assert {texts[i].path[-1] for i in relevant_chunks(first, chunks)} == {
        "1.2. How do I install the system?",
        "On small machines",
    }
    assert {texts[i].path[-1] for i in relevant_chunks(second, chunks)} == {"What is left to do afterwards?!"}


def test_a_chunk_with_a_few_words_of_the_answer_only_is_not_relevant():
    filler = doc("d", (("T", "A"), "one " * 250), (("T", "Where does the long answer begin?"), "two " * 300))
    [question] = faq_questions([filler])
    chunks = FixedChunker(256, 0).chunk(filler)
    assert [dict(chunk.sections).get(1) for chunk in chunks] == [6, 256, 38]
    assert relevant_chunks(question, chunks) == {chunks[1].id, chunks[2].id}


def test_a_short_answer_is_relevant_where_it_stands():
    short = doc("d", (("T", "A"), "one " * 20), (("T", "Where is the short answer to be found?"), "two " * 12))
    [question] = faq_questions([short])
    assert len(relevant_chunks(question, FixedChunker().chunk(short))) == 1


def test_chunks_that_do_not_know_their_sections_are_refused():
    from dataclasses import replace

    [first, _] = faq_questions([GUIDE])
    with pytest.raises(RagError, match="guide"):
        relevant_chunks(first, [replace(SectionChunker().chunk(GUIDE)[0], sections=())])


@pytest.mark.parametrize("chunker", [SectionChunker(), FixedChunker(128, 20)], ids=lambda c: c.name)
def test_after_deleak_no_question_stands_in_any_chunk_of_its_collection(chunker):
    contents = doc("contents", (("Contents",), "1. How do I install\n the system? 2. What is left to do afterwards?"))
    questions = faq_questions([GUIDE, contents])
    before = [words_of(c.embedded_text) for d in (GUIDE, contents) for c in chunker.chunk(d)]
    after = [words_of(c.embedded_text) for d in deleak([GUIDE, contents], questions) for c in chunker.chunk(d)]
    for question in questions:
        assert any(contains(chunk, words_of(question.text)) for chunk in before)
        assert not any(contains(chunk, words_of(question.text)) for chunk in after)


def test_deleak_keeps_order_and_number_of_sections_and_leaves_strangers_alone():
    stranger = doc("s", (("S",), "How do I install the system?"), collection="elsewhere")
    clean, same = deleak([GUIDE, stranger], faq_questions([GUIDE]))
    assert same is stranger
    assert len(clean.sections) == len(GUIDE.sections)
    assert clean.sections[2].path == ("Guide", "On small machines")
    assert clean.sections[1].text == GUIDE.sections[1].text
    assert clean.id == GUIDE.id


def test_a_question_that_titles_and_text_make_together_is_broken_up():
    page = doc("p", (("About", "How do I start"), "the big machine again " + ANSWER * 3))
    asking = doc("q", (("Q", "How do I start the big machine?"), ANSWER))
    questions = faq_questions([page, asking])
    clean = deleak([page, asking], questions)[0]
    assert clean.sections[0].path == ("c",)
    assert clean.sections[0].text == page.sections[0].text


def test_relevant_chunks_stay_the_same_sections_after_deleak():
    questions = faq_questions([GUIDE])
    [clean] = deleak([GUIDE], questions)
    for question in questions:
        chunks = SectionChunker().chunk(clean)
        found = {index for c in chunks if c.id in relevant_chunks(question, chunks) for index, _ in c.sections}
        assert found == set(question.sections)


@settings(max_examples=200, deadline=None)
@given(text=st.text("ab c.\n", max_size=60), phrase=st.text("ab c", min_size=3, max_size=8))
def test_a_removed_phrase_is_nowhere_left(text, phrase):
    words = words_of(phrase)
    if len(words) >= 2:
        assert not contains(words_of(remove(text, {(words[0], words[1]): [words]})), words)


def test_the_split_is_by_document_and_about_even():
    questions = [Question(str(n), "t", f"doc{n // 3}", (), FAQ, (0,)) for n in range(900)]
    tuning, held_out = split(questions)
    assert {q.document_id for q in tuning}.isdisjoint(q.document_id for q in held_out)
    assert len(tuning) + len(held_out) == 900
    assert 330 < len(tuning) < 570
    assert {part_of(q) for q in tuning} == {TUNING}
    assert {part_of(q) for q in held_out} == {HELD_OUT}
