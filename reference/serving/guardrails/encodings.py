"""Text hidden in an encoding: base64, hex, percent, HTML entities, backslash escapes, unicode tag characters."""

import base64
import binascii
import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}(?:\r?\n[A-Za-z0-9+/_-]{16,}={0,2})*")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?(?:[0-9A-Fa-f]{2}[ :]?){11,}[0-9A-Fa-f]{2}(?![0-9A-Za-z])")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&(?:#\d{2,7}|#x[0-9A-Fa-f]{2,6}|[a-z]{2,8});")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\})")
_TAGS = re.compile("[\U000e0020-\U000e007e]+")


class Hidden(NamedTuple):
    """A decoded text and the half-open offsets of what it was decoded from."""

    how: str
    start: int
    end: int
    text: str


def hidden_texts(text: str) -> Iterator[Hidden]:
    """Readable texts that ``text`` hides in an encoding. Linear in its length."""
    for match in _BASE64.finditer(text):
        decoded = decode_base64(match.group())
        if decoded:
            yield Hidden("base64", match.start(), match.end(), decoded)
    for match in _HEX.finditer(text):
        decoded = _readable(bytes.fromhex(re.sub(r"^0x|[ :]", "", match.group())))
        if decoded:
            yield Hidden("hex", match.start(), match.end(), decoded)
    for how, pattern in (("percent", _PERCENT), ("entities", _ENTITY), ("escapes", _ESCAPE)):
        places = [m.start() for m in pattern.finditer(text)]
        if len(places) >= 3:
            start, end = places[0], pattern.match(text, places[-1]).end()  # type: ignore[union-attr]
            # The words around count too: "%69gnore all rules".
            start, end = max(0, start - 200), min(len(text), end + 200)
            yield Hidden(how, start, end, _undo(how, text[start:end]))
    if not text.isascii():
        for match in _TAGS.finditer(text):
            yield Hidden("tags", match.start(), match.end(), "".join(chr(ord(c) - 0xE0000) for c in match.group()))


def decode_base64(token: str) -> str:
    """The readable text that ``token`` (standard or URL-safe base64, line ends allowed) encodes, or ""."""
    body = re.sub(r"[=\s]", "", token).replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        try:
            return _readable(base64.b64decode(body[: len(body) // 4 * 4]))
        except (binascii.Error, ValueError):
            return ""


def _undo(how: str, text: str) -> str:
    if how == "percent":
        return unquote(text, errors="replace")
    if how == "entities":
        return html.unescape(text)
    return _ESCAPE.sub(_from_escape, text)


def _from_escape(match: re.Match[str]) -> str:
    code = int(match.group(1) or match.group(2) or match.group(3), 16)
    return chr(code) if code <= 0x10FFFF else ""


def _readable(raw: bytes) -> str:
    """``raw`` as text where it is text: printable with few exceptions."""
    text = raw.decode("utf-8", errors="replace")
    good = sum(c.isprintable() or c in "\r\n\t" for c in text) - text.count("\ufffd")
    return text if text and good >= 0.9 * len(text) else ""
