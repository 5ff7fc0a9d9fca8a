"""What a router between a strong and a small model is worth, from recorded answers: no engine needed.

`python -m benchmarks.model_routing --record` asks all models anew (a few minutes; starts vLLM with LoRA) and trains;
`--train` only trains the shipped small models and routers anew.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from benchmarks.common import Result, spread
from reference.serving.model_routing.curves import Operating
from reference.serving.model_routing.judged import Judged
from reference.serving.model_routing.router import Kind

KEEP = 0.95
KINDS: tuple[Kind, ...] = ("router", "cascade")
# The dollar curve needs two priced models whose ratio it borrows; nothing is said about their answers.
PRICED = ("gpt-4", "gpt-4o-mini")


def train() -> None:
    """Writes the shipped small models, router and cascade from the recording."""
    from reference.rag.embedding.choice import default_query_embedder
    from reference.serving.model_routing import recording, shipped, small_model
    from reference.serving.model_routing.evaluation import cross_fit, fit

    embedder, recorded = default_query_embedder(), recording.read()
    recorded, made = recording.with_heads(recorded, embedder.embed, embedder.name)
    recording.write(recorded)
    vectors = small_model.one_by_one(embedder.embed, recorded.texts())
    for name, model in made.items():
        print(f"{name}: {model.save(shipped.file_of(name)).version}")
    scores = {}
    for weak in recording.HEADS:
        small = shipped.shipped_small(weak)
        for kind in KINDS:
            found = fit(recorded, vectors, embedder.name, kind, weak, small=small, keep=KEEP)
            saved = found.router.save(shipped.router_file(kind, weak))
            print(f"{kind} to the {weak}: {saved.version}, threshold {saved.threshold:.3f}")
            scores[kind, weak] = cross_fit(
                recorded, vectors, embedder.name, kind=kind, weak=weak, small=small, keep=KEEP
            )
    print(shipped.save_scores(scores, recorded))


def _row(target: str, metric: str, unit: str, value: float, ends: tuple[float, float] | None, n: int) -> dict[str, Any]:
    low, high = ends or (value, value)
    found = {"median": round(value, 5), "p25": round(low, 5), "p75": round(high, 5), "rounds": n}
    return {"target": target, "metric": metric, "unit": unit} | found


def operating_rows(one: Operating) -> list[dict[str, Any]]:
    """Rows of one way of sending questions."""
    return [
        _row(one.name, "quality", "share right", one.quality, (one.quality_low, one.quality_high), one.n),
        _row(one.name, "quality kept of the strong model's", "share", one.kept, (one.kept_low, one.kept_high), one.n),
        _row(one.name, "cost of the strong model's", "share", one.cost_share, (one.cost_low, one.cost_high), one.n),
        _row(one.name, "sent to the small model", "share", one.small_share, None, one.n),
    ]


def dollars_per_question(recorded: Any, model: str, prices: tuple[str, str] = PRICED) -> tuple[float, float]:
    """(strong, small) dollars: the recorded tokens of `model` at list prices of two models that have some."""
    from reference.sizing.bill.prices import model_price

    said = [row.outcomes[model] for row in recorded.rows]
    prompt = sum(one.prompt_tokens for one in said) / len(said)
    made = sum(one.completion_tokens for one in said) / len(said)
    found = [model_price(name) for name in prices]
    strong, small = ((prompt * price.input + made * price.output) / 1e6 for price in found)
    return strong, small


def _judge(result: Result, name: str, judged: Judged, scores: Any, to_small: Any, texts: list[str]) -> None:
    """Rows of a router: where its threshold stands, and its curve beside a coin, length and the oracle."""
    from reference.serving.model_routing.curves import area_over_random, operate, random_cost_share
    from reference.serving.model_routing.evaluation import curves_of, reliability

    n = len(judged)
    result.rows += operating_rows(operate(f"{name}, at its threshold", to_small, judged))
    for line, found in curves_of(judged, scores, texts, "router").items():
        if line != "router" and "folds" not in name:
            continue
        target = name if line == "router" else f"{name}: {line}"
        share = float(found.cost_share[found.cheapest(KEEP * judged.strong_quality)])
        result.rows.append(_row(target, f"least cost that keeps {KEEP:.0%}, seen afterwards", "share", share, None, n))
        result.rows.append(_row(target, "area over random", "quality", area_over_random(found, judged), None, n))
    if "folds" in name:
        coin = random_cost_share(judged, KEEP)
        result.rows.append(_row(f"{name}: coin", f"cost that keeps {KEEP:.0%} on average", "share", coin, None, n))
    told = reliability(scores, judged.small_right)
    result.rows.append(_row(name, "calibration error (ECE)", "probability", told.error, None, n))


def run(quick: bool = False) -> Result:
    import numpy as np

    from reference.rag.embedding.choice import default_query_embedder
    from reference.serving.model_routing import recording, shipped, small_model
    from reference.serving.model_routing.curves import operate
    from reference.serving.model_routing.evaluation import cross_fit, fit, judged_of
    from reference.serving.model_routing.judged import with_costs
    from reference.serving.model_routing.small_tasks import small_tasks

    recorded = recording.read()
    embedder = default_query_embedder()
    texts = recorded.texts()
    vectors = small_model.one_by_one(embedder.embed, texts)
    dollars = dollars_per_question(recorded, recording.STRONG)
    result = Result(
        "model_routing",
        f"Which share of the strong model's cost keeps {KEEP:.0%} of its quality, and is a router needed at all?",
        {
            "recorded answers": {key: value for key, value in recorded.header.items() if key != "sha256"},
            "strong": "SmolLM2-135M-Instruct with the intent adapter v1.1, vLLM on this machine's CPU, 16 in flight",
            "heads": "logistic regression over MiniLM vectors, trained on so many messages of question 3's 40 training "
            "sentences; 16 and 64: plain messages only",
            "split": "by sentence: 48 train the router, 24 calibrate it, 24 are held out; folds: all 96 held out once",
            "p25, p75": "ends of the 95 % interval, sentences drawn with replacement (bootstrap, 2,000 draws)",
            "cost": "language model: seconds of a run per question, both cores busy; head: processor seconds",
            "dollar rows": f"{dollars[0]:.2e} and {dollars[1]:.2e} dollars a question: the recorded tokens at list "
            f"prices of {PRICED[0]} and {PRICED[1]}; a price ratio, not those models' answers",
            "rounds": "questions",
        },
    )
    alone: dict[str, Operating] = {}
    for name in recording.MODELS:
        judged = judged_of(recorded, name, choosing_s=0.0)
        alone[name] = operate(f"{name} alone", np.ones(len(texts), bool), judged)
        result.rows += operating_rows(alone[name])
    pairs: list[tuple[Kind, str]] = [(kind, name) for name in recording.HEADS for kind in KINDS]
    pairs = pairs[:2] if quick else [*pairs, ("router", recording.WEAK_LLM)]
    models = {name: shipped.shipped_small(name, embedder.name) for name in recording.HEADS}
    for kind, weak in pairs:
        small = models.get(weak)
        options: dict[str, Any] = {"kind": kind, "weak": weak, "small": small, "keep": KEEP}
        found = fit(recorded, vectors, embedder.name, **options)
        held = [texts[k] for k in found.rows]
        _judge(result, f"{kind} to {weak}, held out", found.judged, found.scores, found.to_small, held)
        if quick:
            continue
        every = cross_fit(recorded, vectors, embedder.name, **options)
        named = [texts[k] for k in every.rows]
        result.conclusions.append(_sentence(f"{kind} to the {weak}", every.judged, every.scores, every.to_small))
        _judge(result, f"{kind} to {weak}, four folds", every.judged, every.scores, every.to_small, named)
        priced = with_costs(every.judged, *dollars)
        result.rows.append(
            _row(f"{kind} to {weak}, four folds, dollars", "cost of the strong model's", "share",
                 priced.cost_share(every.to_small), None, len(named))
        )  # fmt: skip
    result.rows += operating_rows(_with_the_routers_labels(recorded, vectors, embedder, small_model))
    for one in small_tasks(recorded):
        target = f"task: {one.task}: {one.by}"
        result.rows.append(_row(target, "quality", "share right", one.quality, (one.low, one.high), one.n))
        result.rows.append(_row(target, "cost per 1,000", "s", one.seconds_per_1000, None, one.n))
        result.rows.append(_row(target, "commonest answer", "share", one.commonest, None, one.n))
    chooser, times = shipped.shipped_chooser(embedder.embed, embedder=embedder.name), []
    for text in texts[: 50 if quick else 500]:
        begun = time.perf_counter()
        chooser.choose(text)
        times.append(1e3 * (time.perf_counter() - begun))
    result.rows.append({"target": "a choice alone", "metric": "latency", "unit": "ms"} | spread(times))
    result.conclusions += [
        f"{name} alone, no router: {one.kept:.1%} of the quality ({one.kept_low:.1%} to {one.kept_high:.1%}) at "
        f"{one.cost_share:.1%} of the cost"
        for name, one in alone.items()
        if name in recording.HEADS
    ]
    return result


def _sentence(name: str, judged: Judged, scores: Any, to_small: Any) -> str:
    from reference.serving.model_routing.curves import curve, operate, random_cost_share

    one, found = operate(name, to_small, judged), curve(name, scores, judged)
    after = float(found.cost_share[found.cheapest(KEEP * judged.strong_quality)])
    return (
        f"{name}, all sentences held out once: {one.kept:.1%} of the quality "
        f"({one.kept_low:.1%} to {one.kept_high:.1%}) at {one.cost_share:.1%} of the cost; "
        f"{KEEP:.0%} would have cost {after:.1%}, by a coin {random_cost_share(judged, KEEP):.1%}"
    )


def _with_the_routers_labels(recorded: Any, vectors: Any, embedder: Any, small_model: Any) -> Operating:
    """The other use of the labels that train a router: a head that learns them, judged on the held-out sentences."""
    from dataclasses import replace

    import numpy as np

    from reference.serving.model_routing import questions, recording
    from reference.serving.model_routing.curves import operate
    from reference.serving.model_routing.evaluation import judged_of

    splits = np.array([row.question.split for row in recorded.rows])
    mine, held = np.flatnonzero(splits != "held-out"), np.flatnonzero(splits == "held-out")
    texts, labels = questions.few_labels()
    stacked = np.vstack([small_model.one_by_one(embedder.embed, texts), vectors[mine]])
    intents = [row.question.intent for row in recorded.rows]
    model = small_model.train(stacked, [*labels, *(intents[k] for k in mine)], embedder.name)
    right = [said == intents[k] for k, (said, _) in zip(held, model.answer(vectors[held]), strict=True)]
    judged = judged_of(recorded, recording.SOME, rows=held, choosing_s=0.0)
    judged = replace(judged, small_right=np.array(right))
    return operate("a head that learns the router's labels instead, held out", np.ones(len(held), bool), judged)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_routing", description=__doc__)
    parser.add_argument("--record", action="store_true", help="ask every model every question anew, then train")
    parser.add_argument("--train", action="store_true", help="train small models and routers from the recording")
    options = parser.parse_args()
    if not (options.record or options.train):
        parser.error("give --record or --train; `python -m benchmarks model_routing` measures")
    if options.record:
        from reference.rag.embedding.choice import default_query_embedder
        from reference.serving.model_routing import recording
        from reference.serving.rollout.versions.engine import adapter_engine

        embedder = default_query_embedder()
        with adapter_engine() as engine:
            recording.write(recording.record(engine, embedder.embed, embedder.name))
        print(f"written to {recording.FILE}")
    train()
    return 0


if __name__ == "__main__":
    sys.exit(main())
