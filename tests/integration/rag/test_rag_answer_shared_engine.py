"""The schemas that bind a small model, on the real engine: what it says may be poor, its form may not."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "rag"))
from rag_query_fakes import WordEmbedder, chunk

from reference.rag.answer import Answerer, AnswerSettings, answer_engine
from reference.rag.expansion import LlmExpander
from reference.rag.search_result import SearchResult
from reference.rag.types import PUBLIC, Hit

pytestmark = pytest.mark.engine

TEXT = "The rotate command moves log files to an archive. The archive keeps 7 days of logs."


def test_variants_are_three_bounded_strings_and_their_tokens_are_counted(engine):
    made = LlmExpander(engine.client(), engine.model, timeout_s=120).expand("how do I rename a file", (PUBLIC,), None)
    assert made.method == "llm"
    assert len(made.variants) <= 3  # a small model may repeat itself; repeats are left out
    assert all(0 < len(variant) <= 120 for variant in made.variants)
    assert made.prompt_tokens > 0
    assert 0 < made.completion_tokens <= 180


def test_a_small_model_can_only_choose_sentences_that_are_there(engine):
    small = answer_engine(engine, timeout_s=120)
    assert not small.writes
    result = SearchResult([Hit(chunk(TEXT, path=("Manual",)), 1.0)], confidence=0.0)
    answerer = Answerer(WordEmbedder().embed, small, settings=AnswerSettings(least_cosine=0.1))
    answer = answerer.answer("what does the rotate command move", result)
    assert "small" in answer.stages
    assert answer.degraded == []  # its reply could be read
    assert answer.prompt_tokens > 0
    assert all(sentence.text in TEXT for sentence in answer.sentences)


def test_a_small_model_that_is_let_write_says_nothing_unsupported(engine):
    free = answer_engine(engine, writes=True, timeout_s=120, max_tokens=60)
    result = SearchResult([Hit(chunk(TEXT, path=("Manual",)), 1.0)], confidence=0.0)
    answerer = Answerer(WordEmbedder().embed, free, settings=AnswerSettings(least_cosine=0.1))
    answer = answerer.answer("how many days of logs are kept", result)
    assert answer.degraded == []
    assert all(sentence.supported for sentence in answer.sentences)
    assert {citation.document_id for citation in answer.citations} <= {"doc"}
    assert answer.completion_tokens > 0
