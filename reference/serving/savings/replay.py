"""One workload through the gateway under a set of switches: the same requests, the same engine."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from .parts import BATCH_PREFIX, Parts
from .sending import Answered, Sender, Watched
from .workload import SavingsError, Workload


@dataclass(frozen=True)
class Switches:
    """The six strategies, in the order of the usual answer.

    Attributes:
        routing: live messages go to `auto`: the chooser sends what it trusts the small tier with there.
        caching: the exact cache, and the store of similar answers where there is one.
        prompts: short prompts and bounded answers.
        batch: the backlog goes through the batch API.
        embeddings: texts are embedded on own machines.
        small_model: the backlog is classified by the small model on own machines (nothing is left to batch then).
    """

    routing: bool = False
    caching: bool = False
    prompts: bool = False
    batch: bool = False
    embeddings: bool = False
    small_model: bool = False

    @classmethod
    def of(cls, *names: str) -> Switches:
        """Those named on. Raises SavingsError for an unknown one."""
        unknown = sorted(set(names) - set(STRATEGIES))
        if unknown:
            raise SavingsError(f"switches: {unknown[0]!r} is none of {', '.join(STRATEGIES)}")
        return cls(**dict.fromkeys(names, True))

    @property
    def on(self) -> tuple[str, ...]:
        return tuple(name for name in STRATEGIES if getattr(self, name))


STRATEGIES = tuple(field.name for field in fields(Switches))


@dataclass(frozen=True)
class Outcome:
    """A replay. `usage`: rows of the gateway's export; `embed_tokens`: read by the embedder, or to be paid for.

    Attributes:
        wall_s: of the whole replay; engine_s: time that an engine is busy with its requests, as when each distinct one
            was generated (the tape plays it again afterwards); embed_s: of the self-hosted embedder, else 0.
    """

    switches: Switches
    answers: tuple[Answered, ...]
    usage: tuple[dict[str, Any], ...]
    embed_tokens: int
    embed_texts: int
    embed_s: float
    wall_s: float
    engine_s: float

    def right(self) -> list[bool]:
        """Right or wrong of every request that can be checked, in order: messages to classify."""
        return [bool(one.correct) for one in self.answers if one.request.feature != "faq"]

    @property
    def quality(self) -> float:
        """Share of the messages that were classified rightly. Raises SavingsError where there is none."""
        right = self.right()
        if not right:
            raise SavingsError("workload: nothing to classify, so quality does not exist")
        return sum(right) / len(right)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the quality (Wilson 1927)."""
        from reference.sizing.intervals import wilson

        right = self.right()
        return wilson(sum(right), len(right))

    @property
    def similar_hits(self) -> int:
        return sum(one.cache == "similar" for one in self.answers)

    @property
    def false_hits(self) -> int:
        """Answers that belong to another question."""
        return sum(one.cache == "similar" and one.similar_to != one.request.truth for one in self.answers)

    @property
    def exact_hits(self) -> int:
        return sum(one.cache in ("hit", "coalesced") for one in self.answers)

    @property
    def failed(self) -> int:
        return sum(bool(one.error) for one in self.answers)


def replay(workload: Workload, switches: Switches, parts: Parts, at_once: int = 16) -> Outcome:
    """Send every request of the workload once, `at_once` at a time; FAQ questions one by one where caches are on.

    Raises:
        SavingsError: a switch whose part is missing, or a batch that does not end.
    """
    from reference.serving.gateway import Settings, run_in_thread
    from reference.serving.modes import Modes, ModesSettings

    _check(switches, parts)
    parts.replays += 1
    prefix = f"savings{parts.replays}"
    small = parts.small if switches.routing or switches.small_model else None
    settings = Settings(**{
        "engine_url": parts.tape.base_url, "engine_api_key": parts.tape.api_key, "model": parts.tape.engine.model,
        "redis_url": parts.redis_url, "key_prefix": prefix, "cache_enabled": switches.caching, "usage_enabled": True,
        "guardrails": False, "poll_interval_s": 0.2, "default_rpm": 10**6, "default_tpm": 6 * 10**7,
        "default_timeout_s": 600.0, "stall_timeout_s": 300.0,
        # A machine that pauses while requests connect must not open the circuit: all that follow would fail at once.
        "connect_timeout_s": 60.0,
        "similar_timeout_s": 5.0, "chooser_timeout_s": 10.0, "log_level": "ERROR", "max_engine_queue": 10_000,
        **({"small_engine_url": small.base_url, "small_engine_api_key": small.api_key, "small_model": small.model}
           if small else {}),
        **parts.settings,
    })  # fmt: skip
    faq = frozenset(request.text for request in workload.of("faq"))
    watched = Watched(parts.similar(), faq) if switches.caching and parts.similar is not None else None
    modes = [Modes(parts.jobs, ModesSettings(batch_keep_s=0.1))] if switches.batch and parts.jobs else []
    begun, before = time.perf_counter(), len(parts.tape.asked)
    batched_before = _exported(parts, BATCH_PREFIX)
    with run_in_thread(
        settings, chooser=parts.chooser if switches.routing else None, similar=watched, extensions=modes
    ) as gateway:
        sender = Sender(gateway, workload, switches, parts, watched, at_once)
        answers = sender.send()
        embed_tokens = sum(sender.count(text) for text in workload.to_embed)
    if watched is not None:
        watched.close()
    usage = _exported(parts, prefix)
    usage.update(_exported(parts, BATCH_PREFIX))
    usage.subtract(batched_before)
    embed_s = 0.0
    if switches.embeddings and workload.to_embed:
        embed_begun = time.perf_counter()
        parts.embed(list(workload.to_embed))
        embed_s = time.perf_counter() - embed_begun
    return Outcome(
        switches, answers, _rows(usage), embed_tokens, len(workload.to_embed), embed_s, time.perf_counter() - begun,
        parts.tape.seconds_in_engine(before),
    )  # fmt: skip


def _check(switches: Switches, parts: Parts) -> None:
    needs = {
        "routing": (("small", parts.small), ("chooser", parts.chooser)),
        "batch": (("jobs", parts.jobs),) if not switches.small_model else (),
        "small_model": (("small", parts.small),),
    }
    for name, some in needs.items():
        for part, there in some:
            if getattr(switches, name) and there is None:
                raise SavingsError(f"switches: {name} needs `{part}`, which these parts lack; see parts_for")


def _exported(parts: Parts, prefix: str) -> Counter[tuple[Any, ...]]:
    """The gateway's own export, summed over hours and keys: counter of (model, tier, feature, batch, what)."""
    from reference.serving import redis_store
    from reference.serving.gateway.usage.export import usage_rows
    from reference.serving.gateway.usage.records import COUNTERS

    found: Counter[tuple[Any, ...]] = Counter()
    with redis_store.connect(parts.redis_url) as client:
        for row in usage_rows(client, prefix):
            series = (row["model"], row["tier"], row["feature"] or "", bool(row["batch"]))
            found.update({(*series, what): row[what] for what in COUNTERS})
    return found


def _rows(usage: Counter[tuple[Any, ...]]) -> tuple[dict[str, Any], ...]:
    """One row per series that was used."""
    made: dict[tuple[Any, ...], dict[str, Any]] = {}
    for (model, tier, feature, batch, what), amount in sorted(usage.items()):
        row = made.setdefault(
            (model, tier, feature, batch), {"model": model, "tier": tier, "feature": feature, "batch": batch}
        )
        row[what] = amount
    return tuple(row for row in made.values() if any(row[what] for what in row if what not in _SERIES))


_SERIES = ("model", "tier", "feature", "batch")
