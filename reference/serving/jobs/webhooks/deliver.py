"""The outbox of webhooks: a sorted set by the time of the next try. A delivery leaves it only when it was answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from typing import TYPE_CHECKING, Any, cast

from reference.serving.jobs import scripts
from reference.serving.jobs.model import Job
from reference.serving.jobs.store import JobStore
from reference.serving.jobs.webhooks.address import BadAddress, Target, exempted, resolve
from reference.serving.jobs.webhooks.signature import sign
from reference.serving.retry import Backoff

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
_AT_ONCE = 32


async def signing_secret(store: JobStore) -> bytes:
    """The secret of `webhook_secret`, or one made once and kept in Redis for all processes."""
    if store.settings.webhook_secret:
        return store.settings.webhook_secret.encode()
    name = store.key("webhook-secret")
    await cast("Any", store.client.set(name, secrets.token_hex(32), nx=True))
    return cast("bytes", await cast("Any", store.client.get(name)))


class Deliverer:
    """Delivers webhooks of ended jobs. Every worker may run one: a delivery is leased while it is tried.

    At least once: a process that dies between the receiver's answer and the note of it sends again, with the same
    `webhook-id`, by which the receiver knows it. `counts`: delivered, failed (a try), given_up.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._allow = exempted(store.settings.webhook_allow)
        self.counts = {"delivered": 0, "failed": 0, "given_up": 0}

    async def run(self) -> None:
        """Works until it is cancelled; an outage of Redis is waited out."""
        import httpx
        from redis.exceptions import RedisError

        async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as client:
            while True:
                busy = 0
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    busy = await self.once(client)
                if not busy:
                    await asyncio.sleep(min(0.5, self._store.settings.reconcile_s))

    async def once(self, client: httpx.AsyncClient) -> int:
        """Tries what is due. Returns how many it tried."""
        store = self._store
        lease = store.settings.webhook_timeout_s * 2 + 1
        due = await scripts.run(
            store.client, "lease_due", [store.key("webhooks")], [store.clock(), store.clock() + lease, _AT_ONCE]
        )
        secret = await signing_secret(store) if due else b""
        await asyncio.gather(*(self._one(client, raw.decode(), secret) for raw in due))
        return len(due)

    async def _one(self, client: httpx.AsyncClient, job_id: str, secret: bytes) -> None:
        store = self._store
        job = await store.get(job_id)
        if job is None:
            await cast("Any", store.client.zrem(store.key("webhooks"), job_id))
            return
        problem = await self._post(client, job, secret)
        if problem is None:
            await cast("Any", store.client.zrem(store.key("webhooks"), job_id))
            self.counts["delivered"] += 1
            return
        self.counts["failed"] += 1
        tries = int(await cast("Any", store.client.hincrby(store.key("job", job_id), "webhook_tries", 1)))
        if store.clock() - job.finished > store.settings.webhook_give_up_s:
            await cast("Any", store.client.zrem(store.key("webhooks"), job_id))
            await cast("Any", store.client.hset(store.key("job", job_id), "webhook_error", problem))
            self.counts["given_up"] += 1
            log.error("webhook of %s given up after %d tries: %s", job_id, tries, problem)
            return
        backoff = Backoff(first_s=store.settings.webhook_retry_s, most_s=store.settings.webhook_retry_most_s)
        due = store.clock() + backoff.pause_s(tries)
        await cast("Any", store.client.zadd(store.key("webhooks"), {job_id: due}, xx=True))

    async def _post(self, client: httpx.AsyncClient, job: Job, secret: bytes) -> str | None:
        """None if the receiver took it, else what went wrong."""
        import httpx

        body = json.dumps({"type": f"job.{job.state}", "data": job.status()}).encode()
        stamp = int(self._store.clock())
        headers = {
            "content-type": "application/json",
            "webhook-id": job.id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(secret, job.id, stamp, body),
        }
        try:
            target = await resolve(job.webhook, self._allow)
            request = _request(client, target, headers, body, self._store.settings.webhook_timeout_s)
            async with asyncio.timeout(self._store.settings.webhook_timeout_s):
                response = await client.send(request, stream=True)
                await response.aclose()  # what it says does not matter, and may be endless
        except BadAddress as error:
            return str(error)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            return type(error).__name__
        return None if 200 <= response.status_code < 300 else f"HTTP {response.status_code}"


def _request(
    client: httpx.AsyncClient, target: Target, headers: dict[str, str], body: bytes, timeout_s: float
) -> httpx.Request:
    """To the address that was checked, under the name that was asked for."""
    import httpx

    host = f"[{target.address}]" if ":" in target.address else target.address
    name = f"[{target.host}]" if ":" in target.host else target.host
    plain = (target.scheme == "https" and target.port == 443) or (target.scheme == "http" and target.port == 80)
    return client.build_request(
        "POST",
        httpx.URL(f"{target.scheme}://{host}:{target.port}{target.path}"),
        headers={**headers, "host": name if plain else f"{name}:{target.port}"},
        content=body,
        timeout=timeout_s,
        extensions={"sni_hostname": target.host},
    )
