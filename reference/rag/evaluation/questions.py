"""Questions with known answers, from the documents' own structure.

Three kinds. `faq`: a heading that is a question; what stands under it answers it. `heading`: any other telling heading
as a search query for its section. `summary`: the first sentence of a docstring as a query for the rest of it. The
labels are automatic: another passage of the corpus may answer as well and then counts as a miss, so that scores are
lower bounds. Before indexing, `deleak` takes the questions' wording out of the documents.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reference.rag.types import Chunk, Document, RagError

FAQ, HEADING, SUMMARY = "faq", "heading", "summary"
TUNING, HELD_OUT = "tuning", "held-out"

_NUMBER = re.compile(
    r"^(?:chapter|section|appendix|part|q(?:uestion)?)?\s*(?:[A-Z]?\d+(?:\.\d+)*|[IVX]+|[A-Z](?:\.\d+)*)?[.:)]\s+", re.I
)
_BARE_NUMBER = re.compile(r"^\d+(?:\.\d+)*\s+")
_FEWEST_WORDS = {FAQ: 4, HEADING: 3}
_MOST_WORDS = {FAQ: 40, HEADING: 14}
_SHORTEST_ANSWER = {FAQ: 12, HEADING: 40}  # words
_ENOUGH_TOKENS = 32  # of the answer's section, for a chunk to count as holding it
_SHARE_TUNING = 0.5
# Words that say nothing about what a section is about.
_EMPTY = set(
    re.findall(
        r"\w+",
        "a an and are as at be by can do does for from has have how i if in into is it its of on or that the their "
        "this to use using used was what when where which why will with you your more other about notes note see also "
        "example examples introduction overview description options synopsis name bugs author history page part",
    )
)


@dataclass(frozen=True)
class Question:
    """A query and where its answer stands.

    Attributes:
        sections: indices in `Document.sections` of the answer: the heading's section and those below it.
        section_path: the path of the heading before `deleak`.
        kind: `faq`, `heading` or `summary`.
    """

    id: str
    text: str
    document_id: str
    section_path: tuple[str, ...]
    kind: str
    sections: tuple[int, ...]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in small letters, in order."""
    return tuple(re.findall(r"\w+", text.lower()))


def faq_questions(documents: Iterable[Document]) -> list[Question]:
    """One question per heading that ends in a question mark. Headings that occur twice in the corpus are left out."""
    return _questions(documents, FAQ)


def heading_questions(documents: Iterable[Document], per_document: int = 3) -> list[Question]:
    """Headings of at least two telling words, at most `per_document` of each document, drawn by hash."""
    drawn: dict[str, list[Question]] = {}
    for question in _questions(documents, HEADING):
        drawn.setdefault(question.document_id, []).append(question)
    return [q for found in drawn.values() for q in sorted(found, key=lambda q: _digest(q.id))[:per_document]]


def summary_questions(documents: Iterable[Document], per_document: int = 3) -> list[Question]:
    """First sentences of 6 to 20 words, standing as a paragraph of their own above at least 40 more words.

    For docstrings, whose headings are bare names. `deleak` takes the sentence out of the text.
    """
    found: dict[str, list[Question]] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for document in documents:
        for index, section in enumerate(document.sections):
            first, _, rest = section.text.partition("\n\n")
            words = words_of(first)
            if not 6 <= len(words) <= 20 or len(words_of(rest)) < _SHORTEST_ANSWER[HEADING]:
                continue
            seen[words] += 1
            text = " ".join(first.split())
            identity = _digest(f"{document.id}\0summary\0{index}")[:16]
            made = Question(identity, text, document.id, section.path, SUMMARY, (index,))
            found.setdefault(document.id, []).append(made)
    unique = ([q for q in of_one if seen[words_of(q.text)] == 1] for of_one in found.values())
    return [q for of_one in unique for q in sorted(of_one, key=lambda q: _digest(q.id))[:per_document]]


def _questions(documents: Iterable[Document], kind: str) -> list[Question]:
    found: list[Question] = []
    seen: Counter[tuple[str, ...]] = Counter()
    for document in documents:
        for path, sections in _headings(document).items():
            is_question = path[-1].rstrip(" !)\"'”’").endswith("?")
            if is_question != (kind == FAQ):
                continue
            text = _without_number(path[-1])
            seen[words_of(text)] += 1
            answer = sum(len(words_of(document.sections[index].text)) for index in sections)
            if answer >= _SHORTEST_ANSWER[kind] and _is_telling(text, kind):
                found.append(
                    Question(
                        id=_digest(f"{document.id}\0{' > '.join(path)}")[:16],
                        text=text,
                        document_id=document.id,
                        section_path=path,
                        kind=kind,
                        sections=sections,
                    )
                )
    return [question for question in found if seen[words_of(question.text)] == 1]


def _headings(document: Document) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Every path below the title that has text under it, with the sections at and below it."""
    found: dict[tuple[str, ...], list[int]] = {}
    for index, section in enumerate(document.sections):
        for depth in range(2, len(section.path) + 1):
            found.setdefault(section.path[:depth], []).append(index)
    if (document.title.rstrip(" !").endswith("?")) and document.sections:
        found[document.sections[0].path[:1]] = list(range(len(document.sections)))
    return {path: tuple(sections) for path, sections in found.items()}


def _without_number(heading: str) -> str:
    return _BARE_NUMBER.sub("", _NUMBER.sub("", heading)).strip(" \"'“”‘’")


def _is_telling(text: str, kind: str) -> bool:
    words = words_of(text)
    if not _FEWEST_WORDS[kind] <= len(words) <= _MOST_WORDS[kind]:
        return False
    telling = {word for word in words if word not in _EMPTY and len(word) > 2 and not word.isdigit()}
    # Signatures, options and paths are no queries that somebody types.
    prose = not re.search(r"[(){}\[\]<>=;\\/|]|--|::|_|\.\w", text) or kind == FAQ
    return prose and len(telling) >= (1 if kind == FAQ else 2)


def part_of(question: Question) -> str:
    """`tuning` or `held-out`, by a hash of the document's id: all questions of one document are in the same part."""
    drawn = int(_digest(f"split\0{question.document_id}")[:8], 16) / 0xFFFFFFFF
    return TUNING if drawn < _SHARE_TUNING else HELD_OUT


def split(questions: Iterable[Question]) -> tuple[list[Question], list[Question]]:
    """(tuning, held-out). Settings are chosen on the first, figures are quoted from the second."""
    both: dict[str, list[Question]] = {TUNING: [], HELD_OUT: []}
    for question in questions:
        both[part_of(question)].append(question)
    return both[TUNING], both[HELD_OUT]


def relevant_chunks(question: Question, chunks: Sequence[Chunk]) -> set[str]:
    """Ids of the chunks that hold the answer: 32 tokens of one of its sections, or the most that any has.

    `chunks` come from the chunker (an index does not keep `Chunk.sections`): RagError otherwise.
    """
    own = [chunk for chunk in chunks if chunk.document_id == question.document_id]
    if any(not chunk.sections for chunk in own):
        raise RagError(f"chunks of {question.document_id} do not name their sections; take them from the chunker")
    relevant: set[str] = set()
    for section in question.sections:
        held = {chunk.id: tokens for chunk in own for index, tokens in chunk.sections if index == section}
        enough = min(_ENOUGH_TOKENS, max(held.values(), default=0))
        relevant |= {identity for identity, tokens in held.items() if tokens >= enough}
    return relevant


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
