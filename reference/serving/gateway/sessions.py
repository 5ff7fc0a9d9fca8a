"""Sessions in Redis: one turn at a time, written whole or not at all."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from reference.serving.gateway.errors import GatewayError, bad_request, unavailable
from reference.serving.gateway.logs import log_event, now, pseudonym
from reference.serving.gateway.store import RedisGate, RedisGone, load_script
from reference.serving.waiting import wait_until_async

_OPEN = load_script("session_open.lua")
_COMMIT = load_script("session_commit.lua")
_RELEASE = load_script("lock_release.lua")
_RENEW = load_script("lock_renew.lua")
_SESSION_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_POLL_FIRST_S = 0.01
_POLL_MAX_S = 0.15


@dataclass(frozen=True)
class Turn:
    """One exchange: what the user said (one or more messages) and the whole answer."""

    user: tuple[str, ...]
    assistant: str


@dataclass(frozen=True)
class Conversation:
    """A session's state: system prompt, running summary of `folded` old turns, and the recent turns word for word."""

    system: str = ""
    summary: str = ""
    folded: int = 0
    turns: tuple[Turn, ...] = ()

    def with_turn(self, turn: Turn) -> Conversation:
        """The conversation after one more turn."""
        return replace(self, turns=(*self.turns, turn))

    def to_json(self) -> str:
        """For the store."""
        return json.dumps(
            {
                "v": 1,
                "system": self.system,
                "summary": self.summary,
                "folded": self.folded,
                "turns": [[list(turn.user), turn.assistant] for turn in self.turns],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, stored: bytes | str) -> Conversation:
        """From the store. Raises ValueError, KeyError or TypeError if it is damaged."""
        data = json.loads(stored)
        turns = tuple(Turn(tuple(user), assistant) for user, assistant in data["turns"])
        return cls(data["system"], data["summary"], data["folded"], turns)


def check_session_id(session_id: str, param: str) -> str:
    """The id, if it is well formed. Raises GatewayError 400 naming `param`."""
    if not _SESSION_ID.fullmatch(session_id):
        raise bad_request(
            "invalid_session_id", "A session id is 1 to 128 letters, digits, '.', '_', ':' or '-'.", param
        )
    return session_id


def session_gone() -> GatewayError:
    """503: no store, no session."""
    return unavailable("session_store_unavailable", "Sessions need the session store, which is gone. Retry shortly.")


@dataclass
class OpenSession:
    """A session whose lock this request holds. `fence` is greater than that of every earlier holder."""

    keys: tuple[str, str, str]
    token: str
    fence: int
    conversation: Conversation
    lost: bool = field(default=False)


class Sessions:
    """Opens and commits sessions of a tenant.

    Args:
        ttl_s: a session ends this long after its last turn began or ended.
        lock_s: lease of the lock; renewed at a third of it while the turn runs.
        wait_s: longest wait for another turn of the same session.
    """

    def __init__(self, gate: RedisGate, prefix: str, ttl_s: float, lock_s: float, wait_s: float) -> None:
        self._gate = gate
        self._prefix = prefix
        self._ttl_ms = int(ttl_s * 1000)
        self._lock_s = lock_s
        self._wait_s = wait_s

    def keys(self, tenant: str, session_id: str) -> tuple[str, str, str]:
        """Redis keys of lock, state and fence; the braces keep them on one shard of a cluster."""
        base = f"{self._prefix}:session:{{{tenant}:{session_id}}}"
        return f"{base}:lock", base, f"{base}:fence"

    @asynccontextmanager
    async def open(self, tenant: str, session_id: str) -> AsyncIterator[OpenSession]:
        """Holds the session for one turn. Waiting turns are not served in order of arrival.

        Raises:
            GatewayError: 409 if another turn ran for longer than `wait_s`; 503 if Redis is gone.
        """
        session = await self._acquire(tenant, session_id)
        renewal = asyncio.create_task(self._keep(session))
        try:
            yield session
        finally:
            renewal.cancel()
            with suppress(RedisGone, TimeoutError):
                async with asyncio.timeout(1):
                    await self._gate.script(_RELEASE, session.keys[:1], [session.token])

    async def _acquire(self, tenant: str, session_id: str) -> OpenSession:
        keys, token = self.keys(tenant, session_id), secrets.token_hex(8)
        args = [token, int(self._lock_s * 1000), self._ttl_ms]

        async def take() -> Any:
            try:
                reply = await self._gate.script(_OPEN, keys, args)
            except RedisGone:
                raise session_gone() from None
            return reply if reply[0] else None

        reply = await wait_until_async(
            take, self._wait_s, every_s=_POLL_FIRST_S, growth=1.5, most_s=_POLL_MAX_S, clock=now
        )
        if reply is None:
            raise GatewayError(
                409,
                "session_busy",
                "Another turn of this session is still running. Send the turns of a session one after the other.",
                kind="conflict_error",
                retry_after_s=1,
            )
        return OpenSession(keys, token, int(reply[1]), self._load(reply[2], session_id))

    @staticmethod
    def _load(stored: bytes, session_id: str) -> Conversation:
        if not stored:
            return Conversation()
        try:
            return Conversation.from_json(stored)
        except (ValueError, KeyError, TypeError) as error:
            log_event("session_damaged", logging.ERROR, session=pseudonym(session_id), error_class=type(error).__name__)
            raise GatewayError(
                500, "session_damaged", "The stored session cannot be read. Start a new one.", kind="server_error"
            ) from None

    async def _keep(self, session: OpenSession) -> None:
        while not session.lost:
            await asyncio.sleep(self._lock_s / 3)
            with suppress(RedisGone):  # the lease may outlive a short outage; the commit decides
                args: list[Any] = [session.token, int(self._lock_s * 1000)]
                session.lost = not await self._gate.script(_RENEW, session.keys[:1], args)

    async def commit(self, session: OpenSession, conversation: Conversation) -> None:
        """Writes the conversation in one step.

        Raises:
            GatewayError: 409 if the lock was lost to another turn, 503 if Redis is gone. Nothing is written then.
        """
        args = [session.token, session.fence, conversation.to_json(), self._ttl_ms]
        try:
            written = await self._gate.script(_COMMIT, session.keys, args)
        except RedisGone:
            raise session_gone() from None
        if not written:
            raise GatewayError(
                409,
                "session_conflict",
                "The session's lock was lost while this turn ran; the turn was not kept. Send it again.",
                kind="conflict_error",
            )
        session.conversation = conversation

    async def delete(self, tenant: str, session_id: str) -> bool:
        """Forgets a session; False if there was none. Raises GatewayError 503 if Redis is gone."""
        _, state, _ = self.keys(tenant, session_id)
        try:
            return bool(await self._gate.call(lambda client: client.delete(state)))
        except RedisGone:
            raise session_gone() from None
