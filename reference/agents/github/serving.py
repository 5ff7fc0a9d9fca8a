"""An app on a loopback port: in the foreground, or in a thread for tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from reference.agents.types import ReviewError
from reference.serving.listening import listening_socket
from reference.serving.thread_server import on_thread


class LoopbackServer:
    """A listening socket and its app; who opens `url` before it serves waits until it does.

    Args:
        port: 0 takes a free one.
        host: an address of this machine's loopback; another only where a person asks for it.
    Raises:
        ReviewError: the port is taken.
    """

    def __init__(self, app: Any, *, port: int = 0, host: str = "127.0.0.1") -> None:
        import uvicorn

        self._socket = listening_socket(host, port, error=ReviewError, mend="choose another with --port")
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
