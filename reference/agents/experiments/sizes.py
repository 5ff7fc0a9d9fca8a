"""How large real changes are, in tokens of a diff with its context, and what part of them a window holds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reference.agents.types import Change, ReviewError

if TYPE_CHECKING:
    from reference.agents.evaluation.releases import Release


@dataclass(frozen=True, slots=True)
class Size:
    """Of one change: changed lines, and tokens of its readable hunks as a prompt shows them, per file."""

    name: str
    files: int
    lines: int
    tokens_by_file: tuple[int, ...]
    lines_by_file: tuple[int, ...]

    @property
    def tokens(self) -> int:
        return sum(self.tokens_by_file)


@functools.cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    from reference.serving.models import default_model_dir

    return Tokenizer.from_file(str(default_model_dir() / "tokenizer.json"))


def size_of(change: Change, name: str = "") -> Size:
    """Counted with the tokenizer of the workbook's default model; others differ by some ten per cent."""
    from reference.agents.llm import show

    read = [one for one in change.files if not one.why_not_read and one.hunks]
    tokens = [len(_tokenizer().encode(show(change, [one.path], 1 << 30).text).ids) for one in read]
    lines = [len(one.added) + len(one.removed) for one in read]
    return Size(name, len(read), sum(lines), tuple(tokens), tuple(lines))


def shown_lines(size: Size, window: int) -> int:
    """Changed lines of the files that fit whole into `window` tokens, smallest first."""
    left, lines = window, 0
    for tokens, count in sorted(zip(size.tokens_by_file, size.lines_by_file, strict=True)):
        if tokens > left:
            break
        left -= tokens
        lines += count
    return lines


def window_rows(sizes: Sequence[Size], windows: Sequence[int]) -> list[dict[str, float]]:
    """Per window in tokens: `whole`, the share of changes that fit; `lines`, the share of all changed lines in files
    that fit. Raises ReviewError without sizes."""
    if not sizes:
        raise ReviewError("sizes: at least one change is needed")
    in_all = sum(one.lines for one in sizes)
    return [
        {
            "tokens": window,
            "whole": sum(one.tokens <= window for one in sizes) / len(sizes),
            "lines": sum(shown_lines(one, window) for one in sizes) / max(in_all, 1),
        }
        for window in windows
    ]


def sizes_of(releases: Sequence[Release]) -> list[Size]:
    """One size per pair of releases, from the older to the newer one."""
    from reference.agents.sources import from_texts

    return [size_of(from_texts(one.before, one.after, repository=one.repository), one.pair.id) for one in releases]
