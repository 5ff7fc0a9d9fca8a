"""Finding links in a text."""

from __future__ import annotations

import re

MAX_LINKS = 50  # of one post; more are a sign of spam and are said to be there
MAX_LENGTH = 4096
_LINK = re.compile(
    r"(?:h(?:tt|xx)ps?(?::|\[:\])[/\\]{1,3}|\bwww(?:\.|\[\.\]))[^\s<>\"'{}|^`]+"
    r"|\b(?:[\w-]{1,63}(?:\.|\[\.\]))+(?:com|net|org|info|biz|xyz|top|click|link|shop|site|ly|co|gl|gd|io|me|ru|cn"
    r"|example|test|invalid|xn--[a-z0-9]+)\b(?::\d+)?(?:[/?#][^\s<>\"'{}|^`]*)?",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}»”’"


def may_hold_links(text: str) -> bool:
    """A cheap look that has no false negatives for `links_of`."""
    return "." in text or ":/" in text or ":\\" in text or "[:]" in text or ": " in text


def links_of(text: str) -> list[str]:
    """Links as written, in order, without repeats; "hxxp" and "[.]" are undone. At most MAX_LINKS + 1."""
    found: dict[str, None] = {}
    # Only words that could be one are given to the costly pattern.
    words = [word for word in text.split() if "." in word[1:-1] or ":" in word[1:-1]]
    for word, match in ((one, match) for one in words for match in _LINK.finditer(one)):
        if match.start() and word[match.start() - 1] == "@":
            continue  # the host of an e-mail address
        link = match[0].rstrip(_TRAILING).replace("[.]", ".").replace("[:]", ":")
        if link[:4].lower() == "hxxp":
            link = "http" + link[4:]
        if "(" not in link:
            link = link.rstrip(")")
        found[link[:MAX_LENGTH]] = None
        if len(found) > MAX_LINKS:
            break
    return list(found)
