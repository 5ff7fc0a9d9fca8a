"""Takes the questions' words out of the documents, so that no search can win by finding the heading itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reference.rag.evaluation.questions import Question, words_of
from reference.rag.types import Document, Section

_WORD = re.compile(r"\w+")
GAP = "…"
_SEAM = 300  # characters of a section's text that may complete what its titles begin
Phrases = dict[tuple[str, str], list[tuple[str, ...]]]  # by their first two words


def deleak(documents: Iterable[Document], questions: Sequence[Question]) -> list[Document]:
    """The documents, in their order, without the questions' wording.

    A heading that is a question of the set disappears from every title and path of its collection, and so does its
    wording wherever a text of the collection repeats it: tables of contents, "see the answer to ...". Sections keep
    their number and order, so that `Question.sections` stays true. Documents of other collections are untouched.
    """
    documents = list(documents)
    collection_of = {document.id: document.collection for document in documents}
    by_collection: dict[str, Phrases] = {}
    for question in questions:
        collection = collection_of.get(question.document_id)
        words = words_of(question.text)
        if collection is not None and len(words) >= 2:
            phrases = by_collection.setdefault(collection, {})
            phrases.setdefault((words[0], words[1]), []).append(words)
    return [
        _without(document, by_collection[document.collection]) if document.collection in by_collection else document
        for document in documents
    ]


def _without(document: Document, phrases: Phrases) -> Document:
    title = _title(document.title, phrases) or document.collection or "untitled"

    def cleaned(section: Section) -> Section:
        below = (_title(heading, phrases) for heading in section.path[1:])
        path, text = (title, *(heading for heading in below if heading)), remove(section.text, phrases)
        if _found(" > ".join(path) + "\n" + text[:_SEAM], phrases):
            # Titles and text make a question together: the titles go, all of them.
            path = (document.collection or "untitled",)
        return Section(path, text)

    sections = tuple(cleaned(section) for section in document.sections)
    if sections == document.sections:
        return document
    return replace(document, title=title, sections=sections)


def _title(title: str, phrases: Phrases) -> str:
    """The title without the phrases; empty if no more than a number is left."""
    left = remove(title, phrases)
    return left if left == title or re.search(r"[^\W\d_]{2}", left) else ""


def remove(text: str, phrases: Phrases) -> str:
    """Text without the phrases, compared word by word: case, punctuation and line breaks make no difference."""
    while True:
        spans = _found(text, phrases)
        if not spans:
            return text
        kept, at = [], 0
        for start, end in spans:
            kept.append(text[at:start])
            at = end
        # What is left on both sides may make the phrase anew: hence the loop.
        text = GAP.join([*kept, text[at:]])


def _found(text: str, phrases: Phrases) -> list[tuple[int, int]]:
    """(start, end) of every occurrence, not overlapping, the longest phrase first."""
    matches = list(_WORD.finditer(text))
    words = [match[0].lower() for match in matches]
    spans, index = [], 0
    while index < len(words) - 1:
        candidates = phrases.get((words[index], words[index + 1]), ())
        hit = max((len(p) for p in candidates if tuple(words[index : index + len(p)]) == p), default=0)
        if hit:
            spans.append((matches[index].start(), matches[index + hit - 1].end()))
        index += hit or 1
    return spans
