"""workbook review-serve: the webhook on loopback, with the token in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from reference.agents.types import Change, Review

_HANDED = "WORKBOOK_REVIEW_POSTER"  # pid and pipes of the poster, from this process before its exec


def command(
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Loopback port [default: a free one].")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0.0, help="Most dollars per pull request (0.50 or WORKBOOK_REVIEW_BUDGET)."),
    ] = None,
    suggestions: Annotated[bool, typer.Option("--suggestions", help="Post suggestions as well.")] = False,
    deliveries: Annotated[
        Path | None, typer.Option("--deliveries", help="What was seen and said [default: in the cache folder].")
    ] = None,
    outcomes: Annotated[
        Path | None, typer.Option("--outcomes", help="What became of comments [default: in the cache folder].")
    ] = None,
) -> None:
    """Review pull requests as their webhook deliveries come. Put a reverse proxy with TLS before it.

    REVIEW_WEBHOOK_SECRET: the webhook's secret. GITHUB_TOKEN (pull_requests: write): goes to the posting process, and
    this one starts again without it. REVIEW_READ_TOKEN (contents: read): for private repositories.
    GITHUB_API_URL: an enterprise server's.
    """
    from reference.agents.github.client import API, GitHubReader
    from reference.agents.github.deliveries import Deliveries
    from reference.agents.github.service import ReviewService
    from reference.agents.github.serving import LoopbackServer
    from reference.agents.github.webhook import create_app
    from reference.agents.publish.posting import PosterProcess
    from reference.serving.models import cache_dir
    from workbook import console
    from workbook.commands.review import reviewer
    from workbook.commands.review_feedback import open_store
    from workbook.errors import UsageError

    secret = os.environ.get("REVIEW_WEBHOOK_SECRET", "")
    if not secret.strip():
        raise UsageError("no webhook secret", "set REVIEW_WEBHOOK_SECRET to the secret of the webhook's settings page")
    api = os.environ.get("GITHUB_API_URL", API)
    handed = os.environ.pop(_HANDED, "")
    if not handed:
        _start_again_without_token(api)
    with PosterProcess.adopted(handed) as poster:
        del os.environ["REVIEW_WEBHOOK_SECRET"]
        reader = GitHubReader(api, os.environ.pop("REVIEW_READ_TOKEN", ""))
        if deliveries is None:
            deliveries = cache_dir() / "review" / "deliveries.db"
            deliveries.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        seen = Deliveries(deliveries)
        store = open_store(outcomes, make=True)
        fresh = _Fresh(lambda: reviewer(budget=budget, suggestions=suggestions, outcomes=store))
        service = ReviewService(reader, fresh, poster, seen, outcomes=store)
        server = LoopbackServer(create_app(secret, service.work, deliveries=seen), port=port or 0)
        console.say(console.stdout(), f"Webhook: {server.url}/webhook\nHealth:  {server.url}/health\nCtrl-C ends it.")
        sys.stdout.flush()
        try:
            server.serve()
        finally:
            reader.close()
            seen.close()
            if store is not None:
                store.close()


class _Fresh:
    """A new reviewer per change: one budget is one pull request's."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    async def review(self, change: Change, posted_before: Collection[str] = ()) -> Review:
        made: Review = await self._make().review(change, posted_before)
        return made


def _start_again_without_token(api: str) -> None:
    """exec, because a process's first environment stays readable under /proc even after it was changed."""
    from reference.agents.publish.posting import PosterProcess, take_token

    poster = PosterProcess(api, take_token(os.environ))
    os.environ[_HANDED] = poster.handed_over()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
