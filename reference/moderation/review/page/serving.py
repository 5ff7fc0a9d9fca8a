"""The page's address and server on loopback: in the foreground for a person, in a thread for tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from reference.moderation.review.queue import ReviewQueue
from reference.moderation.review.types import CategoryText, Reviewer, ReviewError
from reference.serving.listening import listening_socket
from reference.serving.thread_server import on_thread

from .app import create_app


class ReviewPage:
    """A listening socket and its app; `url` is complete with the token, and who opens it before `serve` runs waits.

    Args:
        port: 0 takes a free one.
    Raises:
        ReviewError: the port is taken.
    """

    def __init__(
        self, queue: ReviewQueue, reviewer: Reviewer, categories: Sequence[CategoryText], *, port: int = 0
    ) -> None:
        import uvicorn

        self.queue = queue
        app = create_app(queue, reviewer, categories)
        self._socket = listening_socket("127.0.0.1", port, error=ReviewError, mend="choose another --port, or none")
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/{app.state.token}/"
        # No access log: its lines would hold the token.
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3)
        )

    def serve(self) -> None:
        """Until Ctrl-C or `stop`; verdicts whose undo time is over are counted meanwhile and once more at the end."""
        ended = threading.Event()
        settler = threading.Thread(target=self._settle_until, args=(ended,), daemon=True)
        settler.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            ended.set()
            settler.join(timeout=10)
            self._socket.close()

    def _settle_until(self, ended: threading.Event) -> None:
        while not ended.wait(1.0):
            with contextlib.suppress(ReviewError):  # Redis or the log is away: what is held stays held
                self.queue.settle()

    def stop(self) -> None:
        self._server.should_exit = True

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serves in a thread within the `with` block; gives the URL.

        Raises:
            ReviewError: the page did not start.
        """
        with on_thread(self._server, self.serve, name="the review page", error=ReviewError):
            yield self.url


def policy_categories(policy: Any) -> list[CategoryText]:
    """The categories of a `reference.moderation.policy` Policy, most severe first: the order of the digits."""
    made = [
        CategoryText(one.name, one.name.replace("_", " ").capitalize(), one.explanation, one.severity)
        for one in policy.categories.values()
    ]
    return sorted(made, key=lambda one: (-one.severity, one.id))
