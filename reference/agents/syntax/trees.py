"""tree-sitter parsers for the languages that the reviewer knows besides Python."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Tree

MOST_BYTES = 1 << 20
_GRAMMARS = {
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
}


def languages() -> tuple[str, ...]:
    """Names that `tree` and `functions` take."""
    return ("python", *_GRAMMARS)


@functools.cache
def _parser(language: str) -> Any:
    import importlib

    from tree_sitter import Language, Parser

    module, function = _GRAMMARS[language]
    return Parser(Language(getattr(importlib.import_module(module), function)()))


def tree(language: str, source: bytes) -> Tree | None:
    """The syntax tree, errors marked inside it; None for a language without grammar or a source over 1 MB.

    A parser keeps state, so each call makes its own from the shared grammar: specialists run in threads.
    """
    from tree_sitter import Parser

    if language not in _GRAMMARS or len(source) > MOST_BYTES:
        return None
    return Parser(_parser(language).language).parse(source)
