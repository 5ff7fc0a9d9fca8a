"""Serving the app: in the foreground, or on a thread beside a notebook or a test."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference.serving.gateway.keys import KeyStore
from reference.serving.gateway.responses import StreamAborted
from reference.serving.gateway.settings import Settings
from reference.serving.listening import KEEP_ALIVE_S, listening_socket
from reference.serving.thread_server import on_thread

if TYPE_CHECKING:
    import openai
    from fastapi import FastAPI

    from reference.serving.engine import Engine

_MEND = "set GATEWAY_PORT to a free one"


class GatewayStartError(RuntimeError):
    """The gateway did not start; the message says why."""


@dataclass
class RunningGateway:
    """A gateway on a thread of this process. `api_key` belongs to tenant "local" and is revoked at the end."""

    base_url: str
    api_key: str = field(repr=False)
    app: FastAPI = field(repr=False)
    settings: Settings = field(repr=False)

    @property
    def root_url(self) -> str:
        """Address without `/v1`, for /readyz and /metrics."""
        return self.base_url.removesuffix("/v1")

    def client(self, **options: Any) -> openai.OpenAI:
        """A client of the `openai` package; no retries by default, so that a fault is seen where it happens."""
        import openai

        given = {"base_url": self.base_url, "api_key": self.api_key, "max_retries": 0, **options}
        return openai.OpenAI(**given)


class _NoAborts(logging.Filter):
    """Drops the server's traceback for streams that the gateway ended on purpose; its own log has them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], StreamAborted))


_NO_ABORTS = _NoAborts()


def _server(app: FastAPI) -> Any:
    import uvicorn

    logging.getLogger("uvicorn.error").addFilter(_NO_ABORTS)

    # The gateway writes its own access log. Streams get five seconds to end at a shutdown.
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=5, timeout_keep_alive=KEEP_ALIVE_S,
        server_header=False,
    )  # fmt: skip
    return uvicorn.Server(config)


def _prepared(settings: Settings, parts: dict[str, Any]) -> FastAPI:
    """The app with its tokenizer and guards loaded: what is wrong with them is raised here, not inside the server."""
    from reference.serving.gateway.app import create_app
    from reference.serving.gateway.services import default_guards, load_counter

    if parts.get("counter") is None:
        parts["counter"] = load_counter(settings.model_dir)
    if parts.get("guards") is None:
        parts["guards"] = default_guards(settings)
    return create_app(settings, **parts)


def engine_settings(engine: Engine, **overrides: Any) -> Settings:
    """Settings for a gateway in front of an `Engine`; `GATEWAY_*` variables and `overrides` apply as usual.

    Tokens are counted exactly where the model's folder is on this machine: the default model, or a WORKBOOK_MODEL that
    is a folder.
    """
    from reference.serving.models import DEFAULT_MODEL_ID, chosen_model, default_model_dir

    folder = default_model_dir() if engine.model == DEFAULT_MODEL_ID else None
    if folder is None and engine.ours:
        folder = chosen_model().folder
    found = {
        "engine_url": engine.base_url,
        "engine_api_key": engine.api_key,
        "model": engine.model,
        "model_dir": folder,
    }
    return Settings.from_env(**{**found, **overrides})


@contextlib.contextmanager
def run_in_thread(settings: Settings | None = None, **parts: Any) -> Iterator[RunningGateway]:
    """Serves a gateway on a free loopback port until the `with` block ends.

    Args:
        settings: default `Settings.from_env()`; `port` 0 or taken settings aside, the port is always a free one.
        parts: further arguments of `create_app` (`guards`, `retriever`, `summariser`, `counter`, `chooser`, `similar`,
            `extensions`).

    Raises:
        GatewayStartError: it did not come up; the message says why.
    """
    import redis

    from reference.serving import redis_store

    settings = settings or Settings.from_env()
    url = settings.redis_url or redis_store.redis_url()
    settings = settings.model_copy(update={"redis_url": url, "host": "127.0.0.1"})
    app = _prepared(settings, parts)
    with redis_store.connect(url) as client:
        keys = KeyStore(client, settings.key_prefix, settings.key_pepper)
        text, record = keys.create("local", expires_in_s=86400)
        listener = listening_socket("127.0.0.1", 0, error=GatewayStartError, mend=_MEND)
        server = _server(app)

        def serve() -> None:
            import uvloop

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.serve(sockets=[listener]))

        try:
            with on_thread(server, serve, name="the gateway", error=GatewayStartError):
                yield RunningGateway(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", text, app, settings)
        finally:
            listener.close()
            with contextlib.suppress(redis.RedisError):  # the key expires anyway
                keys.revoke(record.key_id)


def serve(settings: Settings, **parts: Any) -> None:
    """Serves in the foreground until SIGINT or SIGTERM.

    Args:
        parts: further arguments of `create_app`.

    Raises:
        GatewayStartError: the port is taken.
        RedisUnavailable: the private Redis could not be started.
        FileNotFoundError: the model's folder lacks something.
    """
    import uvloop

    from reference.serving import redis_store

    settings = settings.model_copy(update={"redis_url": settings.redis_url or redis_store.redis_url()})
    app = _prepared(settings, parts)
    listener = listening_socket(settings.host, settings.port, error=GatewayStartError, mend=_MEND)
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_server(app).serve(sockets=[listener]))
