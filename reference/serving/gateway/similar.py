"""Answers to questions that mean the same, between the exact cache and the engine.

All but the last message's text must agree exactly; it makes the scope. A store that is slow, fails or returns nonsense
is a miss. Questions and answers in which personal data or secrets are found are neither looked for nor kept: what one
person told must not reach the next who asks alike.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from reference.serving.gateway.calls import Call
from reference.serving.gateway.exact_cache import Answer, ExactCache
from reference.serving.gateway.logs import log_event
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.offload import NotDone, Offload
from reference.serving.gateway.seams import Similar, SimilarAnswers
from reference.serving.gateway.settings import Settings

_KEEP_TIMEOUT_S = 10.0
_MOST_KEEPING = 32
_LAST_KEEPS_S = 2.0


@dataclass(frozen=True)
class Asked:
    """A question that may be answered by a similar one's answer, and the scope in which it may."""

    tenant: str
    scope: str
    question: str


@dataclass(frozen=True)
class Hit:
    """What was found. `question_digest` names the stored question without telling it."""

    answer: Answer
    similarity: float
    question_digest: str


class _Personal(Exception):
    """Personal data or a secret was found."""


class SimilarTier:
    """The store of one gateway, behind a time limit and the detector of personal data.

    Args:
        personal: says whether a text holds personal data or secrets; default: the guardrails' detectors, which are used
            also where guardrails are off.
    """

    def __init__(
        self,
        store: SimilarAnswers,
        settings: Settings,
        metrics: Metrics,
        personal: Callable[[str], bool] | None = None,
    ) -> None:
        self._store, self._settings, self._metrics = store, settings, metrics
        self._personal = personal or personal_data
        self._personal("ann@mail.example")  # loads the detectors' tables now, not within a request's time limit
        self._offload = Offload("similar")
        self._keeping: set[asyncio.Task[None]] = set()
        # A plain digest of a short question could be guessed back from its text.
        self._secret = settings.key_pepper.encode() or secrets.token_bytes(32)

    def asked(
        self, call: Call, clean: list[dict[str, str]], prompt: list[dict[str, str]], version: str, policy: str
    ) -> Asked | None:
        """The question of a call; None if it is not one that a similar answer may serve.

        Args:
            clean: messages after the input guard; prompt: the same with retrieved passages.
            version: of the tier's model. policy: of the guards.
        """
        last = call.request.messages[-1]
        if last.role != "user" or call.request.logprobs or not last.content.strip():
            return None
        if clean[-1]["content"] != last.content:  # the input guard found something in it
            self._metrics.similar.labels("personal").inc()
            return None
        question, full = last.content, prompt[-1]["content"]
        parts = {
            "tenant": call.key.tenant,
            "store": self._store.version,
            "model": call.request.model,
            "model_version": version,
            "messages": [[message["role"], message["content"]] for message in prompt[:-1]],
            "passages": full[: len(full) - len(question)],
            "sampling": call.request.sampling(),
            "max_tokens": call.request.answer_tokens or self._settings.default_max_tokens,
            "policy": policy,
        }
        canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return Asked(call.key.tenant, hashlib.sha256(canonical.encode()).hexdigest(), question)

    async def find(self, asked: Asked) -> Hit | None:
        """The answer to a question that means the same; None if there is none, in time, that may be served."""

        def look() -> tuple[Similar, Answer] | None:
            if self._personal(asked.question):
                raise _Personal
            found = self._store.find(asked.scope, asked.question)
            if found is None:
                return None
            answer = ExactCache.decode(found.answer)
            if answer is None or not answer.choices or not answer.cacheable or not math.isfinite(found.similarity):
                raise ValueError("the store returned no answer")
            if self._any_personal(answer):
                raise _Personal
            return found, answer

        def guarded() -> tuple[Similar, Answer] | str | None:
            try:
                return look()
            except _Personal:  # nothing that the store is at fault for
                return "personal"

        try:
            got = await self._offload.run(guarded, self._settings.similar_timeout_s)
        except NotDone as error:
            self._metrics.similar.labels(error.reason).inc()
            return None
        if got is None or isinstance(got, str):
            self._metrics.similar.labels(got or "miss").inc()
            return None
        self._metrics.similar.labels("hit").inc()
        found, answer = got
        text = f"{asked.tenant}\0{found.question}".encode("utf-8", "replace")
        return Hit(answer, float(found.similarity), hmac.new(self._secret, text, hashlib.sha256).hexdigest())

    def keep(self, asked: Asked, answer: Answer, redacted: bool) -> None:
        """Offers a whole answer to the store, beside the request: nobody waits for it.

        Args:
            redacted: the output guard removed something from it.
        """
        if redacted:
            self._metrics.similar_kept.labels("personal").inc()
            return
        if len(self._keeping) >= _MOST_KEEPING:
            self._metrics.similar_kept.labels("busy").inc()
            return
        task = asyncio.create_task(self._keep(asked, answer), name="keep-similar")
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _keep(self, asked: Asked, answer: Answer) -> None:
        def put() -> str:
            if self._personal(asked.question) or self._any_personal(answer):
                return "personal"
            self._store.keep(asked.scope, asked.question, answer.to_bytes(), self._settings.similar_ttl_s)
            return "kept"

        try:
            outcome = await self._offload.run(put, _KEEP_TIMEOUT_S)
        except NotDone as error:
            outcome = error.reason
        self._metrics.similar_kept.labels(outcome).inc()

    def _any_personal(self, answer: Answer) -> bool:
        return any(self._personal(choice.text) for choice in answer.choices)

    async def stop(self) -> None:
        """Lets what is being kept end, within a time."""
        if self._keeping:
            _, late = await asyncio.wait(self._keeping, timeout=_LAST_KEEPS_S)
            for task in late:
                task.cancel()
            if late:
                log_event("similar_not_kept", logging.WARNING, count=len(late))
        self._offload.close()


def personal_data(text: str) -> bool:
    """True if the guardrails' detectors find personal data or a secret, or the mark of one that they removed."""
    from reference.serving.guardrails.guard import tuned_rules
    from reference.serving.guardrails.redaction import redact
    from reference.serving.guardrails.types import PLACEHOLDERS

    if any(mark in text for mark in PLACEHOLDERS.values()):
        return True
    return bool(redact(text, tuned_rules().redaction)[1])
