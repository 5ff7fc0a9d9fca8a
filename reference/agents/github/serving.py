"""An app on a loopback port: in the foreground, or in a thread for tests."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from reference.agents.types import ReviewError
from reference.serving.thread_server import on_thread


class LoopbackServer:
    """A bound socket and its app; `url` works once it runs.

    Args:
        port: 0 takes a free one.
        host: an address of this machine's loopback; another only where a person asks for it.
    Raises:
        ReviewError: the port is taken.
    """

    def __init__(self, app: Any, *, port: int = 0, host: str = "127.0.0.1") -> None:
        import uvicorn

        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as problem:
            self._socket.close()
            raise ReviewError(f"port {port} on {host}: {problem.strerror}; choose another with --port") from None
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        self._server = uvicorn.Server(config)

    def serve(self) -> None:
        """Until Ctrl-C or `stop`."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        self._server.should_exit = True

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serves in a thread within the `with` block; gives the URL.

        Raises:
            ReviewError: the app did not start.
        """
        with on_thread(self._server, self.serve, name=f"the server at {self.url}", error=ReviewError):
            yield self.url
