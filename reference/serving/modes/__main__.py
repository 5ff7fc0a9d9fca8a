"""`python -m reference.serving.modes`: the gateway with jobs, batches and resumable streams, and workers beside it.

Settings: `GATEWAY_*` of the gateway, `JOBS_*` of the jobs.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

from reference.serving.gateway import logs
from reference.serving.gateway.server import GatewayStartError, serve
from reference.serving.gateway.settings import Settings, SettingsError
from reference.serving.jobs import fleet as fleets
from reference.serving.jobs.settings import JobSettings, JobSettingsError
from reference.serving.modes.extension import Modes
from reference.serving.redis_store import RedisUnavailable, redis_url


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and serves. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reference.serving.modes", description=__doc__)
    parser.add_argument("--port", type=int, help="default 8080")
    parser.add_argument("--engine-url", help="OpenAI-compatible engine, ending in /v1")
    parser.add_argument("--engine-api-key")
    parser.add_argument("--redis-url", help="default: REDIS_URL, else a private server")
    parser.add_argument("--no-guardrails", action="store_true", help="serve without input and output guards")
    parser.add_argument(
        "--workers", type=int, default=1, help="worker processes beside the service (default 1; 0: none)"
    )
    options = vars(parser.parse_args(argv))
    workers = options.pop("workers")
    if options.pop("no_guardrails"):
        options["guardrails"] = False
    try:
        if not 0 <= workers <= 64:
            raise SettingsError(f"--workers: must be from 0 to 64, got {workers}")
        settings = Settings.from_env(**options)
        settings = settings.model_copy(update={"redis_url": settings.redis_url or redis_url()})
        jobs = JobSettings.from_env(
            redis_url=settings.redis_url,
            engine_url=options["engine_url"],
            engine_api_key=options["engine_api_key"],
        )
        if settings.usage_enabled:  # the workers count where the gateway does
            jobs = jobs.model_copy(
                update={
                    "usage_prefix": jobs.usage_prefix or settings.key_prefix,
                    "usage_keep_days": settings.usage_keep_days,
                    "usage_features": settings.usage_features,
                }
            )
        logs.configure(settings.log_level)
        with contextlib.ExitStack() as stack:
            if workers:
                stack.enter_context(fleets.running(jobs, workers))
            print(
                f"modes: http://{settings.host}:{settings.port}/v1 -> {settings.engine_url}",
                file=sys.stderr,
                flush=True,
            )
            with contextlib.suppress(KeyboardInterrupt):
                serve(settings, extensions=[Modes(jobs)])
    except (SettingsError, JobSettingsError, GatewayStartError, RedisUnavailable, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
