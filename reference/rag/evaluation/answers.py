"""How answers hold up on questions with known answers: given, supported, from the right place; and refused elsewhere.

Nothing here needs a judge: an answer is right to cite a passage if that passage covers the section that is known to
answer the question. Whether its *sentences* are good prose is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reference.rag.answer import Answerer
from reference.rag.evaluation.coverage import covers
from reference.rag.evaluation.metrics import Interval, mean_interval
from reference.rag.query.searcher import Searcher
from reference.rag.types import PUBLIC


@dataclass(frozen=True)
class AnswerQuality:
    """Shares over the questions, with 95 % intervals.

    Attributes:
        answered: at least one sentence that its passage supports.
        right_source: a cited passage covers the known answer (an unanswered question counts as 0).
        refused: of the `strangers`, those that got no answer; None if there were none.
        removed: sentences that were taken out for want of support.
        seconds: per answer, without the search.
    """

    answered: Interval
    right_source: Interval
    refused: Interval | None
    removed: int
    seconds: tuple[float, ...]


def answer_quality(
    searcher: Searcher,
    answerer: Answerer,
    queries: Mapping[str, str],
    answers: Mapping[str, tuple[str, str]],
    strangers: Sequence[str] = (),
    groups: Mapping[str, str] | None = None,
    tenants: tuple[str, ...] = (PUBLIC,),
) -> AnswerQuality:
    """Ask every question and look at what is cited.

    Args:
        queries: question id -> text. answers: question id -> (document id, text of the section that answers it).
        strangers: questions that the documents do not answer.
        groups: question id -> document, for the intervals.

    Raises:
        ValueError: no question, or queries and answers differ.
    """
    if not queries or set(queries) != set(answers):
        raise ValueError(f"{len(queries)} queries and {len(answers)} answers: they must be the same questions")
    given, right, seconds, removed = {}, {}, [], 0
    for question, text in queries.items():
        found = searcher.search(text, tenants)
        answer = answerer.answer(text, found)
        chunks = {hit.chunk.id: hit.chunk for hit in found.hits}
        document, section = answers[question]
        cited = [chunks[c.chunk_id] for c in answer.citations if c.chunk_id in chunks]
        given[question] = float(answer.in_documents)
        right[question] = float(any(c.document_id == document and covers(c.text, section) for c in cited))
        seconds.append(sum(answer.stages.values()))
        removed += answer.removed
    refused = {
        text: float(not answerer.answer(text, searcher.search(text, tenants)).in_documents) for text in strangers
    }
    return AnswerQuality(
        mean_interval(given, groups=groups),
        mean_interval(right, groups=groups),
        mean_interval(refused) if refused else None,
        removed,
        tuple(seconds),
    )
