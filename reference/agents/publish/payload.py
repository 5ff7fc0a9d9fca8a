"""A review as the body of GitHub's "create a review for a pull request"."""

from __future__ import annotations

from typing import Any

from reference.agents.types import Comment, Review, ReviewError, Side

from .escape import path_code
from .text import summary

MOST = 50  # inline comments of one review; the poster takes no more
LISTED = 40
EVENTS = ("REQUEST_CHANGES", "COMMENT")  # there is no approval


def payload_of(review: Review) -> dict[str, Any]:
    """{commit_id, event, body, comments[path, line, side, start_line?, start_side?, body]}.

    GitHub refuses a whole review with 422 when one comment lies outside the diff, so such a comment moves into the
    body, as does any beyond MOST; a range that leaves its hunk shrinks to its last line.

    Raises:
        ReviewError: the event is neither REQUEST_CHANGES nor COMMENT.
    """
    if review.event not in EVENTS:
        raise ReviewError(f"event {review.event!r}: a review is one of {', '.join(EVENTS)}")
    placed: list[dict[str, Any]] = []
    unplaced: list[Comment] = []
    for comment in review.comments:
        hunk = _lines_of_hunk(review, comment)
        if not hunk or len(placed) == MOST:
            unplaced.append(comment)
            continue
        made: dict[str, Any] = {"path": comment.path, "line": comment.line, "side": comment.side.value}
        if comment.start_line is not None and comment.start_line < comment.line and comment.start_line in hunk:
            made |= {"start_line": comment.start_line, "start_side": comment.side.value}
        placed.append(made | {"body": comment.body})
    body = summary(review)
    if unplaced:
        listed = "\n".join(f"- {path_code(one.path)} line {one.line}: {_headline(one)}" for one in unplaced[:LISTED])
        more = f"\n- and {len(unplaced) - LISTED} more" if len(unplaced) > LISTED else ""
        body += f"\n\nOn lines outside the diff, or beyond {MOST} comments:\n\n{listed}{more}"
    return {"commit_id": review.change.head, "event": review.event, "body": body, "comments": placed}


def _headline(comment: Comment) -> str:
    return comment.body.split("\n", 1)[0]


def _lines_of_hunk(review: Review, comment: Comment) -> frozenset[int]:
    """Lines of the hunk that holds the comment's line, on the comment's side; empty if no hunk does."""
    file = review.change.file(comment.path)
    for hunk in file.hunks if file else ():
        right = comment.side is Side.RIGHT
        numbers = frozenset(n for one in hunk.lines if (n := one.new if right else one.old) is not None)
        if comment.line in numbers:
            return numbers
    return frozenset()
