"""Tier 3: a language model over what the calibrated band leaves open, five posts a call, bounded in every direction."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference.moderation.types import Finding, ModerationError, Post, Tier

from .cache import PatternCache
from .prompt import SYSTEM, Question, Said, make_call, read_reply
from .suspicion import Canary, draw, is_suspicious, spam_canaries

if TYPE_CHECKING:
    from reference.serving.engine import Engine


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Attributes:
    batch: posts per call; two canaries come on top where it is over 1.
    deadline_s: of one `judge` call; what is not answered by then is None.
    call_timeout_s: of one request.
    parallel: requests at a time.
    most_chars: of a post's text; of a longer one only a violation is believed, since its rest was not seen.
    scores: probability of a violation after the model said `violates` and `allowed`, as `worth_it` measures them. The
        default takes the model at its word.
    """

    batch: int = 5
    deadline_s: float = 10.0
    call_timeout_s: float = 8.0
    parallel: int = 4
    most_chars: int = 1500
    scores: tuple[float, float] = (1.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("batch", "deadline_s", "call_timeout_s", "parallel", "most_chars"):
            if not getattr(self, name) > 0:
                raise ModerationError(f"judge setting {name} must be positive, got {getattr(self, name)}")
        if not all(0 <= score <= 1 for score in self.scores):
            raise ModerationError(f"judge setting scores must be two probabilities, got {self.scores}")


@dataclass
class _Work:
    """The posts of one `judge` call: answers come in by index, from several threads."""

    posts: Sequence[Post]
    categories: Sequence[str]
    until: float
    said: dict[int, Said] = field(default_factory=dict)
    cached: set[int] = field(default_factory=set)  # not remembered again: an entry must end


class LLMJudge:
    """Implements `interfaces.Judge` over an OpenAI-compatible API. Ask `worth_it` before using it, see `GatedJudge`.

    No post changes another one's verdict: suspicious posts are judged alone, and a batch whose canaries come back wrong
    is judged again post by post. Of a suspicious post only a violation is believed. What is left: an injection that the
    detector does not know, in a batch, aimed at one neighbour by its content; with `batch` 1 that is gone too.

    Args:
        client: of the `openai` package, synchronous, without retries.
        policies: text of the policy per category, as the model reads it.
        policy_version: part of the cache's key and of `version`.
        canaries: at least one of each verdict.
    """

    def __init__(
        self,
        client: Any,
        model: str,
        *,
        policies: Mapping[str, str],
        policy_version: str = "",
        settings: JudgeSettings | None = None,
        cache: PatternCache | None = None,
        canaries: Sequence[Canary] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or JudgeSettings()
        self.cache = PatternCache() if cache is None else cache
        self._client, self._model, self._policies, self._clock = client, model, dict(policies), clock
        self._canaries = tuple(spam_canaries() if canaries is None else canaries)
        if {one.verdict for one in self._canaries} != {Said.VIOLATES, Said.ALLOWED}:
            raise ModerationError("canaries: the judge needs at least one that violates and one that is allowed")
        told = "\x00".join([SYSTEM, policy_version, *(f"{name}={text}" for name, text in sorted(policies.items()))])
        self.version = f"{model}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
        self.counts: Counter[str] = Counter()  # calls, cache, suspicious, canary, failed, late: since the start
        self._lock = threading.Lock()
        self._random = secrets.SystemRandom()

    @classmethod
    def of_engine(cls, engine: Engine, **options: Any) -> LLMJudge:
        """On the shared engine, or the one of WORKBOOK_ENGINE_URL."""
        return cls(engine.client(), engine.model, **options)

    def judge(self, posts: Sequence[Post], questions: Sequence[str]) -> list[Finding | None]:
        """Per post a finding about its category in `questions`; None: it could not say (a person decides).

        Raises:
            ModerationError: `questions` is not as long as `posts`. Nothing else, whatever the model does.
        """
        if len(posts) != len(questions):
            raise ModerationError(f"questions: one category per post; got {len(questions)} for {len(posts)} posts")
        work = _Work(posts, questions, self._clock() + self.settings.deadline_s)
        alone, together = [], []
        for index, (post, category) in enumerate(zip(posts, questions, strict=True)):
            if not post.text.strip() and not post.links:
                continue  # only text is judged here
            if self.cache.violates(post, category, self.version):
                work.said[index] = Said.VIOLATES
                work.cached.add(index)
                self._count("cache")
            elif is_suspicious(self._text(post)):
                self._count("suspicious")
                alone.append(index)
            else:
                together.append(index)
        size = self.settings.batch
        self._random.shuffle(together)  # an author cannot choose the neighbours
        batches = [together[start : start + size] for start in range(0, len(together), size)]
        batches += [[index] for index in alone]
        if len(batches) == 1:
            self._batch(work, batches[0])
        elif batches:
            with ThreadPoolExecutor(min(self.settings.parallel, len(batches))) as pool:
                list(pool.map(lambda batch: self._batch(work, batch), batches))
        suspicious = set(alone)
        return [self._finding(work, index, index in suspicious) for index in range(len(posts))]

    def _finding(self, work: _Work, index: int, suspicious: bool) -> Finding | None:
        post, category, said = work.posts[index], work.categories[index], work.said.get(index, Said.UNSURE)
        violates = said is Said.VIOLATES
        if said is Said.UNSURE or (not violates and (suspicious or len(self._text(post)) > self.settings.most_chars)):
            return None
        if violates and not suspicious and index not in work.cached:
            self.cache.remember(post, category, self.version)
        score = self.settings.scores[0 if violates else 1]
        detail = f"the language model reads it as {'a violation' if violates else 'allowed'}"
        return Finding(category, score, Tier.JUDGE, "judge", detail)

    @staticmethod
    def _text(post: Post) -> str:
        return "\n".join([post.text, *post.links])

    def _batch(self, work: _Work, indexes: Sequence[int]) -> None:
        asked = [Question(self._text(work.posts[i])[: self.settings.most_chars], work.categories[i]) for i in indexes]
        if len(indexes) == 1:
            said = self._ask(asked, work.until)
            if said is not None:
                work.said[indexes[0]] = said[0]
            return
        canaries = draw(self._canaries, self._random)
        every = asked + [one.question for one in canaries]
        order = list(range(len(every)))
        self._random.shuffle(order)
        said = self._ask([every[place] for place in order], work.until)
        if said is None:
            return
        found = dict(zip(order, said, strict=True))
        if any(found[len(asked) + number] is not one.verdict for number, one in enumerate(canaries)):
            # Something in the batch, or the model itself, is not to be trusted: nothing of it counts.
            self._count("canary")
            for index in indexes:
                self._batch(work, [index])
            return
        work.said.update({index: found[place] for place, index in enumerate(indexes)})

    def _ask(self, questions: Sequence[Question], until: float) -> list[Said] | None:
        left = until - self._clock()
        if left <= 0.05:
            self._count("late")
            return None
        call = make_call(questions, self._policies)
        form = {"name": "verdicts", "schema": call.schema, "strict": True}
        self._count("calls")
        try:
            reply = self._client.chat.completions.create(
                model=self._model,
                messages=call.messages,
                response_format={"type": "json_schema", "json_schema": form},
                max_tokens=24 * len(questions) + 16,
                temperature=0,
                timeout=min(left, self.settings.call_timeout_s),
            )
            choice = reply.choices[0]
            if choice.finish_reason != "stop":
                raise ValueError(f"the reply ended by {choice.finish_reason}")
            if self._clock() > until:
                raise TimeoutError
            return read_reply(choice.message.content or "", call.tags)
        except Exception:  # whatever the client or the reply does, the posts go to a person
            self._count("failed")
            return None

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1
