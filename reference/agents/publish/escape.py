"""Text of a change made harmless for Markdown: shown, never obeyed, never resolved.

GitHub resolves mentions, issue references and commit ids in the rendered text, after backslash escapes are gone, but
not inside code spans; other bots search the raw text of comments for their commands. So untrusted text goes into code
spans, on one line, and the characters that start a mention, a reference or a link are replaced by look-alikes.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter

VALUE_LIMIT = 120
HIDDEN = "\ufffd"  # stands for every character that a reader could not see
# Blank or zero-width although Unicode counts them as letters, marks or symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
_PART = re.compile(r"[A-Za-z0-9+/_=.~!$%^&*-]{8,}")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|[0-9]{1,6}(?:\.[0-9]{1,3})?%?")
_HEX = re.compile(r"[0-9a-fA-F]{7,}")


def visible(text: str, limit: int = VALUE_LIMIT) -> str:
    """One line of at most `limit` characters; one blank for many, U+FFFD for what cannot be seen, … for a cut."""
    shown = "".join(_seen(character) for character in text[: 4 * limit + 200])
    shown = re.sub(r" +", " ", shown).strip()
    shown = re.sub(f"{HIDDEN}+", HIDDEN, shown)
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def _seen(character: str) -> str:
    if character in " \t\r\n\v\f\x85\u2028\u2029":
        return " "
    kind = unicodedata.category(character)
    if kind[0] == "C" or character in _BLANK or _is_variation(character):
        return HIDDEN
    return " " if kind[0] == "Z" else character


def _is_variation(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef" or character == "\u180b"


def defanged(text: str) -> str:
    """No @, # before a word, :// or backtick: nothing that a renderer or a bot could take for a command."""
    text = text.replace("`", "'").replace("@", "＠").replace("://", "[:]//")
    text = re.sub(r"#(?=\w)", "＃", text)
    return re.sub(r"(www)\.", r"\1[.]", text, flags=re.IGNORECASE)


def code(text: str, limit: int = VALUE_LIMIT, *, secret: bool = False) -> str:
    """An inline code span. `secret`: the text stands beside a secret, so hide whatever may be one."""
    return f"`{code_inner(text, limit, secret=secret)}`"


def code_inner(text: str, limit: int = VALUE_LIMIT, *, secret: bool = False) -> str:
    """What may stand between the backticks of a code span; never empty."""
    shown = defanged(visible(without_secrets(text, secret=secret), limit)).strip()
    return shown or "(empty)"


def path_code(path: str, limit: int = 160) -> str:
    """A path in a code span; a long one loses its beginning, for the file's name says more."""
    shown = defanged(visible(path, 4096)).strip() or "(empty)"
    return f"`{shown if len(shown) <= limit else '…' + shown[-limit + 1 :]}`"


def prose(text: str, limit: int = 300) -> str:
    """A sentence made elsewhere: plain words stay as they are, everything else becomes a code span."""
    words = visible(without_secrets(text.replace("`", " "), secret=False), limit).split(" ")
    return " ".join(_word(word) for word in words if word)


def _word(word: str) -> str:
    parts = re.fullmatch(r"(\(?)(.*?)([.,;:!?]?\)?[.,;:]?)", word, re.DOTALL)
    assert parts is not None  # the middle takes everything
    before, middle, after = parts.groups()
    numbered = middle[:1].isdigit() and after  # "1." could begin a list
    if _WORD.fullmatch(middle) and not _HEX.fullmatch(middle) and not numbered:
        return word
    return f"{before}`{defanged(middle)}`{after}" if middle else f"`{defanged(word)}`"


def without_secrets(text: str, *, secret: bool) -> str:
    """Long random-looking words replaced by their length; with `secret`, shorter ones as well."""
    text = _TOKEN.sub(lambda found: _hide(found[0]) if _looks_random(found[0]) else found[0], text)
    if secret:
        text = _PART.sub(lambda found: _hide(found[0]) if _is_mixed(found[0]) else found[0], text)
    return text


def _hide(word: str) -> str:
    return f"(hidden: {len(word)} characters)"


def _is_mixed(word: str) -> bool:
    return bool(re.search(r"[0-9]", word) and re.search(r"[A-Za-z]", word))


def _looks_random(word: str) -> bool:
    if re.fullmatch(r"[0-9a-fA-F]{32,}", word):
        return True
    mixed = all(re.search(pattern, word) for pattern in ("[a-z]", "[A-Z]", "[0-9]"))
    return mixed and _entropy(word) >= 3.5


def _entropy(word: str) -> float:
    """Bits per character of the word's own distribution (Shannon)."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())
