"""What a review looks like outside: GitHub, SARIF, a terminal, a page. Text of the change is shown, never obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.agents.types import Review

__all__ = ["github_payload", "html", "sarif", "terminal"]


def github_payload(review: Review) -> dict[str, Any]:
    """Body of GitHub's "create a review" (see publish.github_payload)."""
    from .payload import payload_of

    return payload_of(review)


def sarif(review: Review) -> dict[str, Any]:
    """A SARIF 2.1.0 log (see publish.sarif_log)."""
    from .sarif_log import sarif_of

    return sarif_of(review)


def terminal(review: Review, *, width: int = 100, color: bool = False) -> str:
    """The review as text for a terminal of `width` columns."""
    from .terminal_text import terminal_of

    return terminal_of(review, width=width, color=color)


def html(review: Review) -> str:
    """One page without scripts, links or outside resources."""
    from .page import html_of

    return html_of(review)
