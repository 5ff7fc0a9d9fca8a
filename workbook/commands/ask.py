"""workbook ask: a question to an index, answered with sources."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.rag.answer import Answer
    from reference.rag.search_result import SearchResult


def command(
    question: Annotated[str, typer.Argument(help="In quotation marks.", metavar="QUESTION", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="Of the index [default: mine, or the only one].")] = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=50, help="Passages to answer from.")] = 5,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Also search what only this tenant may find.")] = None,
    expand: Annotated[bool, typer.Option("--expand", help="Search other wordings too.")] = False,
    no_llm: Annotated[bool, typer.Option("--no-llm", help="Quote, even if the engine runs.")] = False,
    json: Json = False,
) -> None:
    """Answer a question from an index: sentences with numbered sources, what each stage took, what was left out."""
    from reference.rag.query import BadQuery, prepare_query
    from reference.rag.service.access import readable
    from reference.rag.service.opening import existing_index, open_index
    from reference.rag.types import PUBLIC
    from workbook import console
    from workbook.errors import UsageError

    try:
        prepare_query(question)
    except BadQuery as error:
        raise UsageError(str(error), 'for instance: workbook ask "How do I rotate the logs?"') from None
    if tenant is not None and not tenant.strip():
        raise UsageError("--tenant: is empty", "leave it out to search what is public")
    name = name or _default_name()
    folder = existing_index(name)
    with open_index(folder, llm=not no_llm) as opened:
        # The first call of a process loads the model and the graph; it would be counted as the question's time.
        opened.searcher.search("warm up", [PUBLIC], 1)
        began = time.perf_counter()
        result = opened.searcher.search(question, readable(tenant or PUBLIC), k, expand=expand)
        answer = opened.answerer.answer(question, result)
        seconds = time.perf_counter() - began
        notes = [*result.notes, *opened.notes]
    if json:
        console.emit_json("ask", _record(question, name, str(folder), result, answer, notes, seconds))
        return
    _print(result, answer, notes, seconds)


def _default_name() -> str:
    from reference.rag.ingest.folders import index_names
    from workbook.errors import UsageError

    names = index_names()
    if "mine" in names or not names:
        return "mine"
    if len(names) > 1:
        raise UsageError("there are several indexes", f"name one with --name: {', '.join(names)}")
    return names[0]


def _record(
    question: str, name: str, folder: str, result: SearchResult, answer: Answer, notes: list[str], seconds: float
) -> dict[str, Any]:
    from reference.rag.answer import answer_fields
    from reference.rag.service.parts import milliseconds

    fields = answer_fields(answer)
    stages, degraded = fields.pop("stages"), fields.pop("degraded")
    return {
        "question": question,
        "index": {"name": name, "folder": folder},
        "answer": fields,
        "passages": [
            {
                "number": number,
                "document": hit.chunk.document_id,
                "title": hit.chunk.title,
                "path": list(hit.chunk.path),
                "source": hit.chunk.source,
                "score": float(hit.score),
                "text": hit.chunk.text,
            }
            for number, hit in enumerate(result.hits, start=1)
        ],
        "confidence": float(result.confidence),
        "stages_ms": milliseconds({**result.stages, **stages}),
        "total_ms": round(1000 * seconds, 2),
        "degraded": [*result.degraded, *degraded],
        "notes": notes,
    }


def _print(result: SearchResult, answer: Answer, notes: list[str], seconds: float) -> None:
    from workbook import console

    out = console.stdout()
    console.say(out, answer.text)
    if answer.citations:
        console.say(out, "\nSources")
        for one in answer.citations:
            console.say(out, f"[{one.number}] {' > '.join(one.path) or one.title}\n    {one.source}")
    elif result.hits:
        console.say(out, "\nNearest passages")
        for number, hit in enumerate(result.hits[:3], start=1):
            place = " > ".join(hit.chunk.path) or hit.chunk.title
            console.say(out, f"{number}. {place}\n    {hit.chunk.source}")
    stages = {**result.stages, **answer.stages}
    took = ", ".join(f"{stage} {1000 * spent:.1f}" for stage, spent in stages.items())
    console.say(out, f"\n{1000 * seconds:.0f} ms (ms per stage: {took}); answered by: {answer.tier}")
    for text in [*result.degraded, *answer.degraded]:
        console.say(out, f"left out: {text}")
    for text in notes:
        console.say(out, f"note: {text}")
