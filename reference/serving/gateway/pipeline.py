"""The path of one chat request, from a checked key to a running generation or a cached answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from reference.serving.gateway import limits
from reference.serving.gateway.context import Budget, context_too_long, fit
from reference.serving.gateway.errors import GatewayError, bad_request, deadline_exceeded
from reference.serving.gateway.exact_cache import Answer, cache_digest
from reference.serving.gateway.flights import across_processes
from reference.serving.gateway.generation import Generation, NotShared
from reference.serving.gateway.guard import check_messages, check_passages, guard_stream, policy_version
from reference.serving.gateway.keys import ApiKey
from reference.serving.gateway.logs import describe, log_event, now, pseudonym
from reference.serving.gateway.rag import NoRetriever, call_retriever, fit_passages, with_passages
from reference.serving.gateway.schema import ChatRequest
from reference.serving.gateway.services import Services
from reference.serving.gateway.sessions import Turn, check_session_id, session_gone
from reference.serving.gateway.store import RedisGone
from reference.serving.gateway.summary import streaming
from reference.serving.gateway.tokens import TemplateError
from reference.serving.gateway.upstream import Delta, Event

SESSION_HEADER = "x-session-id"
TIMEOUT_HEADER = "x-request-timeout-ms"


@dataclass
class Call:
    """One request on its way: who asks, what, until when, and what is to be said in headers and log."""

    request_id: str
    key: ApiKey
    request: ChatRequest
    received: float  # monotonic, s
    deadline: float  # event-loop time, s
    session_id: str | None
    headers: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def rpm(self) -> int:
        """The key's own limit, 0 for the default."""
        return self.key.rpm


@dataclass
class Reply:
    """Either a complete `answer`, or a `generation` with this request attached as a reader."""

    call: Call
    answer: Answer | None = None
    generation: Generation | None = None


def deadline_of(headers: Mapping[str, str], default_s: float, max_s: float) -> float:
    """Event-loop time at which a request is given up. Raises GatewayError 400 for a bad header."""
    seconds = default_s
    value = headers.get(TIMEOUT_HEADER)
    if value is not None:
        if not value.isdecimal() or not value.isascii() or len(value) > 9 or int(value) == 0:
            raise bad_request("invalid_value", f"Header {TIMEOUT_HEADER} must be a whole number of ms above 0.", None)
        seconds = min(max_s, int(value) / 1000)
    return asyncio.get_running_loop().time() + seconds


def session_of(headers: Mapping[str, str], request: ChatRequest) -> str | None:
    """The session id from the header or from `metadata.session_id`. Raises GatewayError 400 if they differ."""
    in_header = headers.get(SESSION_HEADER)
    in_body = (request.metadata or {}).get("session_id")
    if in_header is not None and in_body is not None and in_header != in_body:
        raise bad_request("invalid_session_id", f"{SESSION_HEADER} and metadata.session_id differ.", "metadata")
    if in_header is not None:
        return check_session_id(in_header, SESSION_HEADER)
    return None if in_body is None else check_session_id(in_body, "metadata.session_id")


class Pipeline:
    """Turns calls into replies."""

    def __init__(self, services: Services) -> None:
        self._s = services
        self._policy = policy_version(services.guards)

    async def reply(self, call: Call) -> Reply:
        """Serves a call. Whoever gets a generation must `detach` from it.

        Raises:
            GatewayError: the request is refused or fails before its first token.
        """
        s = self._s
        s.monitor.require_model(call.request.model)
        messages = await self._cleaned(call)
        if call.session_id is not None:
            return await self._session_turn(call, messages)
        if s.settings.cache_enabled and call.request.deterministic:
            return await self._cached(call, messages)
        await self._charge_request(call)
        call.headers["x-cache"] = "bypass"
        s.metrics.cache.labels("bypass").inc()
        messages = await self._with_passages(call, messages)
        body, tokens, budget = self._engine_body(call, messages)
        generation = self._new_generation()
        resources = AsyncExitStack()
        generation.attach()
        generation.start(
            lambda: self._generate(call, body, messages, tokens, budget, generation, resources), _nothing, resources
        )
        return await _live(call, generation)

    def _new_generation(self) -> Generation:
        # Each reader keeps its own deadline; the generation's is only the outer bound.
        bound = asyncio.get_running_loop().time() + self._s.settings.max_timeout_s
        return Generation(bound, self._s.settings.max_answer_bytes)

    # --- messages ---------------------------------------------------------------------------------------------------

    async def _cleaned(self, call: Call) -> list[dict[str, str]]:
        messages = []
        for message in call.request.chat():
            text, found = self._s.counter.neutralise(message["content"])
            if found:
                self._s.metrics.guardrails.labels("input", "control_token").inc(found)
            messages.append({"role": message["role"], "content": text})
        return await check_messages(self._s.guards, messages, self._s.metrics)

    async def _with_passages(
        self, call: Call, messages: list[dict[str, str]], limit: int | None = None
    ) -> list[dict[str, str]]:
        s = self._s
        if isinstance(s.retriever, NoRetriever) or s.settings.rag_tokens == 0:
            return messages
        query = next(m["content"] for m in reversed(messages) if m["role"] == "user")
        try:
            async with asyncio.timeout_at(call.deadline):
                passages = await call_retriever(s.retriever, query, call.key.tenant)
        except TimeoutError:
            raise deadline_exceeded() from None
        except Exception as error:  # whatever a plugged-in retriever raises: answer without passages, and say so
            log_event("retrieval_failed", 40, request_id=call.request_id, **describe(error))
            s.metrics.rag.labels("failed").inc()
            call.headers["x-rag-passages"] = "failed"
            return messages
        passages = await check_passages(s.guards, passages, s.metrics)
        if limit is None:
            limit = s.monitor.token_budget - (call.request.answer_tokens or s.settings.default_max_tokens)
        count = s.counter.count_prompt
        passages = [type(p)(s.counter.neutralise(p.text)[0], p.source, p.score) for p in passages]
        kept = fit_passages(messages, passages, count, limit, s.settings.rag_tokens)
        s.metrics.rag.labels("used" if kept else "empty").inc()
        call.headers["x-rag-passages"] = str(len(kept))
        return with_passages(messages, kept)

    def _engine_body(
        self, call: Call, messages: list[dict[str, str]], tokens: int | None = None, answer: int | None = None
    ) -> tuple[dict[str, Any], int, Budget]:
        """The request for the engine, the tokens of its prompt, and the budget it was held to."""
        if tokens is None:
            tokens = self._count(messages)
        total = self._s.monitor.token_budget
        answer = answer or call.request.answer_tokens
        if answer is None:
            answer = max(1, min(self._s.settings.default_max_tokens, total - tokens))
        budget = Budget(total, answer)
        if tokens > budget.prompt:
            raise context_too_long(tokens, budget)
        call.fields["prompt_tokens_counted"] = tokens
        body = streaming(
            {
                "model": call.request.model,
                "messages": messages,
                "max_tokens": answer,
                **call.request.sampling(),
            }
        )
        return body, tokens, budget

    def _count(self, messages: list[dict[str, str]]) -> int:
        try:
            return self._s.counter.count_prompt(messages)
        except TemplateError as error:
            raise bad_request("invalid_messages", f"The chat template refuses them: {error}", "messages") from None

    # --- limits -----------------------------------------------------------------------------------------------------

    def _rpm(self, call: Call) -> int:
        return call.key.rpm or self._s.settings.default_rpm

    async def _charge_request(self, call: Call) -> None:
        verdict = await self._s.limiter.charge("requests", call.key.key_id, self._rpm(call), 1)
        self._note(call, verdict)

    def _note(self, call: Call, verdict: limits.Verdict) -> None:
        call.headers.update(verdict.headers("requests"))
        if not verdict.allowed:
            self._s.metrics.rate_limited.labels("requests").inc()
            raise limits.refuse("requests", verdict, 1)

    async def _reserve(self, call: Call, cost: int) -> None:
        limit = call.key.tpm or self._s.settings.default_tpm
        verdict = await self._s.limiter.charge("tokens", call.key.key_id, limit, cost)
        call.headers.update(verdict.headers("tokens"))
        if not verdict.allowed:
            self._s.metrics.rate_limited.labels("tokens").inc()
            raise NotShared.wrap(limits.refuse("tokens", verdict, cost))

    async def _give_back(self, call: Call, cost: int) -> None:
        if cost > 0:
            limit = call.key.tpm or self._s.settings.default_tpm
            await self._s.limiter.charge("tokens", call.key.key_id, limit, -cost)

    # --- generation -------------------------------------------------------------------------------------------------

    async def _generate(
        self,
        call: Call,
        body: dict[str, Any],
        messages: list[dict[str, str]],
        tokens: int,
        budget: Budget,
        generation: Generation,
        resources: AsyncExitStack,
    ) -> AsyncGenerator[Event]:
        """Reserves tokens and a slot, runs the engine behind the output guard, and settles the tokens at the end."""
        s = self._s
        cost = tokens + call.request.choices * budget.answer
        await self._reserve(call, cost)
        pieces = 0

        async def settle() -> None:
            used = tokens + pieces
            if generation.answer is not None:
                used = generation.answer.prompt_tokens + generation.answer.completion_tokens
                s.metrics.tokens.labels("in").inc(generation.answer.prompt_tokens)
                s.metrics.tokens.labels("out").inc(generation.answer.completion_tokens)
            await self._give_back(call, cost - used)

        resources.push_async_callback(settle)
        s.admission.enter()
        try:
            system = "\n".join(m["content"] for m in messages if m["role"] == "system")
            source = s.upstream.stream(body, call.request_id)
            guarded = guard_stream(source, s.guards, system, call.request.choices, tokens, s.metrics)
            async for event in guarded:
                pieces += isinstance(event, Delta)
                yield event
        finally:
            s.admission.leave()

    # --- exact cache ------------------------------------------------------------------------------------------------

    async def _cached(self, call: Call, messages: list[dict[str, str]]) -> Reply:
        s, request = self._s, call.request
        messages = await self._with_passages(call, messages)
        tenant = call.key.tenant
        digest = cache_digest(
            tenant=tenant,
            model=request.model,
            model_version=s.model_version,
            messages=messages,
            sampling=request.sampling(),
            max_tokens=request.answer_tokens or s.settings.default_max_tokens,
            policy=self._policy,
        )
        stored = await self._charge_and_get(call, tenant, digest)
        answer = s.cache.decode(stored)
        if answer is not None:
            return self._hit(call, answer)
        while True:
            generation = s.flights.join(digest)
            joined = generation is not None
            if generation is None:
                generation = self._lead(call, messages, tenant, digest)
            else:
                generation.attach()
            try:
                reply = await _live(call, generation)
            except NotShared:
                if not joined:
                    raise
                continue  # the leader left or had no quota; the generation itself did not fail
            outcome = "coalesced" if joined or generation.replayed else "miss"
            call.headers["x-cache"] = call.fields["cache"] = outcome
            s.metrics.cache.labels(outcome).inc()
            return reply

    async def _charge_and_get(self, call: Call, tenant: str, digest: str) -> bytes | None:
        s, rpm = self._s, self._rpm(call)
        key = s.limiter.redis_key("requests", call.key.key_id)
        try:
            reply, stored = await s.gate.script_and_get(
                limits.GCRA, [key], limits.gcra_args(rpm, 1), s.cache.redis_key(tenant, digest)
            )
        except RedisGone:
            s.metrics.cache_errors.labels("get").inc()
            self._note(call, s.limiter.charge_local("requests", call.key.key_id, rpm, 1))
            return None
        self._note(call, limits.verdict(rpm, reply))
        return stored

    def _hit(self, call: Call, answer: Answer) -> Reply:
        call.headers["x-cache"] = call.fields["cache"] = "hit"
        self._s.metrics.cache.labels("hit").inc()
        self._s.metrics.ttft.labels("cache").observe(now() - call.received)
        return Reply(call, answer=answer)

    def _lead(self, call: Call, messages: list[dict[str, str]], tenant: str, digest: str) -> Generation:
        """Starts the generation that equal requests join. No await in here: nobody may run between join and lead."""
        s = self._s
        body, tokens, budget = self._engine_body(call, messages)
        generation = self._new_generation()
        resources = AsyncExitStack()
        resources.callback(s.flights.forget, digest, generation)

        def generate() -> AsyncGenerator[Event]:
            return self._generate(call, body, messages, tokens, budget, generation, resources)

        async def store(answer: Answer) -> None:
            if not generation.replayed and answer.cacheable and not await s.cache.put(tenant, digest, answer):
                s.metrics.cache_errors.labels("put").inc()

        generation.attach()
        s.flights.lead(digest, generation)
        generation.start(
            lambda: across_processes(
                s.cache, tenant, digest, s.settings.flight_lock_s, generate, generation, resources
            ),
            store,
            resources,
        )
        return generation

    # --- sessions ---------------------------------------------------------------------------------------------------

    async def _session_turn(self, call: Call, messages: list[dict[str, str]]) -> Reply:
        s, request = self._s, call.request
        assert call.session_id is not None
        system, user = _session_messages(messages)
        if request.choices > 1:
            raise bad_request("invalid_value", "'n' must be 1 in a session: a session has one history.", "n")
        await self._charge_request(call)
        call.headers["x-cache"] = "bypass"
        call.fields["session"] = pseudonym(call.session_id)
        if not s.gate.up and not await s.gate.probe():
            raise session_gone()
        resources = AsyncExitStack()
        began = now()
        try:
            async with asyncio.timeout_at(call.deadline):
                session = await resources.enter_async_context(s.sessions.open(call.key.tenant, call.session_id))
                s.metrics.session_wait.observe(now() - began)
                conversation = session.conversation
                if system is not None:
                    conversation = type(conversation)(
                        system, conversation.summary, conversation.folded, conversation.turns
                    )
                total = s.monitor.token_budget
                answer = request.answer_tokens or max(1, min(s.settings.default_max_tokens, total // 2))
                budget = Budget(total, answer)
                if budget.prompt < 1:
                    raise context_too_long(0, budget)
                try:
                    conversation, rendered, tokens = await fit(
                        conversation,
                        user,
                        budget,
                        counter=s.counter,
                        summarise=s.summarise,
                        window_turns=s.settings.window_turns,
                        fold_to=s.settings.fold_to,
                        summary_tokens=s.settings.summary_tokens,
                        on_fold=lambda method: s.metrics.session_folds.labels(method).inc(),
                    )
                except TemplateError as error:
                    raise bad_request("invalid_messages", f"The chat template refuses them: {error}") from None
                with_context = await self._with_passages(call, rendered, budget.prompt)
                if with_context is not rendered:
                    tokens = self._count(with_context)
            body, tokens, budget = self._engine_body(call, with_context, tokens, answer)
            generation = self._new_generation()
        except TimeoutError:
            await resources.aclose()
            raise deadline_exceeded() from None
        except BaseException:
            await resources.aclose()
            raise

        async def commit(result: Answer) -> None:
            if result.choices[0].finish == "content_filter":
                s.metrics.session_turns.labels("filtered").inc()
                return  # a blocked answer is no turn: the session stays at its last good one
            text, _ = s.counter.neutralise(result.choices[0].text)
            try:
                await s.sessions.commit(session, conversation.with_turn(Turn(tuple(user), text)))
            except GatewayError as error:
                s.metrics.session_turns.labels(error.code).inc()
                raise
            s.metrics.session_turns.labels("kept").inc()

        generation.attach()
        generation.start(
            lambda: self._generate(call, body, with_context, tokens, budget, generation, resources), commit, resources
        )
        return await _live(call, generation)


def _session_messages(messages: list[dict[str, str]]) -> tuple[str | None, list[str]]:
    """The system prompt (None: unchanged) and the user's messages of one turn."""
    system = [m["content"] for m in messages if m["role"] == "system"]
    if any(m["role"] == "assistant" for m in messages):
        raise bad_request(
            "invalid_value",
            "In a session send only the new user message (and a system message to set it): the gateway keeps the rest.",
            "messages",
        )
    return ("\n".join(system) if system else None), [m["content"] for m in messages if m["role"] == "user"]


async def _live(call: Call, generation: Generation) -> Reply:
    """Waits for the first event, so that early failures get a proper HTTP status; detaches if there is none."""
    try:
        async with asyncio.timeout_at(call.deadline):
            await generation.wait_first()
    except TimeoutError:
        generation.detach()
        raise deadline_exceeded() from None
    except BaseException:
        generation.detach()
        raise
    return Reply(call, generation=generation)


async def _nothing(answer: Answer) -> None:
    return None
