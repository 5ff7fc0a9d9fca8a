"""When does a passage of any system answer a question whose answer is one known section?

Systems cut documents differently, so ids of chunks cannot be compared. What can: the text. A passage of the right
document covers the section if it holds at least half of it, or lies at least half inside it. Texts are compared by
their shingles (runs of words), so that white space, hyphens and cut words at the edges do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from reference.rag.types import Document

if TYPE_CHECKING:
    from reference.rag.evaluation.questions import Question

_WORDS = re.compile(r"\w+")
SHARE = 0.5


def shingles(text: str, width: int = 5) -> frozenset[tuple[str, ...]]:
    """All runs of `width` lower-case words; a shorter text is one run."""
    words = tuple(_WORDS.findall(text.lower()))
    if not words:
        return frozenset()
    if len(words) <= width:
        return frozenset({words})
    return frozenset(words[i : i + width] for i in range(len(words) - width + 1))


def covers(passage: str, section: str, share: float = SHARE, width: int = 5) -> bool:
    """Does `passage` hold at least `share` of the section, or lie at least that much inside it?"""
    found, wanted = shingles(passage, width), shingles(section, width)
    if not found or not wanted:
        return False
    common = len(found & wanted)
    return common >= share * len(wanted) or common >= share * len(found)


def answers_of(questions: Iterable[Question], documents: Iterable[Document]) -> dict[str, tuple[str, str]]:
    """Question id -> (document id, text of the sections that answer it).

    `documents` are those that are indexed (after `deleak`): sections keep their order there. Raises ValueError for a
    question whose document is not among them.
    """
    by_id = {document.id: document for document in documents}
    found = {}
    for question in questions:
        if question.document_id not in by_id:
            raise ValueError(f"question {question.id!r}: its document {question.document_id!r} is not in the corpus")
        sections = by_id[question.document_id].sections
        found[question.id] = (question.document_id, "\n".join(sections[index].text for index in question.sections))
    return found


def answer_ranks(
    passages: Mapping[str, Sequence[tuple[str, str]]], answers: Mapping[str, tuple[str, str]], share: float = SHARE
) -> dict[str, int | None]:
    """1-based rank of the first passage that covers each question's answer; None if there is none.

    Args:
        passages: question id -> (document id, text) of what a system found, best first.
        answers: question id -> (document id, text) of the section that answers it.
    """
    ranks: dict[str, int | None] = {}
    for question, (document, section) in answers.items():
        found = enumerate(passages.get(question, ()), start=1)
        ranks[question] = next(
            (n for n, (doc, text) in found if doc == document and covers(text, section, share)), None
        )
    return ranks


def as_rankings(ranks: Mapping[str, int | None], depth: int = 20) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """Ranks as rankings and relevance for `metrics.per_question`: one relevant item, the answer, per question.

    With one relevant item nDCG@10 is 1/log2(1 + rank), the same scale for systems with small and large passages.
    """
    rankings = {
        q: [f"{q}/other{n}" for n in range(1, rank)] + [f"{q}/answer"] if rank else [f"{q}/other1"]
        for q, rank in ranks.items()
    }
    return {q: ids[:depth] for q, ids in rankings.items()}, {q: {f"{q}/answer"} for q in ranks}
