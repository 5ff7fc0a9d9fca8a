"""From a question and its hits to a cited answer, sentence by sentence, through a cascade of ever costlier ways.

extractive: sentences of the passages, chosen by embedding; no model writes anything.
small: the shared engine; it chooses sentence numbers, or writes where it is large enough.
large: a second engine, where there is one.

Every sentence is checked against the passages before it leaves; what they do not support is removed or marked. A way
that brings no supported sentence hands over to the next; if none does, the answer is that the documents do not say.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from reference.rag.answer.defence import gives_orders, without_links
from reference.rag.answer.engines import AnswerEngine
from reference.rag.answer.extractive import best_sentences, candidates, choose_with_model
from reference.rag.answer.passages import Citation, NumberedPassage, citation_of, numbered_passages
from reference.rag.answer.remembered import RememberedVectors
from reference.rag.answer.support import CheckedSentence, Embed, SupportCheck, SupportRules
from reference.rag.answer.writing import SYSTEM_PROMPT, repeats_prompt, written_sentences
from reference.rag.deadline import Budget
from reference.rag.search_result import SearchResult
from reference.rag.types import RagError

NOT_IN_DOCUMENTS = "The documents do not answer this question."
UNSUPPORTED = "[not supported by the documents]"


@dataclass(frozen=True)
class AnswerSettings:
    """Settings of an `Answerer`.

    Attributes:
        extractive_above: search confidence from which sentences are quoted without asking a model.
        least_cosine: of a question with a sentence that may answer it (MiniLM); below it nothing is quoted. On 80 FAQ
            questions of the tuning half the best sentence was above 0.41 for 90 %, on 25 questions about other subjects
            never above 0.35. Questions near the documents' subject without an answer in them were not measured.
        sentences: most sentences of an extractive answer.
        passage_tokens: most tokens of passages in a prompt, roughly.
        unsupported: what happens to a written sentence that no passage supports.
        least_s: seconds that must be left of a budget for a model to be asked at all.
    """

    extractive_above: float = 0.6
    least_cosine: float = 0.4
    sentences: int = 3
    passage_tokens: int = 1024
    unsupported: Literal["remove", "mark"] = "remove"
    least_s: float = 0.5
    support: SupportRules = field(default_factory=SupportRules)

    def __post_init__(self) -> None:
        if self.unsupported not in ("remove", "mark"):
            raise RagError(f"unsupported: must be 'remove' or 'mark', got {self.unsupported!r}")
        if self.sentences < 1 or self.passage_tokens < 16:
            raise RagError("sentences: must be 1 or more; passage_tokens: must be 16 or more")


@dataclass
class Answer:
    """A finished answer.

    Attributes:
        text: sentences with their marks [n]; NOT_IN_DOCUMENTS if nothing held.
        sentences: those that were kept, in order; `removed` counts the others.
        citations: sources of the marks in `text`, by number.
        tier: extractive, small, large, or none.
        orders_dropped: sentences of passages that tried to give orders.
        stages: seconds per tier tried.
    """

    text: str = NOT_IN_DOCUMENTS
    sentences: list[CheckedSentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    in_documents: bool = False
    tier: str = "none"
    removed: int = 0
    orders_dropped: int = 0
    degraded: list[str] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Answerer:
    """Answers questions from search results. Safe for use from several threads.

    Args:
        embed: texts -> unit vectors; for choosing and checking sentences.
        small, large: engines; None leaves the tier out.

    `counts`: answers per tier, `escalated`, `none`, `removed_sentences`, `failed_TIER`.
    """

    def __init__(
        self,
        embed: Embed,
        small: AnswerEngine | None = None,
        large: AnswerEngine | None = None,
        settings: AnswerSettings | None = None,
    ) -> None:
        self._embed, self._small, self._large = RememberedVectors(embed), small, large
        self.settings = settings or AnswerSettings()
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer(self, question: str, result: SearchResult, budget_s: float | None = None) -> Answer:
        """The whole answer. See `stream`."""
        last: Answer | None = None
        for event in self.stream(question, result, budget_s):
            if isinstance(event, Answer):
                last = event
        assert last is not None
        return last

    def stream(
        self, question: str, result: SearchResult, budget_s: float | None = None
    ) -> Iterator[CheckedSentence | Answer]:
        """Checked sentences as they come, then the `Answer`. A sentence that was sent is never taken back.

        Args:
            result: hits that the caller may see; nothing else goes into a prompt.
            budget_s: seconds; models are not asked when fewer than `least_s` are left.
        """
        budget, answer = Budget(budget_s), Answer()
        passages = numbered_passages(result.hits, self.settings.passage_tokens)
        answer.orders_dropped = sum(passage.dropped for passage in passages)
        check = SupportCheck(passages, self._embed, self.settings.support)
        tried = 0
        for tier in self._tiers(result.confidence) if any(passage.sentences for passage in passages) else ():
            if tier != "extractive" and budget.remaining() < self.settings.least_s:
                answer.degraded.append(f"no time for the {tier} model")
                continue
            if tried:
                self._count("escalated")
            tried += 1
            began = time.perf_counter()
            try:
                for sentence in self._sentences(tier, question, passages, check, answer, budget):
                    answer.sentences.append(sentence)
                    answer.tier = tier
                    yield sentence
            except RagError:
                raise
            except Exception as error:  # whatever an engine, its client or its reply may raise
                self._count(f"failed_{tier}")
                answer.degraded.append(f"the {tier} model failed ({type(error).__name__})")
            answer.stages[tier] = answer.stages.get(tier, 0.0) + time.perf_counter() - began
            if any(sentence.supported for sentence in answer.sentences):
                break
        self._finish(answer, passages)
        yield answer

    def _tiers(self, confidence: float) -> list[str]:
        """The ways to try, in order."""
        models = [name for name, engine in (("small", self._small), ("large", self._large)) if engine is not None]
        if self._small is not None and self._small.writes:
            return [*models, "extractive"]
        if confidence >= self.settings.extractive_above or not models:
            return ["extractive", *models]
        return [*models, "extractive"]

    def _sentences(
        self,
        tier: str,
        question: str,
        passages: Sequence[NumberedPassage],
        check: SupportCheck,
        answer: Answer,
        budget: Budget,
    ) -> Iterator[CheckedSentence]:
        """What one tier says, checked; only what may be shown is yielded."""
        engine = {"small": self._small, "large": self._large}.get(tier)
        if engine is not None and engine.writes:
            timeout = min(engine.timeout_s, budget.remaining())
            usage: dict[str, int] = {}
            for text, cited in written_sentences(engine, question, passages, timeout, usage):
                yield from self._checked(text, cited, check, answer)
            answer.prompt_tokens += usage.get("prompt_tokens", 0)
            answer.completion_tokens += usage.get("completion_tokens", 0)
            return
        found = candidates(question, passages, self._embed)
        if engine is None:
            chosen = best_sentences(found, self.settings.least_cosine, self.settings.sentences)
        else:
            near = [one for one in found if one.cosine >= self.settings.least_cosine]
            if not near:
                return
            timeout = min(engine.timeout_s, budget.remaining())
            chosen, prompt, completion = choose_with_model(
                engine.client, engine.model, question, near, self.settings.sentences, timeout
            )
            answer.prompt_tokens += prompt
            answer.completion_tokens += completion
        for one in chosen:
            yield from self._checked(one.text, (one.passage,), check, answer)

    def _checked(
        self, text: str, cited: Sequence[int], check: SupportCheck, answer: Answer
    ) -> Iterator[CheckedSentence]:
        clean = without_links(text).strip()
        if repeats_prompt(clean) or gives_orders(clean):
            verdict = CheckedSentence("", (), False, "repeats or gives instructions")
        else:
            verdict = check.check(clean, cited)
        if verdict.supported:
            yield verdict
            return
        answer.removed += 1
        self._count("removed_sentences")
        if self.settings.unsupported == "mark" and verdict.text:
            yield verdict

    def _finish(self, answer: Answer, passages: Sequence[NumberedPassage]) -> None:
        answer.in_documents = any(sentence.supported for sentence in answer.sentences)
        if not answer.in_documents:
            answer.tier = "none"
        if answer.sentences:
            answer.text = " ".join(shown(sentence) for sentence in answer.sentences)
        used = sorted({number for sentence in answer.sentences for number in sentence.citations})
        by_number = {passage.number: passage for passage in passages}
        answer.citations = [citation_of(by_number[number]) for number in used]
        self._count(answer.tier)

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1


def shown(sentence: CheckedSentence) -> str:
    """A sentence with its marks: "It is so. [2]"; unsupported ones say that they are."""
    marks = "".join(f"[{number}]" for number in sentence.citations)
    return f"{sentence.text} {marks if sentence.supported else UNSUPPORTED}"


def answer_fields(answer: Answer) -> dict[str, Any]:
    """The answer as JSON values."""
    return {
        "text": answer.text,
        "in_documents": answer.in_documents,
        "tier": answer.tier,
        "citations": [
            {"number": c.number, "document": c.document_id, "title": c.title, "path": list(c.path), "source": c.source}
            for c in answer.citations
        ],
        "removed_sentences": answer.removed,
        "orders_dropped": answer.orders_dropped,
        "degraded": answer.degraded,
        "stages": answer.stages,
        "tokens": {"prompt": answer.prompt_tokens, "completion": answer.completion_tokens},
    }


__all__ = ["NOT_IN_DOCUMENTS", "SYSTEM_PROMPT", "Answer", "AnswerSettings", "Answerer", "answer_fields", "shown"]
