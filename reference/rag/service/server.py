"""Serving the app: in the foreground, or on a thread beside a notebook or a test."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference.rag.service.access import KeyRing
from reference.rag.service.opening import OpenIndex, existing_index, open_index
from reference.rag.service.settings import ServiceSettings
from reference.rag.types import RagError
from reference.serving.listening import KEEP_ALIVE_S, listening_socket
from reference.serving.thread_server import on_thread

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

_MEND = "set RAG_PORT to a free one"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ServiceStartError(RagError):
    """The service did not start; the message says why."""


@dataclass
class RunningService:
    """A service on a thread of this process."""

    base_url: str
    api_key: str = field(repr=False)  # of the tenant that `run_in_thread` was given
    app: FastAPI = field(repr=False)

    def client(self, **options: Any) -> httpx.Client:
        """An HTTP client with the key and the address."""
        import httpx

        headers = {"authorization": f"Bearer {self.api_key}"}
        return httpx.Client(**{"base_url": self.base_url, "headers": headers, "timeout": 60, **options})


@contextlib.contextmanager
def run_in_thread(app: FastAPI, ring: KeyRing, tenant: str = "local") -> Iterator[RunningService]:
    """Serves `app` on a free loopback port until the `with` block ends.

    Args:
        ring: the keys that the app was made with; a key of `tenant` is added for the time.

    Raises:
        ServiceStartError: it did not come up.
    """
    key, record = ring.create(tenant)
    listener = listening_socket("127.0.0.1", 0, error=ServiceStartError, mend=_MEND)
    server = _server(app)

    def serve_here() -> None:
        asyncio.run(server.serve(sockets=[listener]))

    try:
        with on_thread(server, serve_here, name="the service", error=ServiceStartError):
            yield RunningService(f"http://127.0.0.1:{listener.getsockname()[1]}", key, app)
    finally:
        listener.close()
        ring.revoke(record.key_id)


def app_of(opened: OpenIndex, ring: KeyRing, settings: ServiceSettings) -> FastAPI:
    """The app over an opened index, with a cache of answers."""
    from reference.rag.service.app import create_rag_app
    from reference.serving.semantic_cache import SemanticCache

    return create_rag_app(
        opened.searcher,
        opened.answerer,
        opened.documents,
        keys=ring,
        settings=settings,
        answers=SemanticCache(),
        stages=opened.stages,
    )


def serve(settings: ServiceSettings, tenant: str = "local") -> None:
    """Serves an index in the foreground until SIGINT or SIGTERM.

    Without a file of keys, a key of `tenant` is made for this run and shown once on standard error.

    Raises:
        RagError: no such index, the folder is in use, the port is taken, or an address beyond loopback without keys.
    """
    from reference.serving.semantic_cache import SemanticCache

    if settings.keys_file is None and settings.host not in _LOOPBACK:
        raise ServiceStartError(f"host {settings.host} is beyond loopback: set RAG_KEYS_FILE to a file of keys")
    if settings.keys_file is not None and not settings.keys_file.exists():
        raise ServiceStartError(f"{settings.keys_file}: no such file; make it with `keys create`")
    folder = settings.folder or existing_index(settings.index)
    ring = KeyRing(settings.keys_file, settings.key_pepper)
    listener = listening_socket(settings.host, settings.port, error=ServiceStartError, mend=_MEND)
    with listener, open_index(folder, writable=settings.writable, llm=settings.llm, cache=SemanticCache()) as opened:
        for note in opened.notes:
            print(f"note: {note}", file=sys.stderr)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"retrieval: http://{host}:{listener.getsockname()[1]} serves {folder}", file=sys.stderr, flush=True)
        if settings.keys_file is None:
            print(f"key of tenant {tenant}: {ring.create(tenant)[0]}", file=sys.stderr, flush=True)
        asyncio.run(_server(app_of(opened, ring, settings)).serve(sockets=[listener]))


def _server(app: FastAPI) -> Any:
    import uvicorn

    # The service writes its own access log. Streams get five seconds to end at a shutdown.
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=5, timeout_keep_alive=KEEP_ALIVE_S,
        server_header=False,
    )  # fmt: skip
    return uvicorn.Server(config)
