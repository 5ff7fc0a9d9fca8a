"""The engine behind the gateway: one streaming call, retried only before the first token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, NamedTuple

import httpx

from reference.serving.exposition import RUNNING, WAITING, samples
from reference.serving.gateway.breaker import CircuitBreaker
from reference.serving.gateway.errors import GatewayError, unavailable
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.settings import Settings
from reference.serving.retry import RetryPolicy, Tries

_RETRY_STATUS = frozenset({500, 502, 503, 504})
_MAX_LINE = 1 << 20
_TO_END_S = 0.5


class Delta(NamedTuple):
    """A piece of text of choice number `choice`."""

    choice: int
    text: str
    logprobs: dict[str, Any] | None = None


class Finish(NamedTuple):
    """The end of choice number `choice`."""

    choice: int
    reason: str


class Usage(NamedTuple):
    """Token counts of the whole generation; `cached` of the prompt came from the engine's prefix cache."""

    prompt: int
    completion: int
    cached: int | None = None


Event = Delta | Finish | Usage


class _Broken(Exception):
    """The engine failed in a way that another try may mend; `kind` is the metric's label."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def engine_client(settings: Settings) -> httpx.AsyncClient:
    """HTTP client for the engine. Environment proxies are ignored: the engine is ours and near."""
    headers = {"authorization": f"Bearer {settings.engine_api_key}"} if settings.engine_api_key else {}
    return httpx.AsyncClient(
        base_url=settings.engine_url.rstrip("/"),
        headers=headers,
        trust_env=False,
        timeout=httpx.Timeout(settings.max_timeout_s, connect=settings.connect_timeout_s),
        limits=httpx.Limits(max_connections=settings.max_inflight + 16, max_keepalive_connections=64),
    )


class Upstream:
    """Streams generations from the engine through the circuit breaker."""

    def __init__(
        self, client: httpx.AsyncClient, settings: Settings, breaker: CircuitBreaker, metrics: Metrics
    ) -> None:
        self._client = client
        self._settings = settings
        self._breaker = breaker
        self._metrics = metrics

    async def stream(self, body: dict[str, Any], request_id: str) -> AsyncGenerator[Event]:
        """Events of one generation. Closing the iterator closes the connection, and with it the engine's work.

        Raises:
            GatewayError: 503 engine out of reach or circuit open; 502 engine broke off; 504 engine silent;
                the engine's own 4xx as they are.
        """
        settings = self._settings
        tries = Tries(RetryPolicy(tries=settings.max_retries + 1, first_s=settings.retry_backoff_s))
        while True:
            if not self._breaker.allow():
                raise unavailable(
                    "engine_unavailable",
                    "The engine is failing; the gateway gives it a pause. Retry shortly.",
                    max(1.0, self._breaker.retry_after_s),
                )
            started = False
            try:
                async with aclosing(self._attempt(body, request_id)) as events:
                    async for event in events:
                        if not started:
                            self._breaker.success()
                        started = True
                        yield event
                return
            except _Broken as broken:
                self._metrics.upstream_errors.labels(broken.kind).inc()
                self._breaker.failure()
                if started or (pause := tries.pause_s()) is None:
                    raise _final(broken, started) from None
            self._metrics.upstream_retries.inc()
            await asyncio.sleep(pause)

    async def _attempt(self, body: dict[str, Any], request_id: str) -> AsyncGenerator[Event]:
        request = self._client.build_request(
            "POST", "/chat/completions", json=body, headers={"x-request-id": request_id, "accept": "text/event-stream"}
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx.ConnectError:
            raise _Broken("connect") from None
        except httpx.TimeoutException as error:
            raise _Broken("connect_timeout" if isinstance(error, httpx.ConnectTimeout) else "silent") from None
        except httpx.HTTPError:
            raise _Broken("broken") from None
        try:
            if response.status_code != 200:
                await self._refused(response)
            finished = False
            async with aclosing(_sse(response, self._settings.stall_timeout_s)) as lines:
                async for data in lines:
                    if data == b"[DONE]":
                        finished = True
                        await _to_end(lines)
                        break
                    for event in _events(data):
                        yield event
            if not finished:
                raise _Broken("broken")
        except (httpx.TimeoutException, TimeoutError):
            raise _Broken("silent") from None
        except httpx.HTTPError:
            raise _Broken("broken") from None
        finally:
            await response.aclose()

    async def _refused(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in _RETRY_STATUS:
            raise _Broken(f"http_{status}")
        raw = b""
        async for chunk in response.aiter_bytes():
            raw += chunk
            if len(raw) > 65536:
                break
        self._breaker.success()  # it answers; that it refuses is between it and the caller
        if status in {400, 404, 413, 422}:
            message, code, param = _engine_error(raw)
            raise GatewayError(400 if status == 422 else status, code, message, param=param)
        if status == 429:
            raise GatewayError(429, "engine_overloaded", "The engine takes no more work. Retry.", retry_after_s=2)
        # 401 or 403 here is the gateway's own key, not the caller's.
        raise GatewayError(502, "engine_refused", f"The engine refused the gateway's request (HTTP {status}).")


def _final(broken: _Broken, started: bool) -> GatewayError:
    if broken.kind.startswith("connect"):
        return unavailable("engine_unavailable", "The engine cannot be reached. Retry shortly.")
    if broken.kind == "silent":
        return GatewayError(504, "engine_timeout", "The engine went silent.", kind="timeout_error")
    text = "The engine broke off in the middle of the answer." if started else "The engine failed."
    return GatewayError(502, "engine_error", f"{text} Retry the request.")


def _engine_error(raw: bytes) -> tuple[str, str, str | None]:
    try:
        data = json.loads(raw)
        error = data.get("error", data)
        message = str(error["message"])[:500]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "The engine refused the request.", "engine_rejected", None
    code = "context_length_exceeded" if "context length" in message else "engine_rejected"
    param = error.get("param")
    return message, code, param if isinstance(param, str) else None


async def _to_end(lines: AsyncGenerator[bytes]) -> None:
    """Reads what is left (the end of the chunked body), without which the connection could not be used again."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_TO_END_S):
            async for _ in lines:
                pass


async def _sse(response: httpx.Response, stall_s: float) -> AsyncGenerator[bytes]:
    """The data of each event. Comments and other fields are skipped.

    Silence before the first chunk is queueing and prefill: the request's deadline bounds it. After it `stall_s` does.
    """
    buffer = b""
    chunks = response.aiter_bytes()
    started = False
    while True:
        async with asyncio.timeout(stall_s if started else None):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        started = True
        buffer += chunk
        *lines, buffer = buffer.split(b"\n")
        if len(buffer) > _MAX_LINE:
            raise _Broken("broken")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()


def _events(data: bytes) -> list[Event]:
    try:
        chunk = json.loads(data)
        if "error" in chunk:
            raise _Broken("stream_error")
        events: list[Event] = []
        for choice in chunk.get("choices", ()):
            index = int(choice["index"])
            text = (choice.get("delta") or {}).get("content") or ""
            logprobs = choice.get("logprobs")
            if text or logprobs:
                events.append(Delta(index, text, logprobs))
            if choice.get("finish_reason"):
                events.append(Finish(index, str(choice["finish_reason"])))
        usage = chunk.get("usage")
        if usage:
            details = usage.get("prompt_tokens_details") or {}
            events.append(
                Usage(usage["prompt_tokens"], usage.get("completion_tokens", 0), details.get("cached_tokens"))
            )
        return events
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _Broken("malformed") from None


class Probe(NamedTuple):
    """What the engine says of itself: `waiting` and `running` requests (None where it has no such metrics).

    `healthy` is None if it did not answer in time: it may be hung, or only very busy.
    """

    healthy: bool | None
    waiting: float | None
    running: float | None


async def probe(client: httpx.AsyncClient, timeout_s: float) -> Probe:
    """Asks the engine's /health and reads its queue from /metrics."""
    root = str(client.base_url).rstrip("/").removesuffix("/v1")
    try:
        health = await client.get(f"{root}/health", timeout=timeout_s)
        if health.status_code == 404:  # an OpenAI-compatible server without /health
            health = await client.get("/models", timeout=timeout_s)
        if health.status_code != 200:
            return Probe(False, None, None)
        reply = await client.get(f"{root}/metrics", timeout=timeout_s)
    except httpx.TimeoutException:
        return Probe(None, None, None)
    except httpx.HTTPError:
        return Probe(False, None, None)
    if reply.status_code != 200:
        return Probe(True, None, None)
    try:
        found = samples(reply.text, WAITING, RUNNING)
    except ValueError:  # not an exposition: some other server's page
        return Probe(True, None, None)
    return Probe(True, found.get(WAITING), found.get(RUNNING))


def require_engine_model(model: str, served: list[str]) -> None:
    """Raises 404 `model_not_found` unless `model` is served."""
    if model not in served:
        names = ", ".join(repr(name) for name in served) or "none"
        raise GatewayError(
            404, "model_not_found", f"The model '{model[:80]}' does not exist here; served: {names}.", param="model"
        )
