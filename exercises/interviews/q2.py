"""The mock interview of question 2: answers from documents, a thousand times a second."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from statistics import NormalDist

from exercises.interviews.model import Criterion, Figure, FollowUp, Interview, Parameter, Phase
from reference.sizing import Q, magnitude
from reference.sizing.bands import what_if
from reference.sizing.claims.q2 import Q2Assumptions
from reference.sizing.claims.q2.design import llm_load, plan_q2
from reference.sizing.claims.q2.stages import stage_times, store_memory, sum_percentile
from reference.sizing.hardware import StalePrice

_BASE = Q2Assumptions()

PARAMETERS = {
    "documents": Parameter(_BASE.documents, "documents", "in the index"),
    "words": Parameter(_BASE.words_per_document, "words", "of a document"),
    "dimension": Parameter(_BASE.dimension, "float32 values", "of a vector"),
    "rate": Parameter(_BASE.rate, "queries/s", "at the peak"),
    "variations": Parameter(_BASE.variations, "wordings", "that a model adds to every query before it is searched"),
    "candidates": Parameter(_BASE.candidates, "passages", "that are reranked"),
    "passages": Parameter(_BASE.top_k, "passages", "that the model reads"),
    "passage_tokens": Parameter(_BASE.chunk_tokens, "tokens", "of a passage"),
    "answer_tokens": Parameter(magnitude(_BASE.output, "token/request"), "tokens", "mean answer"),
    "latency_s": Parameter(magnitude(_BASE.latency_target, "s"), "s", "for the whole answer, on the mean"),
    "percentile": Parameter(50, "", "percentile of the time to the last word that is promised"),
    "hit": Parameter(0.0, "", "share of the queries that an answer cache has"),
}


def _assumptions(p: Mapping[str, float]) -> Q2Assumptions:
    return dataclasses.replace(
        _BASE,
        documents=round(p["documents"]),
        words_per_document=p["words"],
        dimension=round(p["dimension"]),
        query_rate=Q(p["rate"], "request/s"),
        variations=round(p["variations"]),
        candidates=round(p["candidates"]),
        top_k=round(p["passages"]),
        chunk_tokens=round(p["passage_tokens"]),
        output=Q(p["answer_tokens"], "token/request"),
        latency_target=Q(p["latency_s"], "s"),
    )


def design(p: Mapping[str, float]) -> tuple[Figure, ...]:
    """An 8B model in 8 bits on pairs of H100s behind retrieval; every stage with its fan-out, head-room and a spare.

    Raises ValueError where the time allows no answer, with the reason.
    """
    if not 0 < p["percentile"] < 100:
        raise ValueError(f"a percentile lies between 0 and 100, got {p['percentile']:g}")
    if not 0 <= p["hit"] < 1:
        raise ValueError(f"the share that the cache has must be 0 or more and below 1, got {p['hit']:g}")
    with what_if(), warnings.catch_warnings():
        warnings.simplefilter("ignore", StalePrice)
        a = _assumptions(p)
        deployment = a.deployment(a.llm_model, "h100", 2, "fp8")
        plan, load = plan_q2(a, deployment, "interview", p["hit"]), llm_load(a, deployment)
    # The other stages as the question states them, the model as its instance does it at that load.
    times = {**stage_times(a), "generate": (load.answer_s, a.generation_spread)}
    if "expand" in times:
        times["expand"] = (load.expansion_s, a.stage_spread)
    whole = sum_percentile(list(times.values()), NormalDist().inv_cdf(p["percentile"] / 100))
    llm, dense, rerank = (plan.stage(name) for name in ("llm", "dense", "rerank"))
    return (
        Figure("passages in the index", a.chunks, "passages", note=f"of {a.words_per_chunk:g} words each, no overlap"),
        Figure(
            "memory of one index replica", sum(store_memory(a).values()) / 1e9, "GB",
            note="vectors, graph, text and the store's head-room; every replica holds all of it",
        ),
        Figure(
            "searches", dense.rate, "searches/s",
            note="in each of the two indexes: the own wording and the variations of what misses the cache",
        ),
        Figure("reranker GPUs", rerank.instances, "GPUs", note=f"{rerank.machine}, one list per query, however worded"),
        Figure(
            "queries in flight on one model instance", load.in_flight, "queries",
            note=f"{llm.machine}: as many as keep the mean answer within {p['latency_s']:g} s",
        ),
        Figure(
            "model instances", llm.instances, "instances",
            note=f"{llm.each:.2g} queries/s each, with the call that writes variations; at most "
            f"{a.utilisation_ceiling:.0%} used, one spare",
        ),
        Figure("model instances, cache empty", plan.empty_cache_llms, "instances", note="right after a restart"),
        Figure("GPUs", plan.gpus, "GPUs", note="all stages"),
        Figure("month", magnitude(plan.monthly, "USD"), "dollars", note="all stages, always on, 730 hours"),
        Figure(
            "time of the whole answer", whole, "s",
            note=f"{p['percentile']:g}th percentile, nobody waiting in line; answers vary in length",
        ),
    )  # fmt: skip


INTERVIEW = Interview(
    question="q2",
    title="Answers from documents, a thousand times a second",
    opening="We have ten thousand documents of about ten pages, and at the peak a thousand questions a second about "
    "them. Answers must cite their source, nine in ten should be right, and the user should not wait longer than two "
    "seconds. Design the system.",
    parameters=PARAMETERS,
    design=design,
    prompts={
        Phase.CLARIFY: (
            "Ask me what you need; I answer in numbers where I have them.",
            "Nine in ten should be right. What do you need from me before you can promise that?",
            "Two seconds to what?",
        ),
        Phase.ARCHITECTURE: (
            "Draw the way of a document into the index, and the way of a question to its answer.",
            "Which stages run side by side, and which can be left out when time runs short?",
            "Where do you make sure that nobody sees a document that is not theirs?",
        ),
        Phase.DEEP_DIVE: (
            "How large is the index? Which consequence do you draw from that?",
            "Follow one question: how many searches, reranks and model calls does it make?",
            "Take one stage. So many in flight, each so long: how many questions per second is that?",
            "You cut documents into pieces. How, and how do you know that it is not the reason for a missed answer?",
        ),
        Phase.SCALING: (
            "Which stage costs most, and what would you change about it first?",
            "You cache answers. What happens to your fleet when the cache is empty?",
            "Which stage do you drop if retrieval quality must stay and the bill must fall?",
        ),
        Phase.OPERATIONS: (
            "The answers got worse last week. How do you find out which stage it was?",
            "How do you bring a new embedding model in without an hour of wrong answers?",
        ),
    },
    follow_ups=(
        FollowUp(
            Phase.CLARIFY,
            "I forgot the archive: there are a hundred times as many documents. Does your index still fit?",
            lambda p: {"documents": p["documents"] * 100},
            "memory of one index replica",
            "Scales the memory in proportion and compares it with a machine: what was a detail now decides about "
            "shards, smaller vectors or fewer bits per value. Knows that a search gets slower much less than in "
            "proportion, and that the model's bill does not change.",
        ),
        FollowUp(
            Phase.ARCHITECTURE,
            "Our measurement says that the extra wordings find nothing more. Take them out.",
            lambda p: {"variations": 0},
            "model instances",
            "Sees two effects: searches fall to one per question in each index, and the model loses its first call, "
            "which leaves it more time and so more questions at once for the answer. Says that the second one is the "
            "money.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "Quality wants ten passages for the model instead of five.",
            lambda p: {"passages": 10},
            "model instances",
            "Knows that the model spends most of its arithmetic on reading: twice the passages nearly double the "
            "instances. Asks for the gain on the question set, and offers smaller or better ranked passages.",
        ),
        FollowUp(
            Phase.DEEP_DIVE,
            "I meant 95 of 100 users, not the usual one.",
            lambda p: {"percentile": 95},
            "time of the whole answer",
            "Says that answers differ in length, so the tail is far above the mean before anybody queues, and that "
            "more machines do not shorten one answer. Offers the first word as the promise, a limit on the length, or "
            "a faster instance with fewer at a time.",
        ),
        FollowUp(
            Phase.SCALING,
            "Traffic grows tenfold. What breaks first, and what does it cost?",
            lambda p: {"rate": p["rate"] * 10},
            "month",
            "Scales each stage by itself, with its spare: the model dominates, the index only needs replicas. Turns to "
            "what lowers the load (cache, smaller answers, a smaller model for easy questions) before buying.",
        ),
        FollowUp(
            Phase.SCALING,
            "A semantic cache answers 40 of 100 questions. How many instances of the model does that save?",
            lambda p: {"hit": 0.4},
            "model instances",
            "Takes the share off the load, and then asks what happens when the cache is empty: either the instances "
            "stay, or the overflow is shed while it fills. Asks how often a cached answer is wrong.",
        ),
        FollowUp(
            Phase.OPERATIONS,
            "A new law: an answer may be reused only for people with the same access rights. Your cache now hits 10 of "
            "100.",
            lambda p: {"hit": 0.1},
            "model instances",
            "Puts the rights into the key of the cache, not into a check afterwards, and computes what the lost hits "
            "cost. Says how they would show that no answer crosses the border.",
        ),
    ),
    rubric=(
        Criterion(
            "asks what decides the design", 2,
            "Asks for labelled questions behind \"right\", for the first or the last word behind the two seconds, for "
            "access rights and for repeats among the questions, and says why.",
            "Asks two of these.",
            "the questions, as asked",
        ),
        Criterion(
            "the index is small", 2,
            "Computes pieces, bytes per vector and the memory of a replica, and says that this is not the problem.",
            "Computes the vectors only, or draws no consequence.",
            "the gigabytes and the sentence after them",
        ),
        Criterion(
            "counts what one question costs", 3,
            "Multiplies searches by the wordings, leaves the reranker at one list, and counts both calls of the model.",
            "Counts the searches, forgets the call that writes the wordings.",
            "the counts per question",
        ),
        Criterion(
            "in flight is not per second", 3,
            "Divides what is in flight by its time to get a rate, for each stage, with head-room and a spare.",
            "Uses the rates of the stages without saying where they come from.",
            "one stage: in flight, seconds, rate, instances",
        ),
        Criterion(
            "quality as a number", 4,
            "Measures stage by stage on held-out questions, knows that recall of the candidates bounds the rest, gives "
            "an interval, and compares two pipelines on the same questions.",
            "Names recall or nDCG, without questions, bound or interval.",
            "the metric, its k and its interval",
        ),
        Criterion(
            "the way of a question", 2,
            "Both searches side by side, merged by rank, reranked, answered with citations that are checked; rights as "
            "a filter in the index; stages that are dropped in a fixed order when time runs short.",
            "The boxes in the right order, without rights or a deadline.",
            "the words on rights, or on what is dropped",
        ),
        Criterion(
            "answers the changed question", 2,
            "Estimates the new figure before it is shown, right to within a third, by scaling what changes and only "
            "that.",
            "Gives the direction of the change and its reason.",
            "an estimate with its sum",
        ),
        Criterion(
            "running it", 2,
            "A fixed question set before every change, versions of embedder and index that never mix, alerts on what "
            "was left out and on unanswered questions, each with a first reaction.",
            "Lists metrics of machines only.",
            "one alert with its limit and its reaction",
        ),
    ),
)  # fmt: skip
