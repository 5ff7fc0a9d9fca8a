"""Answer quality: what counts as answered, as the right source, as refused."""

from __future__ import annotations

import pytest
from rag_query_fakes import MemoryDense, MemoryLexical, WordEmbedder, chunk

from reference.rag.answer import Answerer
from reference.rag.evaluation.answers import answer_quality
from reference.rag.query import Searcher

RED = "The red lever stops the pump when the pressure rises above four bars."
BLUE = "The blue lever opens the valve so that cold water flows into the boiler."
CHUNKS = [chunk(RED, "pump", 0), chunk(BLUE, "boiler", 0)]
QUERIES = {"red": "What does the red lever stop when the pressure rises?", "blue": "Which lever opens the valve?"}
RIGHT = {"red": ("pump", RED), "blue": ("boiler", BLUE)}


@pytest.fixture
def parts():
    embedder = WordEmbedder()
    searcher = Searcher(MemoryDense(CHUNKS, embedder), MemoryLexical(CHUNKS), embedder)
    return searcher, Answerer(embedder.embed)


def test_answers_from_the_section_that_is_known_to_answer_have_the_right_source(parts):
    quality = answer_quality(*parts, QUERIES, RIGHT)
    assert quality.answered.mean == 1
    assert quality.right_source.mean == 1
    assert len(quality.seconds) == 2
    assert quality.refused is None


@pytest.mark.slow
def test_an_answer_from_elsewhere_is_answered_but_not_from_the_right_source(parts):
    elsewhere = {
        "red": ("pump", "Nothing of this text is in any passage that can be found here."),
        "blue": RIGHT["blue"],
    }
    quality = answer_quality(*parts, QUERIES, elsewhere)
    assert quality.answered.mean == 1
    assert quality.right_source.mean == 0.5
    swapped = {"red": ("boiler", RED), "blue": RIGHT["blue"]}  # right text, wrong document
    assert answer_quality(*parts, QUERIES, swapped).right_source.mean == 0.5


def test_a_question_about_something_else_is_refused(parts):
    quality = answer_quality(*parts, QUERIES, RIGHT, strangers=["xyzzy plugh quux frobnicate"])
    assert quality.refused.mean == 1


def test_questions_without_known_answers_are_refused(parts):
    with pytest.raises(ValueError, match="same questions"):
        answer_quality(*parts, QUERIES, {"red": RIGHT["red"]})
    with pytest.raises(ValueError, match="same questions"):
        answer_quality(*parts, {}, {})
