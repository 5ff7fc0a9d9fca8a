"""Answers with citations, checked sentence by sentence against the passages that they cite."""

from .answerer import NOT_IN_DOCUMENTS, Answer, Answerer, AnswerSettings, answer_fields
from .engines import AnswerEngine, answer_engine, large_engine_from_environment
from .passages import Citation
from .support import CheckedSentence, SupportRules

__all__ = [
    "NOT_IN_DOCUMENTS",
    "Answer",
    "AnswerEngine",
    "AnswerSettings",
    "Answerer",
    "CheckedSentence",
    "Citation",
    "SupportRules",
    "answer_engine",
    "answer_fields",
    "large_engine_from_environment",
]
