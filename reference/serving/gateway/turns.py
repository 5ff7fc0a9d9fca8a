"""One turn of a session: lock it, fit the conversation into the budget, and write the turn when it is complete."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from reference.serving.gateway.calls import Call
from reference.serving.gateway.context import Budget, context_too_long, fit
from reference.serving.gateway.errors import GatewayError, bad_request, deadline_exceeded
from reference.serving.gateway.exact_cache import Answer
from reference.serving.gateway.logs import now, pseudonym
from reference.serving.gateway.prompts import Messages, Prompts
from reference.serving.gateway.services import Services
from reference.serving.gateway.sessions import Conversation, OpenSession, Turn, session_gone
from reference.serving.gateway.tokens import TemplateError


@dataclass
class SessionTurn:
    """A turn that holds its session's lock. `messages` go to the engine; `tokens` is the size of their prompt."""

    _services: Services
    _session: OpenSession
    _conversation: Conversation
    _user: tuple[str, ...]
    messages: Messages
    tokens: int
    answer_tokens: int

    @classmethod
    async def begin(
        cls,
        services: Services,
        prompts: Prompts,
        call: Call,
        session_id: str,
        messages: Messages,
        resources: AsyncExitStack,
    ) -> SessionTurn:
        """Waits for the session and prepares the prompt. The lock goes into `resources`, also if this fails.

        Raises:
            GatewayError: 400 bad messages or too long; 409 session busy; 503 no store; 504 no time left.
        """
        s = services
        system, user = split_turn(messages)
        if call.request.choices > 1:
            raise bad_request("invalid_value", "'n' must be 1 in a session: a session has one history.", "n")
        call.fields["session"] = pseudonym(session_id)
        if not s.gate.up and not await s.gate.probe():
            raise session_gone()
        answer, budget = cls._budget(s, call)
        began = now()
        try:
            async with asyncio.timeout_at(call.deadline):
                session = await resources.enter_async_context(s.sessions.open(call.key.tenant, session_id))
                s.metrics.session_wait.observe(now() - began)
                conversation = session.conversation
                if system is not None:
                    conversation = replace(conversation, system=system)
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
                with_context = await prompts.with_passages(call, rendered, budget.prompt)
        except TimeoutError:
            raise deadline_exceeded() from None
        except TemplateError as error:
            raise bad_request("invalid_messages", f"The chat template refuses them: {error}", "messages") from None
        if with_context is not rendered:
            tokens = prompts.count(with_context)
        return cls(s, session, conversation, tuple(user), with_context, tokens, answer)

    @staticmethod
    def _budget(s: Services, call: Call) -> tuple[int, Budget]:
        total = s.tiers.of(call).monitor.token_budget
        answer = call.request.answer_tokens or max(1, min(s.settings.default_max_tokens, total // 2))
        budget = Budget(total, answer)
        if budget.prompt < 1:
            raise context_too_long(0, budget)
        return answer, budget

    async def commit(self, answer: Answer) -> None:
        """Writes the turn; runs before the client sees its end. A blocked answer is no turn and is not written.

        Raises:
            GatewayError: 409 the lock was lost, 503 no store; nothing is written then.
        """
        s = self._services
        if answer.choices[0].finish == "content_filter":
            s.metrics.session_turns.labels("filtered").inc()
            return
        text, _ = s.counter.neutralise(answer.choices[0].text)
        try:
            await s.sessions.commit(self._session, self._conversation.with_turn(Turn(self._user, text)))
        except GatewayError as error:
            s.metrics.session_turns.labels(error.code).inc()
            raise
        s.metrics.session_turns.labels("kept").inc()


def split_turn(messages: Messages) -> tuple[str | None, list[str]]:
    """The system prompt (None: unchanged) and the user's messages of one turn.

    Raises:
        GatewayError: 400 if the client sends history: the session has it, and there must not be two versions of it.
    """
    if any(message["role"] == "assistant" for message in messages):
        raise bad_request(
            "invalid_value",
            "In a session send only the new user message (and a system message to set it): the gateway keeps the rest.",
            "messages",
        )
    system = [message["content"] for message in messages if message["role"] == "system"]
    user = [message["content"] for message in messages if message["role"] == "user"]
    return ("\n".join(system) if system else None), user
