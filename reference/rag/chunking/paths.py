"""A trail of titles that fits a number of tokens."""

from __future__ import annotations

from collections.abc import Callable

GAP = "…"


def shortened(path: tuple[str, ...], most: int, count: Callable[[str], int]) -> tuple[str, ...]:
    """The path if " > ".join(path) has at most `most` tokens; else without its middle, then with its titles cut.

    First and last title say most: what the document is, and what the passage is about. The last keeps its length
    longest. Empty titles are left out.
    """
    path = tuple(title for title in path if title.strip())

    def fits(titles: tuple[str, ...]) -> bool:
        return count(" > ".join(titles)) <= most

    if fits(path):
        return path
    head, tail = [path[0]], list(path[1:])
    while len(tail) > 1:  # drops the middle from its beginning: the nearer to the passage, the longer a title stays
        tail.pop(0)
        if fits((*head, GAP, *tail)):
            return (*head, GAP, *tail)
    last = tail[-1] if tail else ""
    first_words, last_words = path[0].split(), last.split()
    while first_words or last_words:
        titles = tuple(t for t in (_cut(first_words, path[0]), _cut(last_words, last)) if t)
        if fits(titles):
            return titles
        longer_first = len(first_words) > 4 or not last_words
        (first_words if longer_first and first_words else last_words).pop()
    return ()


def _cut(words: list[str], title: str) -> str:
    kept = " ".join(words)
    return kept if not kept or len(words) == len(title.split()) else f"{kept} {GAP}"
