"""Size it: instances of every stage, from requests in flight to a rate."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing import Q, littles_law, magnitude
from reference.sizing.pipeline import Pipeline, ServiceTime, Stage, offered


def draw(random: Random) -> dict[str, object]:
    """Never a pool within a hair of a whole number: float noise would decide it."""
    while True:
        drawn = _draw(random)
        pools = [float(answers(drawn)[name]) for name in ("rerank_gpus", "llm_instances", "llm_cold")]
        if all(0.03 < pool % 1 < 0.97 for pool in pools):
            return drawn


def _draw(random: Random) -> dict[str, object]:
    return {
        "rate": random.choice([600, 800, 1000, 1500]),
        "variations": random.choice([2, 3, 4]),
        "rerank_slots": random.choice([8, 12, 20]),
        "rerank_ms": random.choice([40, 50, 65, 80]),
        "llm_slots": random.choice([10, 16, 24]),
        "answer_s": random.choice([1.2, 1.6, 2.1]),
        "expand_s": random.choice([0.25, 0.35, 0.45]),
        "hit": random.choice([0.25, 0.3, 0.4]),
        "ceiling": random.choice([0.7, 0.75, 0.8]),
    }


def prompt(p: Params) -> str:
    return f"""At the peak {p["rate"]:,} questions per second arrive. An answer cache has {p["hit"]:.0%} of them; the
others go on. For each of those the language model first writes {p["variations"]} more wordings, in one call of
{p["expand_s"]:g} s. Question and wordings are searched, the lists merged, and the merged list is reranked once. Then
the model writes the answer, {p["answer_s"]:g} s.

A GPU of the reranker works on {p["rerank_slots"]} questions at the same time, {p["rerank_ms"]} ms each. An instance of
the model has {p["llm_slots"]} calls under way, of either sort. Both may be {p["ceiling"]:.0%} used, and one more of
each is up, for one may fail.

- `searches`: searches per second that reach the vector store, with the cache full.
- `rerank_gpus`: GPUs of the reranker, with the cache full (a whole number).
- `llm_instances`: instances of the model, with the cache full (a whole number).
- `llm_cold`: instances of the model right after the cache was emptied (a whole number)."""


def _pool(p: Params, rate: float, slots: int, seconds: float) -> float:
    """Unrounded, so that a slip of a factor can be recognised; the spare is whole."""
    in_flight = magnitude(littles_law(Q(rate, "request/s"), Q(seconds, "s")), "request")
    return in_flight / slots / p["ceiling"] + 1


def answers(p: Params) -> dict[str, float | str]:
    def stage(name: str, **more: float) -> Stage:
        return Stage(name, ServiceTime.constant(1.0), 1, **more)  # type: ignore[arg-type]

    pipeline = Pipeline.of(
        stage("cache", answers=p["hit"]), stage("search", fan_out=1 + p["variations"]), stage("rerank"), stage("answer")
    )
    reach = offered(pipeline, p["rate"])
    model_s = p["answer_s"] + p["expand_s"]
    return {
        "searches": reach["search"],
        "rerank_gpus": _pool(p, reach["rerank"], p["rerank_slots"], p["rerank_ms"] / 1000),
        "llm_instances": _pool(p, reach["answer"], p["llm_slots"], model_s),
        "llm_cold": _pool(p, p["rate"], p["llm_slots"], model_s),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    missed = p["rate"] * (1 - p["hit"])
    wordings = 1 + p["variations"]
    rerank_s, model_s = p["rerank_ms"] / 1000, p["answer_s"] + p["expand_s"]

    def pool(rate: float, slots: float, seconds: float, ceiling: float = 0.0, spare: int = 1) -> float:
        return rate * seconds / slots / (ceiling or p["ceiling"]) + spare

    def model(rate: float) -> list[Mistake]:
        return [
            Mistake("concurrency_for_throughput", pool(rate, p["llm_slots"], 1.0)),
            Mistake("concurrency_for_throughput", rate / p["llm_slots"]),
            Mistake("forgot_spare", pool(rate, p["llm_slots"], model_s, spare=0)),
            Mistake("full_utilisation", pool(rate, p["llm_slots"], model_s, ceiling=1.0)),
            Mistake("expansion_call_forgotten", pool(rate, p["llm_slots"], p["answer_s"])),
            Mistake("call_per_wording", pool(rate, p["llm_slots"], p["answer_s"] + p["variations"] * p["expand_s"])),
        ]

    return {
        "searches": [
            Mistake("fan_out_forgotten", missed),
            Mistake("own_wording_forgotten", missed * p["variations"]),
            Mistake("cache_unused", p["rate"] * wordings),
        ],
        "rerank_gpus": [
            Mistake("concurrency_for_throughput", pool(missed, p["rerank_slots"], 1.0)),
            Mistake("concurrency_for_throughput", missed / p["rerank_slots"]),
            Mistake("forgot_spare", pool(missed, p["rerank_slots"], rerank_s, spare=0)),
            Mistake("fan_out_everywhere", pool(missed * wordings, p["rerank_slots"], rerank_s)),
        ],
        "llm_instances": model(missed),
        "llm_cold": [*model(p["rate"]), Mistake("warm_cache", pool(missed, p["llm_slots"], model_s))],
    }


EXERCISE = Exercise(
    id="q2-instances",
    kind=Kind.SIZE,
    title="In flight is not per second",
    section="2.3",
    difficulty=2,
    minutes=10,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "So many in flight, each for so long: how many leave per second?",
        "Follow one question: how many searches, how many reranks, how many calls of the model, how long are these?",
        "An empty cache has no hits.",
    ),
    asks=(
        Ask("searches", "1/s", "searches that reach the vector store"),
        Ask("rerank_gpus", "", "GPUs of the reranker", whole="up"),
        Ask("llm_instances", "", "instances of the model, cache full", whole="up"),
        Ask("llm_cold", "", "instances of the model, cache empty", whole="up"),
    ),
    answers=answers,
    mistakes=mistakes,
)
