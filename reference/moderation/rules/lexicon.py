"""The invented tokens that stand for slurs and for the trade names of spam: no real slur is in here."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from reference.moderation.types import ModerationError

PATH = Path(__file__).parent / "data" / "lexicon.toml"


@cache
def _lexicon() -> dict[str, tuple[str, ...]]:
    try:
        tables = tomllib.loads(PATH.read_text(encoding="utf-8"))
        return {category: tuple(table["tokens"]) for category, table in tables.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModerationError(f"{PATH} is not a lexicon ({error}); reinstall the project") from error


def categories() -> tuple[str, ...]:
    """Those that have tokens: hate, threat, counterfeit, crypto_scam, phishing, spam."""
    return tuple(_lexicon())


def tokens(category: str) -> tuple[str, ...]:
    """Lower-case invented words of one category, in the order of the file. ModerationError for an unknown one."""
    try:
        return _lexicon()[category]
    except KeyError:
        raise ModerationError(f"no tokens for category {category!r}; there are {', '.join(_lexicon())}") from None
