"""What a replay runs on: an engine behind a tape, the small model, the chooser, the store of similar answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from reference.serving.prompt_economy import Examples, Variant

from .tape import Tape, taped
from .workload import SavingsError

if TYPE_CHECKING:
    from reference.serving.engine.handle import Engine
    from reference.serving.gateway.seams import Chooser, SimilarAnswers
    from reference.serving.jobs.settings import JobSettings

Embed = Callable[[Sequence[str]], Any]
BATCH_PREFIX = "savings-batches"  # where the workers count; they outlive single replays
FOUND = Variant("as found", "verbose", 5, form="explained")
SHORT = Variant("short", "terse", 2)


class SmallEngine(Protocol):
    """The second tier: an OpenAI-compatible server of one small model (`model_routing.RunningSmallModel` is one)."""

    @property
    def base_url(self) -> str:
        """Ends in /v1."""
        ...

    @property
    def model(self) -> str:
        """Name in requests."""
        ...

    @property
    def api_key(self) -> str:
        """Empty for none."""
        ...


@dataclass(frozen=True)
class Prompts:
    """The two ways to ask: as found, and short. FAQ answers are as long in both: their quality is not measured."""

    found: Variant = FOUND
    short: Variant = SHORT
    faq_found: str = (
        "You are a helpful, friendly and professional customer support assistant of an online shop. Please read the "
        "question of the customer very carefully before you answer. It is very important that you are always polite "
        "and that you never use a harsh word. Answer the question in one or two short sentences. Please do not make "
        "promises that the shop cannot keep, do not ask for personal data, do not mention other shops and do not talk "
        "about topics other than our shop. If you do not know the answer, say so in a friendly way and tell the "
        "customer that a colleague will get in touch. Remember that customers may be in a hurry, so please come to the "
        "point. Always end in a friendly way. Thank you for your careful work, it helps our team a lot."
    )
    faq_short: str = "Answer a customer of our shop in one short sentence. If you do not know, say so."
    faq_tokens: int = 16


@dataclass
class Parts:
    """What replays share. `small`, `chooser`, `similar` and `jobs` may be missing: their switches are refused then.

    Attributes:
        embed: texts -> unit vectors [n, d]; also what embedding costs is measured with it.
        examples: to choose a prompt's examples from.
        similar: makes an empty store of similar answers for one replay.
        jobs: of a running fleet of workers whose engine is the tape.
        settings: further settings of the gateway (`model_dir`, for exact token counts).
        small_tokens: message -> tokens that the small tier is to tell. A head reads the message only; a small model of
            a provider would read the whole prompt, so routed messages count with it. Give `small_tokens.get` (with a
            default) as the small server's `count`.
    """

    tape: Tape
    redis_url: str
    embed: Embed
    examples: Examples
    small: SmallEngine | None = None
    chooser: Chooser | None = None
    similar: Callable[[], SimilarAnswers] | None = None
    jobs: JobSettings | None = None
    prompts: Prompts = field(default_factory=Prompts)
    settings: dict[str, Any] = field(default_factory=dict)
    small_tokens: dict[str, int] = field(default_factory=dict, repr=False)
    replays: int = 0  # so that each has keys of its own in Redis


@contextlib.contextmanager
def parts_for(
    engine: Engine,
    embed: Embed,
    *,
    small: SmallEngine | None = None,
    chooser: Chooser | None = None,
    similar: Callable[[], SimilarAnswers] | None = None,
    prompts: Prompts | None = None,
    small_tokens: dict[str, int] | None = None,
    workers: int = 1,
    **settings: Any,
) -> Iterator[Parts]:
    """Parts on an engine, a private Redis and `workers` processes for batches (0: no batches), until the block ends.

    Raises SavingsError, RedisUnavailable or RoutingError if one of them does not start.
    """
    from reference.serving.jobs import fleet
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.redis_store import private_redis
    from reference.serving.rollout.versions.task import make

    with contextlib.ExitStack() as stack:
        server, tape = stack.enter_context(private_redis()), stack.enter_context(taped(engine))
        jobs = None
        if workers:
            jobs = JobSettings.model_validate({
                "redis_url": server.url, "engine_url": tape.base_url, "engine_api_key": tape.api_key, "slots_low": 8,
                "reconcile_s": 0.2, "model": engine.model, "usage_prefix": BATCH_PREFIX,
            })  # fmt: skip
            stack.enter_context(fleet.running(jobs, workers))
        yield Parts(
            tape, server.url, embed, Examples(make(1600, seed=7, test=False), embed), small, chooser, similar, jobs,
            prompts or Prompts(), settings, {} if small_tokens is None else small_tokens,
        )  # fmt: skip


def tuned_threshold(embed: Embed, max_false_hits: float = 0.01) -> float:
    """The cosine from which on stored answers serve, chosen on the tuning half of the semantic cache's labelled pairs.

    Raises SavingsError if at no threshold the 95 % bound of false hits among the look-alikes there is within
    `max_false_hits`.
    """
    from reference.serving.semantic_cache import questions
    from reference.serving.semantic_cache.agreement import disagreement
    from reference.serving.semantic_cache.evaluation import choose_threshold, score

    intents = questions.intents(questions.SPLITS[0])
    pairs = [*questions.adversarial(intents), *questions.reworded(intents), *questions.paraphrases(intents)]
    found = choose_threshold(score(pairs, embed, disagreement), max_false_hits)
    if found is None:
        raise SavingsError(f"max_false_hits: no threshold keeps the guard within {max_false_hits:g} on these vectors")
    return found


@contextlib.contextmanager
def local_parts(
    engine: Engine, embed: Embed, embedder: str, *, threshold: float | None = None, workers: int = 1, **settings: Any
) -> Iterator[Parts]:
    """Parts with what this project ships: the head trained on many labels, the router, and Qdrant in this process.

    The router was trained for a weaker head, so it sends fewer messages to the small tier than it could.

    Args:
        embedder: name of the model behind `embed`; heads and router of another one are refused.
        threshold: of the semantic cache; None: `tuned_threshold`.
    """
    from reference.serving.model_routing.recording import MANY
    from reference.serving.model_routing.shipped import shipped_chooser, shipped_small
    from reference.serving.model_routing.small_model_server import small_model_server
    from reference.serving.semantic_cache.qdrant_tier import QdrantAnswers

    at = threshold if threshold is not None else tuned_threshold(embed)
    tokens: dict[str, int] = {}
    head = shipped_small(MANY, embedder)

    def count(text: str) -> int:
        return tokens.get(text, len(text.split()))

    with small_model_server(head, embed, count=count) as small, parts_for(
        engine, embed, small=small, chooser=shipped_chooser(embed, embedder=embedder),
        similar=lambda: QdrantAnswers(embed, embedder, at, url=""), small_tokens=tokens, workers=workers, **settings,
    ) as parts:  # fmt: skip
        yield parts
