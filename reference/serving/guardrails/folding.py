"""Undo the unicode disguises of a text, and say where each folded character came from.

Compatibility forms (fullwidth, mathematical, circled) are decomposed, combining marks and invisible characters are
dropped, letters that look like Latin ones become Latin, every decimal digit becomes ASCII. Folding damages honest text
in other scripts ("привет"), so callers that match words look at the plain text as well.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# Anything else needs the slow path: control characters hide inside words too.
_NEEDS_FOLDING = re.compile(r"[^\t\n\r\x20-\x7e]")

_LOOKALIKES = (
    # Cyrillic
    "аaвbеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwкkмmтtнhгrпnиuьbАAВBЕEКKМMНHОOРPСCТTХXІIЈJЅSУYҮYԌGӀI"
    # Greek
    "αaβbεeιiκkνvοoρpτtυuχxηnγyωwσoΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX"
    # Armenian, Cherokee
    "օoոnսuցgհhզqյjԱUՍUՕOᎪAᏴBᏟCᎠDᎬEᏀGᎻHᎥiᏦKᏞLᎷMᏢPᎡRᏚSᎢTᏙVᏔWᏃZ"
    # small capitals, IPA, Latin letters with strokes
    "ᴀaʙbᴄcᴅdᴇeғfɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpǫqʀrꜱsᴛtᴜuᴠvᴡwʏyᴢzıiɡgɑaɩiʋvøoØOđdĐDłlŁLħhĦHŧtŦTƒfɇeɨiɉj"
)
_PUNCTUATION = '‐-‑-‒-–-—-―-−-⁄/∕/‘\'’\'‛\'“"”"«"»"„"′\'″"·.․.∙.'
_LOOKALIKE_OF = dict(zip(_LOOKALIKES[::2], _LOOKALIKES[1::2], strict=True))
_PUNCTUATION_OF = dict(zip(_PUNCTUATION[::2], _PUNCTUATION[1::2], strict=True))
# Letters of category Lo that print as nothing.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
# Squared and negative circled capitals and the regional indicators have no decomposition.
_CAPITAL_BLOCKS = ((0x1F150, 26), (0x1F170, 26), (0x1F1E6, 26), (0x1F130, 26))


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text; ``starts[i]:ends[i]`` is the part of the original that folded character ``i`` stands for."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of the folded characters ``start`` to ``end`` (half open, not empty)."""
        return self.starts[start], self.ends[end - 1]

    def index_at(self, original: int) -> int:
        """The first folded character that comes from ``original`` or later."""
        if isinstance(self.starts, range):
            return original
        low, high = 0, len(self.starts)
        while low < high:
            middle = (low + high) // 2
            if self.starts[middle] < original:
                low = middle + 1
            else:
                high = middle
        return low


def is_plain(text: str) -> bool:
    """True where folding changes nothing: printable ASCII, tabs and line ends."""
    return _NEEDS_FOLDING.search(text) is None


def fold(text: str) -> Folded:
    """The folded view of ``text``; case is kept, because secrets need it.

    A folded character's span takes in the marks and invisible characters that follow it, so that cutting the original
    at a span's ends never separates a letter from its accent.
    """
    if is_plain(text):
        return Folded(text, range(len(text)), range(1, len(text) + 1))
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for position, char in enumerate(text):
        folded = _fold_char(char)
        if not folded:
            if ends:
                ends[-1] = position + 1
            continue
        for one in folded:
            out.append(one)
            starts.append(position)
            ends.append(position + 1)
    # A character that decomposes into several: its accents belong to all of them.
    for i in range(len(ends) - 2, -1, -1):
        if starts[i] == starts[i + 1]:
            ends[i] = ends[i + 1]
    return Folded("".join(out), starts, ends)


def fold_text(text: str) -> str:
    """The folded view of ``text`` without the offsets."""
    return text if is_plain(text) else "".join(map(_fold_char, text))


def decomposed(text: str) -> str:
    """``text`` without compatibility forms, marks and invisible characters, every script kept as it is."""
    if is_plain(text):
        return text
    return "".join(map(_decompose_char, text))


@lru_cache(maxsize=16384)
def _decompose_char(char: str) -> str:
    if char in "\t\n\r":
        return char
    out = []
    for one in unicodedata.normalize("NFKD", char):
        category = unicodedata.category(one)
        if category in ("Mn", "Me", "Cf", "Cc") or one in _BLANK_LETTERS:
            continue
        out.append(str(unicodedata.decimal(one)) if category == "Nd" else one)
    return "".join(out)


@lru_cache(maxsize=16384)
def _fold_char(char: str) -> str:
    code = ord(char)
    for first, count in _CAPITAL_BLOCKS:
        if first <= code < first + count:
            return chr(ord("A") + code - first)
    if char in _PUNCTUATION_OF:
        return _PUNCTUATION_OF[char]
    return "".join(_LOOKALIKE_OF.get(c) or _PUNCTUATION_OF.get(c, c) for c in _decompose_char(char))
