"""Ways in which authors disguise a word so that a person still reads it and a word list does not.

Each takes the word (ASCII letters) and a random source, and returns what is published in its place. All of them leave
the word readable to a person; `HARD_TRANSFORMS` misspell it, which no folding of characters can undo, so that they are
kept out of the evasion suite and of its claim.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from random import Random

Transform = Callable[[str, Random], str]

_LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7", "l": "1", "b": "8", "g": "9"}
_CYRILLIC = dict(zip("aceopxyijskhmtb", "асеорхуіјѕкһмтЬ", strict=True))
_GREEK = dict(zip("aoivunptxkye", "αοινυηρτχκγε", strict=True))
_SMALL_CAPS = dict(zip("abcdefghijklmnoprstuvwz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ", strict=True))
_MARKS = "\u0300\u0301\u0302\u0303\u0308\u030a\u030c"
_PILE = "\u0315\u031b\u0340\u0341\u0358\u0321\u0322\u0327\u0328\u0334\u0335\u0336\u034f\u0489\u0317\u0318\u0319"


def _mapped(word: str, table: Mapping[str, str], rng: Random, share: float = 1.0) -> str:
    """Every letter of the table replaced with chance `share`, at least one of them."""
    sites = [k for k, letter in enumerate(word) if letter.lower() in table]
    chosen = {k for k in sites if rng.random() < share} or set(sites[:1])
    return "".join(rng.choice(table[c.lower()]) if k in chosen else c for k, c in enumerate(word))


def _shifted(word: str, lower: int) -> str:
    """Letters a-z mapped to a block of 26 code points that starts at `lower`."""
    return "".join(chr(lower + ord(c) - 97) if "a" <= c <= "z" else c for c in word.lower())


def _named(word: str, name: str) -> str:
    """Letters by their Unicode names, since some alphabets of mathematics have holes in their block."""
    found = []
    for letter in word.lower():
        try:
            found.append(unicodedata.lookup(f"MATHEMATICAL {name} SMALL {letter.upper()}"))
        except KeyError:
            found.append(letter)
    return "".join(found)


def _joined(word: str, separators: str, rng: Random) -> str:
    return rng.choice(separators).join(word)


def _between(word: str, marks: str, rng: Random) -> str:
    return (
        word[0]
        + "".join((rng.choice(marks) if k == 1 or rng.random() < 0.5 else "") + c for k, c in enumerate(word))[1:]
    )


def _stretched(word: str, rng: Random) -> str:
    k = rng.randrange(1, len(word))
    return word[:k] + word[k] * rng.randrange(3, 7) + word[k + 1 :]


def _mixed(word: str, rng: Random) -> str:
    found = _mapped(word, _CYRILLIC, rng, 0.5)
    return _between(found, "\u200b\u2060\u00ad", rng)


def _split(word: str, rng: Random) -> str:
    k = rng.randrange(2, max(3, len(word) - 1))
    return word[:k] + " " + word[k:]


TRANSFORMS: Mapping[str, Transform] = {
    "upper_case": lambda w, r: w.upper(),
    "mixed_case": lambda w, r: "".join(c.upper() if k % 2 else c for k, c in enumerate(w)),
    "leet": lambda w, r: _mapped(w, _LEET, r, 0.7),
    "confusables_cyrillic": lambda w, r: _mapped(w, _CYRILLIC, r, 0.6),
    "confusables_greek": lambda w, r: _mapped(w, _GREEK, r, 0.5),
    "small_capitals": lambda w, r: _mapped(w, _SMALL_CAPS, r),
    "homoglyph_mix": _mixed,
    "separators_dots": lambda w, r: _joined(w, "..·•", r),
    "separators_marks": lambda w, r: _joined(w, "-_*|~", r),
    "separators_spaces": lambda w, r: " ".join(w),
    "inserted_space": _split,
    "stretching": _stretched,
    "doubled_letters": lambda w, r: "".join(c * 2 for c in w),
    "zero_width": lambda w, r: _between(w, "\u200b\u200c\u200d\u2060\ufeff", r),
    "soft_hyphen": lambda w, r: _between(w, "\u00ad", r),
    "zalgo": lambda w, r: "".join(c + "".join(r.choice(_MARKS + _PILE) for _ in range(4)) for c in w),
    "diacritics": lambda w, r: unicodedata.normalize(
        "NFC", "".join(c + (r.choice(_MARKS) if c in "aeioun" else "") for c in w)
    ),
    "fullwidth": lambda w, r: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in w),
    "circled": lambda w, r: _shifted(w, 0x24D0),
    "parenthesised": lambda w, r: _shifted(w, 0x249C),
    "squared": lambda w, r: _shifted(w, 0x1F130),
    "maths_bold": lambda w, r: _named(w, "BOLD"),
    "maths_script": lambda w, r: _named(w, "BOLD SCRIPT"),
    "maths_fraktur": lambda w, r: _named(w, "BOLD FRAKTUR"),
    "maths_double_struck": lambda w, r: _named(w, "DOUBLE-STRUCK"),
    "maths_monospace": lambda w, r: _named(w, "MONOSPACE"),
    "rtl_override": lambda w, r: "\u202e" + w[::-1] + "\u202c",
}


def _swapped(word: str, rng: Random) -> str:
    sites = [k for k in range(1, len(word) - 2) if word[k] != word[k + 1]] or [0]
    k = rng.choice(sites)
    return word[:k] + word[k + 1] + word[k] + word[k + 2 :]


def _dropped(word: str, rng: Random) -> str:
    k = rng.randrange(1, len(word) - 1)
    return word[:k] + word[k + 1 :]


HARD_TRANSFORMS: Mapping[str, Transform] = {"letters_swapped": _swapped, "letter_dropped": _dropped}


@cache
def _token_pattern() -> re.Pattern[str]:
    from reference.moderation.rules.lexicon import categories, tokens

    words = sorted({token for category in categories() for token in tokens(category)}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})", re.IGNORECASE)


def has_token(text: str) -> bool:
    """Whether a word of the lexicon stands in `text` undisguised."""
    return bool(_token_pattern().search(text))


def disguise(text: str, transform: str, rng: Random) -> str:
    """`text` with every word of the lexicon disguised by the named transform; KeyError for an unknown name."""
    function = TRANSFORMS[transform] if transform in TRANSFORMS else HARD_TRANSFORMS[transform]
    return _token_pattern().sub(lambda match: function(match.group(), rng), text)
