"""Many requests at once through a gateway, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.serving.gateway import RunningGateway


@dataclass(frozen=True)
class Answer:
    """One response: HTTP status, X-Cache header (hit, miss, coalesced, bypass or ""), seconds, body, other headers."""

    status: int
    cache: str
    seconds: float
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body["choices"][0]["message"]["content"] if self.status == 200 else ""

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.body.get("error", {}))


def post(gateway: RunningGateway, body: dict[str, Any] | bytes, headers: dict[str, str] | None = None,
         timeout_s: float = 120) -> Answer:  # fmt: skip
    """One POST /v1/chat/completions, by hand: also what the `openai` client would refuse to send."""
    import httpx

    begin = time.perf_counter()
    send: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    given = {"Authorization": f"Bearer {gateway.api_key}", "Content-Type": "application/json", **(headers or {})}
    with httpx.Client(timeout=timeout_s, trust_env=False) as client:
        answer = client.post(f"{gateway.base_url}/chat/completions", headers=given, **send)
    seconds = time.perf_counter() - begin
    try:
        content = answer.json()
    except ValueError:
        content = {"raw": answer.text[:500]}
    return Answer(answer.status_code, answer.headers.get("x-cache", ""), seconds, content, dict(answer.headers))


def ask_all(gateway: RunningGateway, questions: Sequence[str], *, model: str, max_tokens: int = 4,
            at_once: int = 16) -> list[Answer]:  # fmt: skip
    """Ask every question once, `at_once` at a time, greedily (the exact cache answers deterministic requests only)."""

    def ask(question: str) -> Answer:
        message = {"role": "user", "content": question}
        return post(gateway, {"model": model, "messages": [message], "max_tokens": max_tokens, "temperature": 0})

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(ask, questions))


def running_hit_rate(answers: Sequence[Answer]) -> list[float]:
    """Share of requests so far that cost no generation of their own: cache hits and those that shared a flight."""
    hits, shares = 0, []
    for number, answer in enumerate(answers, 1):
        hits += answer.cache in ("hit", "coalesced")
        shares.append(hits / number)
    return shares
