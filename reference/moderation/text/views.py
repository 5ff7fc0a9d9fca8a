"""Two views of a text. The plain one keeps every script; the folded one undoes disguises and damages other scripts.

Plain: NFKC, casefold, one space between words. Folded: right-to-left overrides undone, then disarm's
`strip_obfuscation` (confusables of Unicode TR39, zero-width, zalgo, circled and squared letters, accents), then what it
leaves alone: single letters held apart ("z.o.r g-l e"), digits and signs for letters ("z0rgl3"), stretching
("zorrrgle"). Folding turns Cyrillic words into Latin look-alikes, so nobody may match on the folded view alone.

Whether an ASCII text needs folding at all is decided for a whole batch with numpy: most do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

MAX_CHARACTERS = 50_000  # more of a text is not read; the post goes to a person
_ROUNDS = 8  # folding is repeated until it changes nothing; two rounds suffice for all but built cases

_SURROGATE = re.compile("[\ud800-\udfff]")
_OVERRIDE = re.compile("[\u202e\u2067]([^\u202a-\u202e\u2066-\u2069]*)[\u202c\u2069]?")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
_APART = r"[ .\-_*~'`\"/\\|,;:+=^\u00b7\u2022\u2026]"
_SINGLES = re.compile(rf"(?<![^\W_])(?:[^\W_]|[@$]){_APART}{{1,3}}(?:(?:[^\W_]|[@$!]){_APART}{{1,3}})+[^\W_](?![^\W_])")
_SEPARATOR = re.compile(_APART)
_LEET = str.maketrans("01345789@$!|+\u20ac\u00a3\u00a7\u00a2", "oieastbgasiitelsc")
_LEET_RUN = "[013-57-9@$\u20ac\u00a3\u00a7\u00a2]"  # may stand at the end of a word; "!", "|" and "+" only inside
_LEET_TOKEN = re.compile(
    rf"(?<![a-z0-9@$])(?:[a-z](?:[a-z]|{_LEET_RUN}|[!|+](?=[a-z0-9@$]))*|[013-57-9$][a-z0-9@$!|+\u20ac\u00a3]*[a-z0-9@$])"
)
_QUANTITY = re.compile(r"\$?\d+[a-z]{0,2}$|[a-z]{1,2}\d+$")  # 5kg, 24h, 2nd, $5m, mp3, v2
_PARENTHESISED = {0x249C + number: chr(97 + number) for number in range(26)}  # NFKC would make "(a)" of it
_STRETCH = re.compile(r"([^\W\d_])\1{2,}")
_LETTER, _LEET_CLASS, _CONTROL_CLASS, _WORD = 1, 2, 4, 8


def readable(text: str | bytes) -> tuple[str, str]:
    """(the text as far as it can be read, what is wrong with it): invalid bytes and surrogates become U+FFFD.

    The second part is empty for a sound text, else one sentence that goes into an UNREADABLE finding.
    """
    problem = ""
    if isinstance(text, bytes):
        data = text
        text = data.decode("utf-8", "replace")
        if text.encode("utf-8") != data:
            problem = "The text is not valid UTF-8."
    if len(text) > MAX_CHARACTERS:
        text, problem = text[:MAX_CHARACTERS], f"The text is longer than {MAX_CHARACTERS:,} characters."
    if not text.isascii() and _SURROGATE.search(text):
        text, problem = _SURROGATE.sub("\ufffd", text), "The text holds bytes or surrogates that are not characters."
    return text, problem


def plain_view(text: str) -> str:
    """NFKC and casefold, white space collapsed. Never raises; idempotent."""
    if text.isascii():
        return " ".join(text.lower().split())
    # Casefold can leave a text that NFKC would change again, and the other way round.
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    for _ in range(_ROUNDS):
        again = unicodedata.normalize("NFKC", once.casefold())
        if again == once:
            break
        once = again
    return " ".join(once.split())


def folded_view(text: str) -> str:
    """The text with disguises undone. Never raises; idempotent."""
    folded = _fold_once(text)
    if folded == text:
        return folded
    for _ in range(_ROUNDS):
        again = _fold_once(folded)
        if again == folded:
            break
        folded = again
    return folded


def views(texts: Sequence[str]) -> list[tuple[str, str]]:
    """(plain, folded) of every text; the two are the same object where folding changes nothing."""
    plain = [plain_view(text) for text in texts]
    suspects = _suspects(plain)
    result = []
    for index, (text, view) in enumerate(zip(texts, plain, strict=True)):
        # Overrides and controls are gone from nothing yet, so folding starts from the text as it came.
        if index not in suspects and text.isascii():
            result.append((view, view))
            continue
        folded = folded_view(view if text.isascii() else text)
        result.append((view, view if folded == view else folded))
    return result


def _fold_once(text: str) -> str:
    if not text.isascii():
        from disarm import strip_obfuscation

        text = _OVERRIDE.sub(lambda match: match[1][::-1], text)
        text = text.translate(_PARENTHESISED)
        text = strip_obfuscation(_SURROGATE.sub("\ufffd", text))
        text = unicodedata.normalize("NFKC", text)
    text = " ".join(_CONTROL.sub("", text).casefold().split())
    text = _SINGLES.sub(_join_singles, text)
    text = _LEET_TOKEN.sub(_unleet, text)
    return _STRETCH.sub(r"\1", text)


def _join_singles(match: re.Match[str]) -> str:
    letters = _SEPARATOR.sub("", match[0])
    if sum(map(str.isalpha, letters)) * 2 <= len(letters):
        return match[0]
    if len(letters) > 3 and match[0][:2] in ("a ", "i "):  # "you are a z o r g l e": these two are words
        return f"{letters[0]} {letters[1:]}"
    return letters


def _unleet(match: re.Match[str]) -> str:
    token = match[0]
    if token.isalpha() or not any("a" <= character <= "z" for character in token) or _QUANTITY.match(token):
        return token
    return token.translate(_LEET)


@cache
def _classes() -> Any:
    """uint8[256]: what each ASCII character can mean for folding."""
    import numpy as np

    table = np.zeros(256, np.uint8)
    for code in range(128):
        character = chr(code)
        if character.isalpha():
            table[code] = _LETTER | _WORD
        elif character.isdigit():
            table[code] = _WORD
        if character in "013457890@$!|+":
            table[code] |= _LEET_CLASS
        if character in "@$":
            table[code] |= _WORD
        if code < 32 or code == 127:
            table[code] |= _CONTROL_CLASS
    table[ord("\n")] = 0
    return table


def _suspects(plain: Sequence[str]) -> set[int]:
    """Indexes of ASCII views that folding may change; a superset, found without a loop over characters."""
    import numpy as np

    if not plain:
        return set()
    # Lengths in bytes must equal lengths in characters; what is not ASCII is folded anyway.
    safe = [view if view.isascii() else "" for view in plain]
    joined = "\n".join(safe) + "\n\n\n\n\n"
    codes = np.frombuffer(joined.encode("ascii"), np.uint8)
    kinds = _classes()[codes]
    letter = (kinds & _LETTER) != 0
    leet = (kinds & _LEET_CLASS) != 0
    word = (kinds & _WORD) != 0
    flags = (kinds & _CONTROL_CLASS) != 0
    same = (codes[1:] == codes[:-1]) & letter[1:]
    flags[2:] |= same[1:] & same[:-1]
    flags[1:] |= leet[1:] & letter[:-1]
    flags[:-1] |= leet[:-1] & letter[1:]
    single = word.copy()
    single[1:] &= ~word[:-1]
    single[:-1] &= ~word[1:]
    for distance in (2, 3, 4):
        flags[:-distance] |= single[:-distance] & single[distance:]
    ends = np.cumsum(np.fromiter((len(view) + 1 for view in safe), np.int64, len(safe)))
    hits = np.searchsorted(ends, np.flatnonzero(flags), side="right")
    return set(hits.tolist())
