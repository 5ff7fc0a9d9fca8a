"""Python text to a syntax tree, whatever the text is."""

from __future__ import annotations

import ast
import functools
import warnings

MOST_BYTES = 1 << 20


@functools.lru_cache(maxsize=256)
def parse_python(text: str) -> ast.Module | None:
    """The module, or None: not Python of this interpreter's version, over 1 MB, or nested too deeply to read."""
    if len(text) > MOST_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes and comparisons of the author are not our output
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
