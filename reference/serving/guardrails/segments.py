"""Cut a growing text into segments that can be checked one by one.

Whether a match lies in a stream must not depend on how the stream was chunked. So the text is cut at places that only
the text decides: most words stand alone, and words stay together where a match may span them (digit groups of a phone
number, a key's name and its value, the head of a private key). A segment is handed out as soon as nothing that may
still come can change it, and never grows past ``LIMIT`` characters.
"""

import re
from dataclasses import dataclass

from reference.serving.guardrails.folding import fold_text
from reference.serving.guardrails.secret_rules import SECRET_WORD_END

# A segment of LIMIT characters is checked as a window; the next window repeats its last OVERLAP characters.
LIMIT = 512
OVERLAP = 128

# White space and the scripts that are written without it: neither can be inside what the detectors look for.
_GAP_CHARS = r"\s\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
WORD = re.compile(f"[^{_GAP_CHARS}]+")
_GAP = re.compile(f"[{_GAP_CHARS}]+")
_SECRET_WORD = re.compile(SECRET_WORD_END, re.IGNORECASE)

_DIGIT = re.compile(r"\d")
_DIGITS_FIRST = re.compile(r"[+(]{0,2}\d")
_SHORT_UPPER = re.compile(r"[A-Z0-9]{1,4}")
_JOINERS = frozenset(("-", "/", ".", "(", ")", "+", "x", "ext", "ext."))
_AT_OR_DOT = re.compile(r"[(\[{<](?:at|@|arroba|dot|\.|punkt|punto)[)\]}>]", re.IGNORECASE)
# Words between a secret's name and its value.
_FILLERS = frozenset(
    re.findall(
        r"\S+",
        "is was = : := => -> == ist es est key token code value to for the my your now still set actually currently "
        "bearer basic number phrase account",
    )
)
_OPENING_QUOTE = re.compile(r"(?:^|[=:(])[\"'`]")
_MAX_QUOTED_WORDS = 8
_MAX_GAP = 8
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=]{16,}|(?:Proc-Type|DEK-Info|Version|Comment):")


@dataclass(slots=True)
class _Glue:
    """What the words of a segment so far ask for next."""

    value_in: int = 0  # words that may still come between a secret's name and its value, the value included
    quoted: int = 0  # words that a quoted value may still have
    quote: str = ""
    digits: bool = False
    pem_head: bool = False
    pem_body: bool = False
    number: bool = False  # the last word can go on as a number
    spelled: bool = False  # the last word is "(at)" or the like

    def add(self, raw: str) -> None:
        word = fold_text(raw)
        lower = word.lower()
        has_digit = _DIGIT.search(word) is not None
        self.digits = self.digits or has_digit
        joiner = lower in _JOINERS or (self.digits and _SHORT_UPPER.fullmatch(word) is not None)
        self.number = (has_digit or (joiner and self.digits) or lower in ("+", "(")) and (
            word[-1:] not in ",;:!?." or joiner
        )
        self.spelled = _AT_OR_DOT.fullmatch(lower) is not None
        self._follow_pem(word)
        self._follow_value(word, lower)

    def _follow_pem(self, word: str) -> None:
        if self.pem_body:
            self.pem_head = self.pem_body = False
        if "-----BEGIN" in word:
            self.pem_head = True
        if self.pem_head and word.endswith(("KEY-----", "BLOCK-----")):
            self.pem_body = True
        elif self.pem_head and not (word.isupper() or "-----BEGIN" in word):
            self.pem_head = False

    def _follow_value(self, word: str, lower: str) -> None:
        if self.quoted:
            self.quoted = 0 if self.quote in word else self.quoted - 1
            return
        named = _SECRET_WORD.search(word) is not None
        if named:
            self.value_in = 5
        elif self.value_in:
            filler = lower in _FILLERS or lower[-1:] in (":", "=") or lower.strip("*_\"'`:") in _FILLERS
            self.value_in = self.value_in - 1 if filler else 0
        opening = _OPENING_QUOTE.search(word)
        if opening and (named or self.value_in or lower[:1] in "\"'`"):
            self.quote = opening.group()[-1]
            closed = word.find(self.quote, opening.end()) >= 0
            self.quoted = 0 if closed else _MAX_QUOTED_WORDS

    @property
    def open(self) -> bool:
        """True where the next word, whatever it is, may have to stay with this one."""
        return bool(self.value_in or self.quoted or self.number or self.spelled or self.pem_head)

    def takes(self, raw: str) -> bool:
        """True where ``raw`` belongs to the segment."""
        word = fold_text(raw)
        lower = word.lower()
        if self.value_in or self.quoted or self.spelled or _AT_OR_DOT.fullmatch(lower):
            return True
        if self.pem_head:
            return self.pem_body is False or _PEM_BODY.match(word) is not None
        if self.number:
            return (
                _DIGITS_FIRST.match(word) is not None
                or lower in _JOINERS
                or (self.digits and _SHORT_UPPER.fullmatch(word) is not None)
            )
        return False


# Where a segment of interest may start: words without any of these have neither matches nor sticking neighbours. More
# than needed is harmless here, and plain searches for stems are much faster than one regex for all names.
_RISKY_CHARS = re.compile(
    r"[0-9@+]|[^\x20-\x7e\t\n\r]|-----|[(\[{<]\s{0,3}(?:at|@|arroba|dot|\.|punkt|punto)", re.IGNORECASE
)
_RISKY_STEMS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "bearer",
    "credential",
    "key",
    "authori",
    "contrase",
    "kennw",
    "senha",
    "pin",
)
_LONG_RUN = re.compile(r"[A-Za-z0-9+/_=-]{20}")


def risky_position(text: str, start: int, end: int) -> int | None:
    """A position in ``text[start:end]`` before which no word can match or stick to a neighbour; None for all of it."""
    char = _RISKY_CHARS.search(text, start, end)
    end = char.start() if char else end
    # Only ASCII is left before the first risky character, so lower case keeps the offsets.
    lower = text[start:end].lower()
    places = [at for stem in _RISKY_STEMS if (at := lower.find(stem)) >= 0]
    if any(len(word) >= 20 for word in lower.split()) and (run := _LONG_RUN.search(lower)):
        places.append(run.start())
    if places:
        return start + min(places)
    return end if char else None


def word_start(text: str, low: int, position: int) -> int:
    """Start, not before ``low``, of the word that ends at or goes on across ``position``."""
    while position > low and WORD.match(text[position - 1]):
        position -= 1
    return position


def next_cut(text: str, start: int, final: bool) -> int | None:
    """End of the segment of ``text`` that begins at ``start``, or None where more text is needed to tell.

    ``final`` says that no more text will come. A segment that reaches ``start + LIMIT`` ends there.
    """
    size = len(text)
    limit = start + LIMIT
    # No look goes past the limit: a text of one huge word must not be read again for each of its windows.
    horizon = min(size, limit + 1)
    gap = _GAP.match(text, start)
    if gap:
        return gap.end()
    glue = _Glue()
    position = start
    while True:
        word = WORD.match(text, position, horizon)
        end = word.end() if word else position
        if end >= limit:
            return limit
        if end == size:
            return end if final else None
        glue.add(text[position:end])
        after = _GAP.match(text, end, min(size, end + _MAX_GAP + 1))
        following = after.end() if after else end
        blank = text[end:following]
        if following - end > _MAX_GAP or not blank.isspace():
            return end
        if following == size:
            return end if final else None
        if following >= limit:
            return limit
        if not glue.open and ord(text[following]) < 128 and text[following] not in "([{<":
            return end
        word = WORD.match(text, following, horizon)
        next_end = word.end() if word else following
        if next_end >= limit:
            return limit
        if next_end == size and not final:
            return None
        if not glue.takes(text[following:next_end]):
            return end
        position = following
