"""Retrieval of the workbook beside the default retrieval of LangChain, LlamaIndex and Haystack, in one run.

Same documents, same questions (held-out half; their headings taken out of the index), same embedder, two cores, one
query at a time. An answer counts by its text: systems cut documents differently (reference.rag.evaluation.coverage).
All are asked for ten passages, more than two of the peers return by default, which favours them.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean

from benchmarks.common import Result, spread

DEPTH = 10
PEERS = ("LangChain", "LlamaIndex", "Haystack")


@dataclass(frozen=True)
class Measured:
    """values: system -> metric -> question id -> score; rates: system -> queries per second of each round;
    groups: question id -> document id."""

    result: Result
    values: dict[str, dict[str, dict[str, float]]]
    rates: dict[str, list[float]]
    groups: dict[str, str]


def run(quick: bool = False) -> Result:
    found = measure(quick, 1 if quick else 3)
    _conclude(found)
    return found.result


def measure(quick: bool, rounds: int) -> Measured:
    """`rounds` passes over the held-out questions, or over twelve of them."""
    os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    from benchmarks.rag_systems import PEERS as SYSTEMS
    from reference.rag.chunking.tokens import count
    from reference.rag.corpus import ci_sample
    from reference.rag.embedding.choice import default_index_embedder, default_query_embedder
    from reference.rag.evaluation.coverage import answer_ranks, answers_of, as_rankings
    from reference.rag.evaluation.deleak import deleak
    from reference.rag.evaluation.metrics import mean_interval, per_question
    from reference.rag.evaluation.questions import faq_questions, split
    from reference.rag.ingest.ingestion import Ingestion
    from reference.rag.ingest.report import Documents
    from reference.rag.query import open_searcher

    documents = list(ci_sample().documents())
    every = faq_questions(documents)
    questions = split(every)[1]
    indexed = deleak(documents, every)
    if quick:
        # few questions, and only the documents that answer them
        questions = questions[:12]
        indexed = [d for d in indexed if d.id in {q.document_id for q in questions}]
    answers = answers_of(questions, indexed)
    groups = {q.id: q.document_id for q in questions}
    index_embed, query_embedder = default_index_embedder().embed, default_query_embedder()

    searches: dict[str, Callable[[str], list[tuple[str, str]]]] = {}
    built: dict[str, tuple[int, float]] = {}
    with tempfile.TemporaryDirectory(prefix="workbook-peers-") as folder, Ingestion(folder) as ingestion:
        begun = time.perf_counter()
        report = ingestion.run(Documents(indexed))
        built["workbook"] = report.chunks, time.perf_counter() - begun
        base = ingestion.knowledge_base

        def ours(rerank: bool) -> Callable[[str], list[tuple[str, str]]]:
            searcher = open_searcher(base, rerank=rerank)

            def search(text: str) -> list[tuple[str, str]]:
                hits = searcher.search(text, ["public"], DEPTH, rerank=rerank).hits
                return [(hit.chunk.document_id, hit.chunk.text) for hit in hits]

            return search

        searches["workbook, hybrid"] = ours(False)
        searches["workbook, hybrid + rerank"] = ours(True)
        texts = [(d.id, d.text) for d in indexed]
        for make in SYSTEMS:
            system = make()
            begun = time.perf_counter()
            passages = system.build(texts, index_embed, query_embedder.embed)
            built[system.name] = passages, time.perf_counter() - begun
            searches[system.name] = lambda text, system=system: system.search(text, DEPTH)  # type: ignore[misc]

        found: dict[str, dict[str, list[tuple[str, str]]]] = {name: {} for name in searches}
        seconds: dict[str, list[list[float]]] = {name: [[] for _ in range(rounds)] for name in searches}
        names = list(searches)
        for name in names:  # warm up
            searches[name]("how do I start?")
        for number in range(rounds):
            for place, question in enumerate(questions):
                for step in range(len(names)):  # in turns, so that a slow moment hits all alike
                    name = names[(place + step) % len(names)]
                    begun = time.perf_counter()
                    found[name][question.id] = searches[name](question.text)
                    seconds[name][number].append(time.perf_counter() - begun)

    result = Result(
        "rag_peers",
        "How good and how fast is retrieval beside three frameworks' defaults?",
        {
            "documents": f"{len(indexed)} of the ci sample, question headings taken out",
            "questions": f"{len(questions)} held-out FAQ questions from {len(set(groups.values()))} documents",
            "embedder": "all-MiniLM-L6-v2 for all: bf16 for passages, int8 for queries, cut at 256 tokens",
            "depth": DEPTH,
            "rounds": f"{rounds} passes over the questions, systems in turns, one query at a time",
            "passages": {name: n for name, (n, _) in built.items()},
            "build_s": {name: round(s, 1) for name, (_, s) in built.items()},
        },
    )
    values: dict[str, dict[str, dict[str, float]]] = {}
    rates: dict[str, list[float]] = {}
    for name in names:
        values[name] = per_question(*as_rankings(answer_ranks(found[name], answers), DEPTH), ("nDCG@10", "Success@5"))
        for metric in ("nDCG@10", "Success@5"):
            interval = mean_interval(values[name][metric], groups=groups)
            result.rows.append({"target": name, "metric": metric, "unit": "", "median": round(interval.mean, 3),
                                "p25": round(interval.low, 3), "p75": round(interval.high, 3)})  # fmt: skip
        rates[name] = [1 / mean(part) for part in seconds[name]]
        result.rows.append({"target": name, "metric": "queries", "unit": "1/s", **spread(rates[name])})
        tokens = mean(sum(count([text for _, text in passages[:5]])) for passages in found[name].values())
        result.rows.append({"target": name, "metric": "tokens of 5 passages", "unit": "token", "median": round(tokens)})
    result.conditions["intervals"] = "rows of nDCG@10 and Success@5: mean and its 95 % interval, resampled by document"
    return Measured(result, values, rates, groups)


def _conclude(found: Measured) -> None:
    from reference.rag.evaluation.metrics import paired_difference

    for mine in ("workbook, hybrid", "workbook, hybrid + rerank"):
        for peer in PEERS:
            gain = paired_difference(found.values[mine]["nDCG@10"], found.values[peer]["nDCG@10"], groups=found.groups)
            pairs = zip(found.rates[mine], found.rates[peer], strict=True)
            ratio = sorted(a / b for a, b in pairs)[len(found.rates[mine]) // 2]
            bounds = f"[{gain.low:+.3f}, {gain.high:+.3f}]"
            found.result.conclusions.append(
                f"{mine} against {peer}: nDCG@10 {gain.mean:+.3f} {bounds}, {ratio:.1f} times the queries per second."
            )
