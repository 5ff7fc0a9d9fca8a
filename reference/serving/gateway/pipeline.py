"""The path of one chat request, from a checked key to a running generation or a cached answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from reference.serving.gateway.calls import Call, Reply, live
from reference.serving.gateway.context import Budget
from reference.serving.gateway.exact_cache import Answer, cache_digest
from reference.serving.gateway.flights import across_processes
from reference.serving.gateway.generation import Generation, NotShared
from reference.serving.gateway.guard import guard_stream, policy_version
from reference.serving.gateway.logs import now
from reference.serving.gateway.prompts import Messages, Prompts
from reference.serving.gateway.quota import Quota
from reference.serving.gateway.services import Services
from reference.serving.gateway.turns import SessionTurn
from reference.serving.gateway.upstream import Delta, Event


@dataclass(frozen=True)
class Work:
    """What one generation needs: the engine's request, and the prompt's tokens and budget for the accounts."""

    body: dict[str, Any]
    messages: Messages
    tokens: int
    budget: Budget


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
        s = self._s
        s.monitor.require_model(call.request.model)
        self.quota.refuse_early(call)
        messages = await self.prompts.cleaned(call)
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
        return Work(body, messages, tokens, budget)

    async def _generate(
        self, call: Call, work: Work, generation: Generation, resources: AsyncExitStack
    ) -> AsyncGenerator[Event]:
        """Reserves tokens and a slot, runs the engine behind the output guard, and settles the tokens at the end."""
        s = self._s
        cost = work.tokens + call.request.choices * work.budget.answer
        await self.quota.reserve(call, cost)
        pieces = 0

        async def settle() -> None:
            used = work.tokens + pieces
            if generation.answer is not None:
                used = generation.answer.prompt_tokens + generation.answer.completion_tokens
                s.metrics.tokens.labels("in").inc(generation.answer.prompt_tokens)
                s.metrics.tokens.labels("out").inc(generation.answer.completion_tokens)
            await self.quota.give_back(call, cost - used)

        resources.push_async_callback(settle)
        s.admission.enter()
        try:
            system = "\n".join(m["content"] for m in work.messages if m["role"] == "system")
            source = s.upstream.stream(work.body, call.request_id)
            guarded = guard_stream(source, s.guards, system, call.request.choices, work.tokens, s.metrics)
            async for event in guarded:
                pieces += isinstance(event, Delta)
                yield event
        finally:
            s.admission.leave()

    # --- exact cache ------------------------------------------------------------------------------------------------

    async def _cached(self, call: Call, messages: Messages) -> Reply:
        s, tenant = self._s, call.key.tenant
        retrieves = self.prompts.retrieves
        if retrieves:  # what is retrieved belongs to the key, and a refused request must not cost a retrieval
            await self.quota.charge_request(call)
            messages = await self.prompts.with_passages(call, messages)
        digest = self._digest(call, messages)
        if retrieves:
            answer = await s.cache.get(tenant, digest)
        else:
            answer = s.cache.decode(await self.quota.charge_and_get(call, s.cache.redis_key(tenant, digest)))
        if answer is not None:
            self._note(call, "hit")
            s.metrics.ttft.labels("cache").observe(now() - call.received)
            return Reply(call, answer=answer)
        while True:
            generation = s.flights.join(digest)
            joined = generation is not None
            if generation is None:
                generation = self._lead(call, messages, tenant, digest)
            else:
                generation.attach()
            try:
                reply = await live(call, generation)
            except NotShared:
                if not joined:
                    raise
                continue  # the leader left or had no quota; the generation itself did not fail
            self._note(call, "coalesced" if joined or generation.replayed else "miss")
            return reply

    def _digest(self, call: Call, messages: Messages) -> str:
        return cache_digest(
            tenant=call.key.tenant,
            model=call.request.model,
            model_version=self._s.model_version,
            messages=messages,
            sampling=call.request.sampling(),
            max_tokens=call.request.answer_tokens or self._s.settings.default_max_tokens,
            policy=self._policy,
        )

    def _note(self, call: Call, outcome: str) -> None:
        call.headers["x-cache"] = call.fields["cache"] = outcome
        self._s.metrics.cache.labels(outcome).inc()

    def _lead(self, call: Call, messages: Messages, tenant: str, digest: str) -> Generation:
        """Starts the generation that equal requests join. No await in here: nobody may run between join and lead."""
        s = self._s
        work = self._work(call, messages)
        generation, resources = self._new_generation(), AsyncExitStack()
        resources.callback(s.flights.forget, digest, generation)

        def generate() -> AsyncGenerator[Event]:
            return self._generate(call, work, generation, resources)

        async def store(answer: Answer) -> None:
            if not generation.replayed and answer.cacheable and not await s.cache.put(tenant, digest, answer):
                s.metrics.cache_errors.labels("put").inc()

        s.flights.lead(digest, generation)
        lock_s = s.settings.flight_lock_s
        generation.start(
            lambda: across_processes(s.cache, tenant, digest, lock_s, generate, generation, resources),
            store,
            resources,
        )
        return generation

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


async def _nothing(answer: Answer) -> None:
    return None
