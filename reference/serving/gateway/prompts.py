"""From a request's messages to the body that the engine gets: clean, checked, with passages, within the budget."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from reference.serving.gateway.calls import Call
from reference.serving.gateway.context import Budget, context_too_long
from reference.serving.gateway.errors import bad_request, deadline_exceeded
from reference.serving.gateway.guard import check_messages, check_passages
from reference.serving.gateway.logs import describe, log_event
from reference.serving.gateway.rag import NoRetriever, Passage, call_retriever, fit_passages, with_passages
from reference.serving.gateway.services import Services
from reference.serving.gateway.summary import streaming
from reference.serving.gateway.tokens import TemplateError

Messages = list[dict[str, str]]


class Prompts:
    """Prepares prompts with the parts of one gateway."""

    def __init__(self, services: Services) -> None:
        self._s = services

    @property
    def retrieves(self) -> bool:
        """True if a retriever is plugged in and may add to prompts."""
        return not isinstance(self._s.retriever, NoRetriever) and self._s.settings.rag_tokens > 0

    async def cleaned(self, call: Call) -> Messages:
        messages = []
        for message in call.request.chat():
            text, found = self._s.counter.neutralise(message["content"])
            if found:
                self._s.metrics.guardrails.labels("input", "control_token").inc(found)
            messages.append({"role": message["role"], "content": text})
        return await check_messages(self._s.guards, messages, self._s.metrics)

    async def with_passages(self, call: Call, messages: Messages, limit: int | None = None) -> Messages:
        s = self._s
        if not self.retrieves:
            return messages
        query = next(m["content"] for m in reversed(messages) if m["role"] == "user")
        try:
            async with asyncio.timeout_at(call.deadline):
                passages = await call_retriever(s.retriever, query, call.key.tenant)
        except TimeoutError:
            raise deadline_exceeded() from None
        except Exception as error:  # whatever a plugged-in retriever raises: answer without passages, and say so
            log_event("retrieval_failed", logging.ERROR, request_id=call.request_id, **describe(error))
            s.metrics.rag.labels("failed").inc()
            call.headers["x-rag-passages"] = "failed"
            return messages
        passages = await check_passages(s.guards, passages, s.metrics)
        if limit is None:
            limit = s.tiers.of(call).monitor.token_budget - (
                call.request.answer_tokens or s.settings.default_max_tokens
            )
        count = s.counter.count_prompt
        passages = [Passage(s.counter.neutralise(p.text)[0], p.source, p.score) for p in passages]
        kept = fit_passages(messages, passages, count, limit, s.settings.rag_tokens)
        s.metrics.rag.labels("used" if kept else "empty").inc()
        call.headers["x-rag-passages"] = str(len(kept))
        return with_passages(messages, kept)

    def engine_body(
        self, call: Call, messages: Messages, tokens: int | None = None, answer: int | None = None
    ) -> tuple[dict[str, Any], int, Budget]:
        """The request for the engine, the tokens of its prompt, and the budget it was held to."""
        if tokens is None:
            tokens = self.count(messages)
        total = self._s.tiers.of(call).monitor.token_budget
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

    def count(self, messages: Messages) -> int:
        try:
            return self._s.counter.count_prompt(messages)
        except TemplateError as error:
            raise bad_request("invalid_messages", f"The chat template refuses them: {error}", "messages") from None
