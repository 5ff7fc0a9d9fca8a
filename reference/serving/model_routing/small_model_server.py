"""The small model behind OpenAI's chat API, on loopback: what the gateway's second tier talks to.

    with small_model_server(model, embed) as server:
        server.client().chat.completions.create(model=server.model, messages=[...])

It reads the last message of the user and answers with one label. Sampling parameters and token limits change nothing.
`logprobs` returns the calibrated probabilities. As a process:
`python -m reference.serving.model_routing.small_model_server MODEL.json --embedder module:function`, where the function
returns something with `embed(texts)` and `name`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.serving.listening import KEEP_ALIVE_S, listening_socket
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.small_model import Embed, SmallModel, load
from reference.serving.model_routing.small_model_app import create_app
from reference.serving.thread_server import on_thread

if TYPE_CHECKING:
    import openai


@dataclass(frozen=True)
class RunningSmallModel:
    """A small model's server on a thread of this process; attributes as those of an engine."""

    base_url: str
    model: str
    api_key: str = field(repr=False)

    def client(self, **options: Any) -> openai.OpenAI:
        """A client of the `openai` package, without retries unless asked for."""
        import openai

        return openai.OpenAI(**{"base_url": self.base_url, "api_key": self.api_key, "max_retries": 0, **options})


def _listen(port: int) -> socket.socket:
    return listening_socket("127.0.0.1", port, error=RoutingError, mend="give another one, or 0 for a free one")


@contextlib.contextmanager
def small_model_server(
    model: SmallModel,
    embed: Embed,
    name: str = "small-intents",
    count: Callable[[str], int] | None = None,
    port: int = 0,
) -> Iterator[RunningSmallModel]:
    """Serves until the block ends, on a free loopback port (or `port`). Raises RoutingError if it does not come up."""
    import uvicorn

    key, listener = secrets.token_urlsafe(16), _listen(port)
    app = create_app(model, embed, name, key, count)
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=2, timeout_keep_alive=KEEP_ALIVE_S
        )
    )
    try:
        with on_thread(server, lambda: server.run(sockets=[listener]), name="the small model's server",
                       error=RoutingError):  # fmt: skip
            yield RunningSmallModel(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", name, key)
    finally:
        listener.close()


def _embedder(named: str) -> Any:
    module, _, function = named.partition(":")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, ValueError) as error:
        raise RoutingError(f"--embedder {named}: {error}; give module:function") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Serves in the foreground until Ctrl-C. Returns the exit status."""
    import os

    import uvicorn

    parser = argparse.ArgumentParser(prog="python -m reference.serving.model_routing.small_model_server")
    parser.add_argument("model", type=Path, help="file that SmallModel.save wrote")
    parser.add_argument("--embedder", required=True, help="module:function that returns the embedder")
    parser.add_argument("--name", default="small-intents", help="the model's name in requests")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args(argv)
    try:
        embedder = _embedder(options.embedder)
        model = load(options.model, embedder.name)
        listener = _listen(options.port)
    except RoutingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    given = os.environ.get("SMALL_MODEL_API_KEY", "").strip()
    key = given or secrets.token_urlsafe(16)  # no key would be an engine for every user of the machine
    app = create_app(model, embedder.embed, options.name, key)
    print(
        f"{options.name} ({model.version}): http://127.0.0.1:{listener.getsockname()[1]}/v1",
        file=sys.stderr,
        flush=True,
    )
    if not given:
        print(f"key, as SMALL_MODEL_API_KEY is not set: {key}", file=sys.stderr, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_keep_alive=KEEP_ALIVE_S)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
