"""Simple tasks on support messages: is a language model needed? Quality by recorded answers, cost by measured seconds.

Each task has a truth that the generator of the messages knows. What was trained for what: the language model has an
adapter for intents and nothing for extraction (six examples in the prompt); the head knows intents; the rules were
written by the hand that wrote the sentences, so they show what a rule costs, not how far yours reaches.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.serving.model_routing.curves import resampled
from reference.serving.model_routing.extraction import NONE, ORDER, PRODUCT, rule, truth
from reference.serving.model_routing.recording import HEADS, STRONG, Recording

INTENT, FINANCE = "intent (8)", "for the finance team (yes, no)"
_FINANCE = {"refund", "billing"}
LANGUAGE_MODEL, RULE = "language model", "rule"


@dataclass(frozen=True)
class TaskResult:
    """One way to do one task.

    Attributes:
        quality: share that was right, with its 95 % interval over sentences (bootstrap), of n messages.
        commonest: share of the commonest answer: what saying always the same gets right.
        seconds_per_1000: of this machine, all its cores busy with nothing else.
    """

    task: str
    by: str
    n: int
    quality: float
    low: float
    high: float
    commonest: float
    seconds_per_1000: float


def _result(task: str, by: str, right: Any, truths: Sequence[Any], groups: Sequence[str], seconds: float) -> TaskResult:
    import numpy as np

    right = np.asarray(right, dtype=float)
    weights = resampled(groups)
    low, high = np.percentile((weights @ right) / weights.sum(axis=1), [2.5, 97.5])
    commonest = max(truths.count(one) for one in set(truths)) / len(truths)
    return TaskResult(task, by, len(right), float(right.mean()), float(low), float(high), commonest, 1000 * seconds)


def _rule_seconds(task: str, texts: Sequence[str]) -> float:
    begun = time.perf_counter()
    for text in texts:
        rule(task, text)
    return (time.perf_counter() - begun) / len(texts)


def small_tasks(recording: Recording) -> tuple[TaskResult, ...]:
    """Every task by every means that can do it. Rules run now; everything else was recorded."""
    seconds = recording.header["seconds_per_question"]
    groups, rows = recording.templates(), recording.rows
    intents = [row.question.intent for row in rows]
    finance = [intent in _FINANCE for intent in intents]
    made = []
    for by, model in ((LANGUAGE_MODEL, STRONG), *((name, name) for name in HEADS)):
        said = [row.outcomes[model].answer for row in rows]
        right = [answer == intent for answer, intent in zip(said, intents, strict=True)]
        made.append(_result(INTENT, by, right, intents, groups, seconds[model]))
        right = [(answer in _FINANCE) is yes for answer, yes in zip(said, finance, strict=True)]
        made.append(_result(FINANCE, by, right, finance, groups, seconds[model]))
    for task in (ORDER, PRODUCT):
        mine = [row for row in rows if task in row.extracted]
        truths = [truth(task, row.question) for row in mine]
        named = [row.question.template for row in mine]
        told = [_cleaned(row.extracted[task]) == true for row, true in zip(mine, truths, strict=True)]
        made.append(_result(task, LANGUAGE_MODEL, told, truths, named, seconds[task]))
        texts = [row.question.text for row in mine]
        ruled = [rule(task, text) == true for text, true in zip(texts, truths, strict=True)]
        made.append(_result(task, RULE, ruled, truths, named, _rule_seconds(task, texts)))
    return tuple(sorted(made, key=lambda one: [INTENT, FINANCE, ORDER, PRODUCT].index(one.task)))


def _cleaned(answer: str) -> str:
    """Forgives case, a full stop and a leading number sign; whoever uses an extraction would too."""
    return answer.strip().strip(".#").lower() or NONE
