"""Tier 1 for text: posts per second and core with many rules, its parts, and two word filters on the same words."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.common import Result, spread

BATCH = 1024


def posts_of(n: int, words: Sequence[str]) -> list[str]:
    """`n` different texts, about 85 characters on average; one in fifty holds a listed word, one in ten a disguise."""
    from reference.moderation.rules.benign import benign_sample

    sample = benign_sample()
    texts = []
    for number in range(n):
        text = f"{sample[number % len(sample)]} no {number} of the day"
        if number % 50 == 7:
            text += " " + words[number % len(words)]
        if number % 10 == 3:
            text = text.replace("o", "0", 1).replace("e", "\u0435", 1)
        texts.append(text)
    return texts


def rate(call: Callable[[Sequence[Any]], Any], items: Sequence[Any]) -> float:
    """Items per second of processor time of this process, in batches."""
    gc.collect()
    begun = time.process_time()
    for start in range(0, len(items), BATCH):
        call(items[start : start + BATCH])
    return len(items) / (time.process_time() - begun)


def run(quick: bool = False) -> Result:
    from reference.moderation.rules.generate import generated_rules
    from reference.moderation.rules.ruleset import RuleSet
    from reference.moderation.rules.screen import TextRules
    from reference.moderation.text.language import identify
    from reference.moderation.text.views import views
    from reference.moderation.types import Post

    count, rounds = (2_000, 2) if quick else (30_000, 7)
    sizes = (1_000, 10_000)
    listed = generated_rules(sizes[-1])
    vocabulary = [pattern for rule in listed for pattern in rule.patterns]
    texts = posts_of(count, vocabulary[:1000])
    posts = [Post(str(number), text) for number, text in enumerate(texts)]
    result = Result(
        "moderation_rules",
        "How many posts per second does one core screen?",
        {
            "posts": f"{count:,} different texts, mean {sum(map(len, texts)) / count:.0f} characters; no JSON decoded",
            "rates": "per second of processor time of one thread",
            "stage": f"default rules and generated patterns, views, matching, language, links; batches of {BATCH}",
            "rounds": rounds,
        },
    )
    medians: dict[str, float] = {}

    def row(target: str, metric: str, unit: str, values: list[float]) -> None:
        figures = spread(values)
        medians[f"{target}|{metric}"] = float(figures["median"])
        result.rows.append({"target": target, "metric": metric, "unit": unit, **figures})

    base = RuleSet.load().rules
    seen = views(texts)
    plain = [one for one, _ in seen]
    stages, engines = {}, {}
    for size in sizes:
        begun = time.process_time()
        rules = RuleSet([*base, *listed[: size // 100]])
        row(f"{size:,} patterns", "load and checks", "s", [time.process_time() - begun])
        stages[size], engines[size] = TextRules(rules), rules.engine

    def matching(size: int) -> Callable[[Sequence[Any]], Any]:
        engine = engines[size]
        return lambda batch: engine.match([one for one, _ in batch], [other for _, other in batch])

    calls: list[tuple[str, Callable[[Sequence[Any]], Any], Sequence[Any]]] = [
        *((f"whole stage, {size:,} patterns", stages[size].screen, posts) for size in sizes),
        ("views", views, texts),
        *((f"matching, {size:,} patterns", matching(size), seen) for size in sizes),
        ("language", identify, plain),
    ]
    few = 100 if quick else 300
    for name, call in _others(vocabulary[:1000]):
        calls.append((f"{name}, 1,000 words", lambda batch, call=call: [call(text) for text in batch], texts[:few]))  # type: ignore[misc]
    for _, call, items in calls:
        call(items[: min(len(items), 64)])
    rates: dict[str, list[float]] = {name: [] for name, _, _ in calls}
    for _ in range(rounds):  # in turn, so that other load falls on all
        for name, call, items in calls:
            rates[name].append(rate(call, items))
    for name, values in rates.items():
        row(name, "posts", "1/s", values)
    whole = medians[f"whole stage, {sizes[-1]:,} patterns|posts"]
    result.conclusions.append(f"{whole:,.0f} posts/s per core with {sizes[-1]:,} patterns.")
    small = medians[f"whole stage, {sizes[0]:,} patterns|posts"]
    for name in rates:
        if "1,000 words" in name:
            result.conclusions.append(
                f"{name}: our whole stage is {small / medians[f'{name}|posts']:.1f} times as fast."
            )
    return result


def _others(words: list[str]) -> list[tuple[str, Callable[[str], Any]]]:
    """Word filters with the same words; those that are not installed are left out."""
    found: list[tuple[str, Callable[[str], Any]]] = []
    try:
        from better_profanity import Profanity
    except ImportError:
        pass
    else:
        filter_ = Profanity([])
        filter_.load_censor_words(words)
        found.append(("better-profanity", filter_.contains_profanity))
    try:
        from glin_profanity import Filter
    except ImportError:
        pass
    else:
        other = Filter({"custom_words": words, "detect_leetspeak": True})
        found.append(("glin-profanity", other.check_profanity))
    return found
