"""Text models of tier 2: rates in batches and one by one, and in-domain AUC beside functional tests.

alt-profanity-check runs in the same run as a comparison. It knows real English words and none of the invented ones, so
that its AUC here says what a ready-made model does with words it has never seen, not how good it is at its own task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.common import Result, rotate, spread, timed


def run(quick: bool = False) -> Result:
    import numpy as np

    from reference.moderation.corpus import evasion_suite, splits
    from reference.moderation.evaluation.escalation import feasible
    from reference.moderation.evaluation.rates import upper_bound
    from reference.moderation.models import default_text_model

    held_out, calibration = splits().held_out, splits().calibration
    shown, rounds, seconds = (300, 2, 0.2) if quick else (2000, 5, 2.0)
    rows, tuned = held_out[:shown], calibration[:shown]
    evasions = evasion_suite(1 if quick else 8)
    result = Result(
        "moderation_models",
        "How many posts per second does each text model score, and how well?",
        {
            "posts": f"{len(rows)} held-out posts of the made corpus, split by template, "
            f"mean {sum(len(row.post.text) for row in rows) / len(rows):.0f} characters",
            "violating": sum(row.violating for row in rows),
            "batch": 256,
            "threads": 1,
            "rounds": rounds,
            "escalation": "share of posts at 2 % prevalence that the band for FPR 0.1 % and FNR 1 % sends to people",
        },
    )

    def row(target: str, metric: str, unit: str, values: list[float]) -> None:
        result.rows.append({"target": target, "metric": metric, "unit": unit, **spread(values)})

    begun = time.perf_counter()
    models: dict[str, Callable[[Sequence[str]], Any]] = {
        kind: _top(default_text_model(kind)) for kind in ("tfidf", "minilm", "stack", "cascade")
    }
    row("all models", "trained or loaded", "s", [time.perf_counter() - begun])
    if other := _profanity_check():
        models["alt-profanity-check"] = other
    texts = [one.post.text for one in rows]
    truth = np.array([one.violating for one in rows])
    rates: dict[str, list[float]] = {name: [] for name in models}
    singles: dict[str, list[float]] = {name: [] for name in models}
    for _, name in rotate(list(models), rounds):
        score = models[name]
        part = 64 if quick else 512
        begun = time.perf_counter()
        for start in range(0, part, 256):
            score(texts[start : min(start + 256, part)])
        rates[name].append(part / (time.perf_counter() - begun))
        singles[name].append(1e3 * timed(lambda score=score: score(texts[:1]), seconds / 10)[0])  # type: ignore[misc]
    for name, score in models.items():
        row(name, "batches of 256", "posts/s", rates[name])
        row(name, "one post", "ms", singles[name])
        scores = score(texts)
        row(name, "AUC, in domain", "", [_auc(scores, truth)])
        for functionality in ("slur_direct", "dehumanise_implicit", "quotation", "scam_warning"):
            here = np.array([one.functionality == functionality for one in rows])
            if here.any() and name != "alt-profanity-check":
                right = (scores[here] >= 0.5) == truth[here]
                row(name, f"right at 0.5: {functionality}", "share", [float(right.mean())])
        caught = int((score([one.post.text for one in evasions]) >= 0.5).sum())
        row(name, "evasions caught at 0.5", "share", [caught / len(evasions)])
        wrong = int((scores[~truth] >= 0.5).sum())
        row(name, "allowed posts flagged at 0.5, 95 % bound", "share", [upper_bound(wrong, int((~truth).sum()))])
        if name != "alt-profanity-check":
            sides = (score([one.post.text for one in tuned]), np.array([one.violating for one in tuned]))
            row(name, "escalated for FPR 0.1 %, FNR 1 %", "share", [feasible(sides, (scores, truth)).share_needed])
    first = next(r for r in result.rows if r["target"] == "tfidf" and r["unit"] == "posts/s")["median"]
    second = next(r for r in result.rows if r["target"] == "stack" and r["unit"] == "posts/s")["median"]
    result.conclusions.append(f"TF-IDF scores {first / second:.0f} posts while the stack scores one.")
    return result


def _top(model: Any) -> Callable[[Sequence[str]], Any]:
    return lambda texts: model.score(texts).max(axis=1)


def _profanity_check() -> Callable[[Sequence[str]], Any] | None:
    try:
        from profanity_check import predict_prob
    except ImportError:
        return None
    return lambda texts: predict_prob(list(texts))


def _auc(scores: Any, truth: Any) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, scores))
