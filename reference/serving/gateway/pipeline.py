"""The path of one chat request, from a checked key to a running generation or a cached answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from reference.serving.gateway.calls import Call, Reply, live
from reference.serving.gateway.context import Budget
from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.exact_cache import Answer, cache_digest
from reference.serving.gateway.flights import across_processes
from reference.serving.gateway.generation import Generation, NotShared, events_of
from reference.serving.gateway.guard import guard_stream, policy_version
from reference.serving.gateway.logs import now
from reference.serving.gateway.prompts import Messages, Prompts
from reference.serving.gateway.quota import Quota
from reference.serving.gateway.services import Services
from reference.serving.gateway.similar import Asked
from reference.serving.gateway.tiers import Tier
from reference.serving.gateway.turns import SessionTurn
from reference.serving.gateway.upstream import Delta, Event
from reference.serving.gateway.usage.meter import EngineUse
from reference.serving.gateway.usage.records import Labels, Saver, avoided


@dataclass(frozen=True)
class Work:
    """What one generation needs: the engine and its request; for the accounts, the prompt's tokens, budget and labels.

    The call itself may have moved to another tier by the time the generation ends.
    """

    tier: Tier
    body: dict[str, Any]
    messages: Messages
    tokens: int
    budget: Budget
    labels: Labels


class Pipeline:
    """Turns calls into replies."""

    def __init__(self, services: Services) -> None:
        self._s = services
        self._policy = policy_version(services.guards)
        self.prompts = Prompts(services)
        self.quota = Quota(services)

    async def reply(self, call: Call) -> Reply:
        """Serves a call. Whoever gets a generation must `detach` from it.

        Raises:
            GatewayError: the request is refused or fails before its first token.
        """
        tiers = self._s.tiers
        call.auto = tiers.is_auto(call.request.model)
        named = "strong" if call.auto else tiers.serving(call.request.model)
        self.quota.refuse_early(call)
        messages = await self.prompts.cleaned(call)
        if call.auto:
            await tiers.choose(call, next(m["content"] for m in reversed(messages) if m["role"] == "user"))
        else:
            tiers.put_on(call, named)
        try:
            return await self._on_tier(call, messages)
        except GatewayError as error:
            if not tiers.makes_good(call, error):
                raise
            tiers.fall_back(call, error.code)
        return await self._on_tier(call, messages)

    async def _on_tier(self, call: Call, messages: Messages) -> Reply:
        s = self._s
        if call.session_id is None and s.settings.cache_enabled and call.request.deterministic:
            return await self._cached(call, messages)
        await self.quota.charge_request(call)
        call.headers["x-cache"] = "bypass"
        s.metrics.cache.labels("bypass").inc()
        if call.session_id is not None:
            return await self._session_turn(call, call.session_id, messages)
        messages = await self.prompts.with_passages(call, messages)
        work = self._work(call, messages)
        generation, resources = self._new_generation(), AsyncExitStack()
        generation.start(lambda: self._generate(call, work, generation, resources), _nothing, resources)
        return await live(call, generation)

    def _new_generation(self) -> Generation:
        """A generation with its first reader attached."""
        # Each reader keeps its own deadline; the generation's is only the outer bound.
        bound = asyncio.get_running_loop().time() + self._s.settings.max_timeout_s
        generation = Generation(bound, self._s.settings.max_answer_bytes)
        generation.attach()
        return generation

    def _work(self, call: Call, messages: Messages, tokens: int | None = None, answer: int | None = None) -> Work:
        body, tokens, budget = self.prompts.engine_body(call, messages, tokens, answer)
        return Work(self._s.tiers.of(call), body, messages, tokens, budget, labels_of(call))

    async def _generate(
        self, call: Call, work: Work, generation: Generation, resources: AsyncExitStack
    ) -> AsyncGenerator[Event]:
        """Reserves tokens and a slot, runs the engine behind the output guard, and settles the tokens at the end."""
        s = self._s
        cost = work.tokens + call.request.choices * work.budget.answer
        await self.quota.reserve(call, cost)
        pieces = 0
        use = EngineUse(s.meter, work.labels, work.tokens)

        async def settle() -> None:
            use.settle()
            used = work.tokens + pieces
            if generation.answer is not None:
                used = generation.answer.prompt_tokens + generation.answer.completion_tokens
                s.metrics.tokens.labels("in").inc(generation.answer.prompt_tokens)
                s.metrics.tokens.labels("out").inc(generation.answer.completion_tokens)
            await self.quota.give_back(call, cost - used)

        resources.push_async_callback(settle)
        s.admission.enter(work.tier.monitor)
        try:
            system = "\n".join(m["content"] for m in work.messages if m["role"] == "system")
            source = use.watching(work.tier.upstream.stream(work.body, call.request_id))

            def redacted() -> None:
                generation.redacted = True

            guarded = guard_stream(source, s.guards, system, call.request.choices, work.tokens, s.metrics, redacted)
            async for event in guarded:
                pieces += isinstance(event, Delta)
                yield event
        finally:
            s.admission.leave()

    # --- exact cache ------------------------------------------------------------------------------------------------

    async def _cached(self, call: Call, messages: Messages) -> Reply:
        s, tenant, clean = self._s, call.key.tenant, messages
        retrieves = self.prompts.retrieves
        if retrieves:  # what is retrieved belongs to the key, and a refused request must not cost a retrieval
            await self.quota.charge_request(call)
            messages = await self.prompts.with_passages(call, messages)
        digest = self._digest(call, messages)
        if retrieves or call.charged:
            answer = await s.cache.get(tenant, digest)
        else:
            answer = s.cache.decode(await self.quota.charge_and_get(call, s.cache.redis_key(tenant, digest)))
        if answer is not None:
            self._note(call, "hit")
            self._saved(call, "exact_cache", answer)
            s.metrics.ttft.labels("cache").observe(now() - call.received)
            return Reply(call, answer=answer)
        while True:
            generation = s.flights.join(digest)
            joined = generation is not None
            if generation is None:
                generation = self._lead(call, clean, messages, tenant, digest)
            else:
                generation.attach()
            try:
                reply = await live(call, generation)
            except NotShared:
                if not joined:
                    raise
                continue  # the leader left or had no quota; the generation itself did not fail
            self._note_reply(call, generation, joined)
            return reply

    def _note_reply(self, call: Call, generation: Generation, joined: bool) -> None:
        """Says where the answer comes from, and has counted what it saved."""
        saver: Saver
        if generation.similar is not None:
            hit, outcome, saver = generation.similar, "similar", "similar_cache"
            call.headers["x-cache-similarity"] = f"{hit.similarity:.4f}"
            call.headers["x-cache-question-sha256"] = hit.question_digest
            self._s.metrics.ttft.labels("similar").observe(now() - call.received)
        elif joined or generation.replayed:
            outcome, saver = "coalesced", "coalesced"
        else:
            self._note(call, "miss")
            return
        self._note(call, outcome)
        generation.after(lambda answer: self._saved(call, saver, answer))

    def _saved(self, call: Call, saver: Saver, answer: Answer) -> None:
        if self._s.meter is not None:
            saved = avoided(saver, answer.prompt_tokens, answer.completion_tokens)
            self._s.meter.record(labels_of(call), saved)

    def _digest(self, call: Call, messages: Messages) -> str:
        return cache_digest(
            tenant=call.key.tenant,
            model=call.request.model,
            model_version=self._s.tiers.of(call).model_version,
            messages=messages,
            sampling=call.request.sampling(),
            max_tokens=call.request.answer_tokens or self._s.settings.default_max_tokens,
            policy=self._policy,
        )

    def _note(self, call: Call, outcome: str) -> None:
        call.headers["x-cache"] = call.fields["cache"] = outcome
        self._s.metrics.cache.labels(outcome).inc()

    def _lead(self, call: Call, clean: Messages, messages: Messages, tenant: str, digest: str) -> Generation:
        """Starts the generation that equal requests join. No await in here: nobody may run between join and lead.

        Args:
            clean: the messages without retrieved passages.
        """
        s, similar = self._s, self._s.similar
        work = self._work(call, messages)
        generation, resources = self._new_generation(), AsyncExitStack()
        resources.callback(s.flights.forget, digest, generation)

        def generate() -> AsyncGenerator[Event]:
            return self._generate(call, work, generation, resources)

        version = work.tier.model_version
        asked = similar.asked(call, clean, messages, version, self._policy) if similar is not None else None

        async def store(answer: Answer) -> None:
            # An answer to another question is not stored as this one's: who asks next must hear, too, that it is such.
            if generation.replayed or generation.similar is not None or not answer.cacheable:
                return
            if not await s.cache.put(tenant, digest, answer):
                s.metrics.cache_errors.labels("put").inc()
            elif similar is not None and asked is not None:
                similar.keep(asked, answer, generation.redacted)

        def flight() -> AsyncGenerator[Event]:
            lock_s = s.settings.flight_lock_s
            return across_processes(s.cache, tenant, digest, lock_s, generate, generation, resources)

        s.flights.lead(digest, generation)
        source = flight if asked is None else lambda: self._similar_first(asked, generation, flight)
        generation.start(source, store, resources)
        return generation

    async def _similar_first(
        self, asked: Asked, generation: Generation, otherwise: Callable[[], AsyncGenerator[Event]]
    ) -> AsyncGenerator[Event]:
        """The answer to a question that means the same, else the events of `otherwise()`."""
        assert self._s.similar is not None
        hit = await self._s.similar.find(asked)
        if hit is not None:
            generation.similar, generation.answer = hit, hit.answer
            for event in events_of(hit.answer):
                yield event
            return
        async with aclosing(otherwise()) as events:
            async for event in events:
                yield event

    # --- sessions ---------------------------------------------------------------------------------------------------

    async def _session_turn(self, call: Call, session_id: str, messages: Messages) -> Reply:
        resources = AsyncExitStack()
        try:
            turn = await SessionTurn.begin(self._s, self.prompts, call, session_id, messages, resources)
            work = self._work(call, turn.messages, turn.tokens, turn.answer_tokens)
            generation = self._new_generation()
        except BaseException:
            await resources.aclose()  # frees the session's lock
            raise
        generation.start(lambda: self._generate(call, work, generation, resources), turn.commit, resources)
        return await live(call, generation)


def labels_of(call: Call) -> Labels:
    """What a call's use counts under."""
    return Labels(call.key.tenant, call.key.key_id, call.request.model, call.tier, call.feature)


async def _nothing(answer: Answer) -> None:
    return None
