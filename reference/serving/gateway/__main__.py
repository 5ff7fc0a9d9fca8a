"""`python -m reference.serving.gateway`: serves the gateway in the foreground. Settings: `GATEWAY_*` variables."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from reference.serving.gateway import logs
from reference.serving.gateway.server import GatewayStartError, serve
from reference.serving.gateway.settings import Settings, SettingsError
from reference.serving.redis_store import RedisUnavailable


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and serves. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m reference.serving.gateway", description="OpenAI-compatible gateway"
    )
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="default 8080")
    parser.add_argument("--engine-url", help="OpenAI-compatible engine, ending in /v1")
    parser.add_argument("--engine-api-key")
    parser.add_argument("--model", help="served model id; default: the engine's first")
    parser.add_argument("--model-dir", type=Path, help="folder with the model's tokenizer and chat template")
    parser.add_argument("--redis-url", help="default: REDIS_URL, else a private server")
    parser.add_argument("--no-guardrails", action="store_true", help="serve without input and output guards")
    options = vars(parser.parse_args(argv))
    if options.pop("no_guardrails"):
        options["guardrails"] = False
    try:
        settings = Settings.from_env(**options)
        logs.configure(settings.log_level)
        print(
            f"gateway: http://{settings.host}:{settings.port}/v1 -> {settings.engine_url}", file=sys.stderr, flush=True
        )
        with contextlib.suppress(KeyboardInterrupt):
            serve(settings)
    except (SettingsError, GatewayStartError, RedisUnavailable, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
