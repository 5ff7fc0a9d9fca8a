"""The requests of a replay on their way: prompts by the switches, the batch API for the backlog, answers judged."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reference.serving.prompt_economy import intent_in, request_body
from reference.serving.waiting import wait_until

from .parts import Parts
from .workload import Request, SavingsError, Workload

if TYPE_CHECKING:
    from reference.serving.gateway import RunningGateway
    from reference.serving.gateway.seams import Similar, SimilarAnswers

    from .replay import Switches

_BATCH_S, _KEPT_S, _LOOK_S = 120.0, 5.0, 0.05


@dataclass(frozen=True)
class Answered:
    """What became of a request. `correct`: None for an FAQ answer that was generated, False for a false hit.

    Attributes:
        cache: hit, similar, coalesced, miss, bypass, or `batch`. tier: strong or small.
        similar_to: truth of the question whose answer was served, for a similar hit.
    """

    request: Request
    text: str
    cache: str
    tier: str
    correct: bool | None
    similar_to: str = ""
    error: str = ""


class Watched:
    """A store of similar answers that remembers which question's answer it gave, and tells when it has kept one.

    Args:
        questions: that it serves. Messages to classify are many under way at once, so a hit among them would be chance;
            and the intent of one message is not that of another which looks alike.
    """

    def __init__(self, store: SimilarAnswers, questions: frozenset[str]) -> None:
        self._store, self.version, self._questions = store, store.version, questions
        self.found: dict[str, str] = {}
        self._kept: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def find(self, scope: str, question: str) -> Similar | None:
        hit = self._store.find(scope, question) if question in self._questions else None
        if hit is not None:
            self.found[question] = hit.question
        return hit

    def keep(self, scope: str, question: str, answer: bytes, ttl_s: float) -> None:
        if question not in self._questions:
            return
        try:
            self._store.keep(scope, question, answer, ttl_s)
        finally:
            self._event(question).set()

    def close(self) -> None:
        """Closes the store, if it can be closed."""
        getattr(self._store, "close", lambda: None)()

    def _event(self, question: str) -> threading.Event:
        with self._lock:
            return self._kept.setdefault(question, threading.Event())

    def wait_kept(self, question: str) -> None:
        """Returns when an answer is kept: else the next wording might come too early, and hits would be chance."""
        self._event(question).wait(_KEPT_S)


class Sender:
    """Sends one workload to one gateway."""

    def __init__(
        self, gateway: RunningGateway, workload: Workload, switches: Switches, parts: Parts, watched: Watched | None,
        at_once: int,
    ) -> None:  # fmt: skip
        self._gateway, self._workload, self._switches, self._parts = gateway, workload, switches, parts
        self._watched, self._at_once = watched, at_once
        self._counter = gateway.app.state.services.counter
        self._truths = {request.text: request.truth for request in workload.of("faq")}
        messages = [request for request in workload.requests if request.feature != "faq"]
        variant = parts.prompts.short if switches.prompts else parts.prompts.found
        chosen = parts.examples.chosen(variant, [request.text for request in messages])
        strong = parts.tape.engine.model
        self._bodies = {
            request.number: {
                **request_body(variant, strong, request.text, shown), "metadata": {"feature": request.feature},
            }
            for request, shown in zip(messages, chosen, strict=True)
        }  # fmt: skip
        for request in workload.of("faq"):
            self._bodies[request.number] = self._faq(request, strong)
        for request in messages:
            self._to_tier(request)

    def count(self, text: str) -> int:
        """Tokens of a text, as the gateway counts them."""
        return int(self._counter.count_text(text))

    def _faq(self, request: Request, model: str) -> dict[str, Any]:
        prompts = self._parts.prompts
        system = prompts.faq_short if self._switches.prompts else prompts.faq_found
        messages = [{"role": "system", "content": system}, {"role": "user", "content": request.text}]
        return {
            "model": model, "messages": messages, "max_tokens": prompts.faq_tokens, "temperature": 0,
            "metadata": {"feature": "faq"},
        }  # fmt: skip

    def _to_tier(self, request: Request) -> None:
        """Which model a message asks for, and how many tokens it has for the small tier."""
        body, told = self._bodies[request.number], self._parts.small_tokens
        if request.feature == "classify" and self._switches.routing:
            body["model"] = self._gateway.settings.auto_model
            told[request.text] = int(self._counter.count_prompt(body["messages"]))
        elif request.feature == "backlog" and self._switches.small_model:
            assert self._parts.small is not None
            body["model"] = self._parts.small.model
            told[request.text] = self.count(request.text)

    def send(self) -> tuple[Answered, ...]:
        """Every request once; answers in the order of the workload."""
        self._wait_ready()
        batched = self._switches.batch and not self._switches.small_model
        backlog = self._workload.of("backlog") if batched else ()
        later = {request.number for request in backlog}
        faq = self._workload.of("faq") if self._switches.caching else ()
        in_turn = {request.number for request in faq}
        live = [r for r in self._workload.requests if r.number not in later | in_turn]
        with ThreadPoolExecutor(self._at_once + 2) as pool, self._gateway.client(timeout=600) as client:
            batch = pool.submit(self._batch, backlog, client) if backlog else None
            # One by one: two wordings under way at once could not answer each other, and hits would be chance.
            turns = pool.submit(lambda: [self._ask(request, client) for request in faq])
            found = list(pool.map(lambda request: self._ask(request, client), live))
            found += turns.result() + (batch.result() if batch else [])
        return tuple(sorted(found, key=lambda one: one.request.number))

    def _wait_ready(self) -> None:
        import httpx

        wanted = {self._parts.tape.engine.model, *(body["model"] for body in self._bodies.values())}
        with httpx.Client(trust_env=False, timeout=5) as client:

            def ready() -> bool:
                said = client.get(f"{self._gateway.root_url}/readyz")
                return said.status_code == 200 and wanted <= set(self._served(client))

            if not wait_until(ready, 30, every_s=_LOOK_S):
                raise SavingsError(f"gateway: it does not serve {', '.join(sorted(wanted))} after 30 s")

    def _served(self, client: Any) -> list[str]:
        headers = {"authorization": f"Bearer {self._gateway.api_key}"}
        said = client.get(f"{self._gateway.base_url}/models", headers=headers).json()
        return [one["id"] for one in said["data"]]

    def _ask(self, request: Request, client: Any) -> Answered:
        body = dict(self._bodies[request.number])
        extra = {name: body.pop(name) for name in ("structured_outputs",) if name in body}
        try:
            raw = client.chat.completions.with_raw_response.create(**body, extra_body=extra)
        except Exception as error:
            correct = None if request.feature == "faq" else False
            return Answered(request, "", "", "", correct, error=f"{type(error).__name__}: {str(error)[:200]}")
        text, cache = raw.parse().choices[0].message.content or "", raw.headers.get("x-cache", "")
        tier = raw.headers.get("x-tier", "strong")
        if request.feature != "faq":
            return Answered(request, text, cache, tier, intent_in(text) == request.truth)
        similar_to = ""
        if cache == "similar" and self._watched is not None:
            similar_to = self._truths.get(self._watched.found[request.text], "")
        elif cache == "miss" and self._watched is not None:
            self._watched.wait_kept(request.text)
        right = similar_to == request.truth if similar_to else None
        return Answered(request, text, cache, tier, right, similar_to)

    def _batch(self, backlog: Sequence[Request], client: Any) -> list[Answered]:
        lines = [
            {"custom_id": str(request.number), "method": "POST", "url": "/v1/chat/completions",
             "body": self._bodies[request.number]}
            for request in backlog
        ]  # fmt: skip
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        file = client.files.create(file=("backlog.jsonl", io.BytesIO(content)), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )  # fmt: skip

        def over() -> bool:
            nonlocal batch
            batch = client.batches.retrieve(batch.id)
            return batch.status in {"completed", "cancelled", "failed"}

        if not wait_until(over, _BATCH_S, every_s=_LOOK_S):
            raise SavingsError(f"batch: not done after {_BATCH_S:g} s ({batch.request_counts}); are workers up?")
        said: dict[str, Any] = {}
        if batch.output_file_id:
            for row in client.files.content(batch.output_file_id).text.splitlines():
                one = json.loads(row)
                said[one["custom_id"]] = one["response"]["body"]
        return [self._from_batch(request, said.get(str(request.number))) for request in backlog]

    def _from_batch(self, request: Request, body: dict[str, Any] | None) -> Answered:
        if body is None:
            return Answered(request, "", "batch", "strong", False, error="the batch's error file has it")
        text = body["choices"][0]["message"]["content"] or ""
        return Answered(request, text, "batch", "strong", intent_in(text) == request.truth)
