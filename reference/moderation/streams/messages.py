"""The messages: a micro-batch of posts as one compact JSON array.

A post with only id and text is `[id, text]`, with a language `[id, text, language]`; any other adds its further fields
as an object. The `json` module writes and reads that in C, and keeps lone surrogates as they are. A message costs Redis
the same for 1 post as for 200, so the batch is what makes the rate.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.moderation.posts_io import post_from, post_to
from reference.moderation.types import ModerationError, Post

BODY = b"p"  # the posts
STAMP = b"s"  # whatever the producer wants to find again, e.g. the time of arrival
MAX_MESSAGE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Names:
    """The keys of one pipeline in Redis."""

    stream: str = "moderation:posts"
    group: str = "moderation"

    @property
    def onward(self) -> str:
        """Posts that tier 1 lets go on."""
        return f"{self.stream}:tier2"

    @property
    def dead(self) -> str:
        """Messages that no worker could handle, with the reason."""
        return f"{self.stream}:dead"


def encode_posts(posts: Sequence[Post]) -> bytes:
    """One message body. Raises ModerationError if it is larger than a message may be; send fewer posts then."""
    rows: list[list[Any]] = []
    for post in posts:
        if post.images or post.video or post.links or post.author or post.country or post.posted_at or post.views:
            rows.append(_full(post))
        else:
            rows.append([post.id, post.text, post.language] if post.language else [post.id, post.text])
    body = json.dumps(rows, separators=(",", ":")).encode("ascii")
    if len(body) > MAX_MESSAGE_BYTES:
        raise ModerationError(
            f"a message of {len(posts)} posts has {len(body) >> 20} MB, the limit is {MAX_MESSAGE_BYTES >> 20}; "
            "send fewer posts per message"
        )
    return body


def _full(post: Post) -> list[Any]:
    rest = post_to(post)
    return [rest.pop("id"), rest.pop("text", ""), rest]


def decode_posts(body: bytes) -> list[Post]:
    """The posts of a message body. Raises ModerationError if it is none."""
    try:
        return [_one(row) for row in json.loads(body)]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ModerationError(f"a message is no batch of posts: {type(error).__name__}: {error}") from error


def _one(row: list[Any]) -> Post:
    name, text, rest = row if len(row) == 3 else (*row, "")
    if type(rest) is dict:
        return post_from({**rest, "id": name, "text": text})
    if type(name) is str and type(text) is str and type(rest) is str and name:
        return Post(name, text, language=rest)
    raise ModerationError("a message holds a post whose id or text is no text")
