"""The service of the four modes for an experiment: a Redis of its own, a receiver of webhooks, workers on demand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from reference.serving.waiting import wait_until

if TYPE_CHECKING:
    from reference.serving.gateway import RunningGateway
    from reference.serving.jobs.fleet import Fleet
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.modes import Modes

T = TypeVar("T")


class Serves(Protocol):
    """What is needed of an engine: the shared one, or a stub."""

    @property
    def base_url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def model(self) -> str: ...


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end; also inside a notebook, whose cell runs in a loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Delivery:
    """A webhook as it came: its three headers, and the body that the signature is over."""

    id: str
    timestamp: str
    signature: str
    body: bytes


@dataclass
class Receiver:
    """A client's web server, which takes webhooks. `up` false: it answers 503. `seen` holds what it took."""

    url: str = ""
    up: bool = True
    seen: list[Delivery] = field(default_factory=list)
    refused: int = 0
    listeners: list[Callable[[Delivery], None]] = field(default_factory=list)  # called on the receiver's thread
    _told: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def took(self, delivery: Delivery) -> None:
        with self._told:
            self.seen.append(delivery)
            self._told.notify_all()
        for listener in list(self.listeners):
            listener(delivery)

    def wait(self, count: int, timeout_s: float) -> bool:
        """Waits for so many deliveries, doubled ones counted; False if they do not come in time."""
        with self._told:
            return self._told.wait_for(lambda: len(self.seen) >= count, timeout_s)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            if receiver.up:
                job_id, stamp, signature = (self.headers.get(name, "") for name in names)
                receiver.took(Delivery(job_id, stamp, signature, body))
            else:
                receiver.refused += 1
            self.send_response(200 if receiver.up else 503)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass(frozen=True)
class ModesService:
    """The running service. `workers()` starts workers for a while: how many, with which slots, is the experiment."""

    gateway: RunningGateway
    modes: Modes
    jobs: JobSettings
    receiver: Receiver
    engine: Serves

    @property
    def base_url(self) -> str:
        """Ends in `/v1`."""
        return self.gateway.base_url

    @contextmanager
    def workers(self, count: int = 1, **changed: Any) -> Iterator[Fleet]:
        """Worker processes for the length of the block; `changed`: their settings, e.g. `slots_normal`.

        The block begins when they answer: a process that still imports its libraries would be taken for a slow one.
        """
        from reference.serving.jobs import fleet as fleets

        # model_copy would lose which settings were given, and workers are told only those.
        settings = type(self.jobs)(**{**self.jobs.model_dump(exclude_unset=True), **changed})
        with fleets.running(settings, count) as fleet:
            if count:
                for job_id in [self._hello() for _ in range(4 * count)]:
                    self.ended(job_id)
            yield fleet

    def _hello(self) -> str:
        chat = {"model": self.engine.model, "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1}
        return str(self.call("POST", "/jobs", json={"request": chat}).json()["id"])

    def key_of(self, tenant: str) -> str:
        """An API key of another tenant."""
        from reference.serving import redis_store
        from reference.serving.gateway.keys import KeyStore

        settings = self.gateway.settings
        with redis_store.connect(settings.redis_url) as client:
            return KeyStore(client, settings.key_prefix, settings.key_pepper).create(tenant)[0]

    def call(
        self, method: str, path: str, *, key: str = "", headers: dict[str, str] | None = None, **options: Any
    ) -> Any:
        """One request as the service's own tenant, or with another `key`; `path` begins behind `/v1`."""
        import httpx

        given = {"authorization": f"Bearer {key or self.gateway.api_key}", **(headers or {})}
        return httpx.request(method, f"{self.base_url}{path}", headers=given, timeout=60, trust_env=False, **options)

    def ended(self, job_id: str, timeout_s: float = 120.0) -> dict[str, Any]:
        """Polls a job until it has ended; its status. Raises TimeoutError."""
        status: dict[str, Any] = {}

        def over() -> bool:
            status.update(self.call("GET", f"/jobs/{job_id}").json())
            return status["status"] in {"succeeded", "dead", "cancelled"}

        if not wait_until(over, timeout_s):
            raise TimeoutError(f"{job_id} is {status['status']} after {timeout_s:g} s")
        return status


@contextmanager
def modes_service(
    engine: Serves, *, modes: dict[str, Any] | None = None, jobs: dict[str, Any] | None = None, **gateway: Any
) -> Iterator[ModesService]:
    """The service before `engine`, without guards and without the exact cache: the same requests come in every mode.

    Args:
        modes, jobs: fields of `ModesSettings` and `JobSettings` that differ. gateway: those of the gateway's settings.
    """
    from reference.serving.engine import Engine
    from reference.serving.gateway import Settings, engine_settings, run_in_thread
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.modes import Modes, ModesSettings
    from reference.serving.redis_store import private_redis

    with private_redis() as redis, receiving() as receiver:
        given = {
            "redis_url": redis.url, "guardrails": False, "cache_enabled": False, "default_rpm": 1_000_000,
            "default_tpm": 60_000_000, "redis_timeout_s": 5.0, **gateway,
        }  # fmt: skip
        if isinstance(engine, Engine):
            settings = engine_settings(engine, **given)
        else:
            named = {"engine_url": engine.base_url, "engine_api_key": engine.api_key, "model": engine.model}
            settings = Settings(**{**named, **given})
        quick = {"reconcile_s": 0.1, "retry_s": 0.2, "lease_s": 5.0, "redeliver_s": 7.0, "webhook_retry_s": 0.5}
        job_settings = JobSettings(
            **{
                "redis_url": redis.url,
                "engine_url": engine.base_url,
                "engine_api_key": engine.api_key,
                "model": engine.model,
                "webhook_allow": receiver.url.split("/")[2],
                **quick,
                **(jobs or {}),
            }
        )
        extension = Modes(job_settings, ModesSettings(**{"batch_keep_s": 0.1, **(modes or {})}))
        with run_in_thread(settings, extensions=[extension]) as running:
            yield ModesService(running, extension, job_settings, receiver, engine)
