"""What an image file says about itself, read from its structure before any decoder sees it.

Size, number of frames, and where the image ends: a decompression bomb is refused by its header, and bytes behind the
end (an archive, a page, a second picture) are found instead of ignored.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from reference.moderation.types import ModerationError

JPEG_SCANS = 64  # progressive files have about ten; thousands of tiny scans are a decompression bomb in time
HEAD = 64 * 1024
_MARKUP = re.compile(rb"<script|<html|<!doctype html|<\?php|<iframe", re.IGNORECASE)
_KINDS = ((b"PK", "a zip archive"), (b"%PDF", "a PDF"), (b"Rar!", "a rar archive"), (b"7z\xbc\xaf", "a 7z archive"),
          (b"MZ", "a program"), (b"\x7fELF", "a program"), (b"\xff\xd8\xff", "a JPEG"), (b"\x89PNG", "a PNG"),
          (b"GIF8", "a GIF"), (b"\x00\x00\x00\x18ftyp", "a video"), (b"RIFF", "a RIFF file"))  # fmt: skip


class UnreadableError(ModerationError):
    """The medium cannot be judged as it is; the message is the reason that a reviewer reads."""


@dataclass(frozen=True, slots=True)
class Header:
    """Attributes:
    format: Pillow's name: JPEG, PNG, GIF, WEBP, BMP.
    width, height: pixels, the largest that any frame claims.
    frames: as counted; 1 for a still image.
    parts: (start, end) of each complete image in the file; several only for JPEGs laid behind one another (MPO).
    """

    format: str
    width: int
    height: int
    frames: int
    parts: tuple[tuple[int, int], ...]


def read_header(data: bytes) -> Header:
    """Raises UnreadableError: empty, unknown format, truncated, broken, or more than one file in one."""
    if not data:
        raise UnreadableError("the file is empty")
    walk = next((walk for magic, walk in _WALKS if data.startswith(magic)), None)
    if walk is None:
        raise UnreadableError("not a JPEG, PNG, GIF, WebP or BMP image")
    try:
        header = walk(data)
    except (struct.error, IndexError):
        raise UnreadableError("the file is truncated") from None
    if header.width < 1 or header.height < 1:
        raise UnreadableError("the image has no pixels")
    _refuse_company(data, header.parts[-1][1])
    return header


def _refuse_company(data: bytes, end: int) -> None:
    """Nothing but padding may follow the image, and no second format may hide inside it."""
    tail = data[end:].lstrip(b"\0\r\n ")
    if tail:
        kind = next((name for magic, name in _KINDS if tail.startswith(magic)), "")
        if not kind and _MARKUP.search(tail[:HEAD]):
            kind = "a page or script"
        suffix = f": {kind}" if kind else ""
        raise UnreadableError(f"{len(data) - end} bytes follow the end of the image{suffix}")
    # A zip is read from its end: its directory may lie in a comment of the image and still be valid.
    at = data.rfind(b"PK\x05\x06")
    if 0 <= at <= len(data) - 22:
        entries, size, offset = struct.unpack_from("<HII", data, at + 10)
        directory = at - size
        if entries and directory >= 0 and data.startswith(b"PK\x01\x02", directory) and offset <= directory:
            raise UnreadableError("the image is a zip archive as well")
    if b"%PDF-" in data[:1024]:
        raise UnreadableError("the image is a PDF as well")
    if _MARKUP.search(data, 0, HEAD):
        raise UnreadableError("the image carries a page or script")


def _jpeg(data: bytes) -> Header:
    parts: list[tuple[int, int]] = []
    width = height = at = 0
    while data.startswith(b"\xff\xd8\xff", at):
        begun = at
        at, one_width, one_height = _one_jpeg(data, at)
        width, height = max(width, one_width), max(height, one_height)
        parts.append((begun, at))
        while data.startswith(b"\0", at):  # phones align the second picture
            at += 1
    return Header("JPEG", width, height, len(parts), tuple(parts))


_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _one_jpeg(data: bytes, at: int) -> tuple[int, int, int]:
    """(end, width, height) of the JPEG that begins at `at`."""
    at += 2
    width = height = scans = 0
    while True:
        if at + 2 > len(data):
            raise UnreadableError("the file is truncated")
        if data[at] != 0xFF:
            raise UnreadableError("the JPEG's segments are broken")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0xD9:
            return at + 2, width, height
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            if length < 2:
                raise UnreadableError("the JPEG's segments are broken")
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                one_height, one_width = struct.unpack_from(">HH", data, at + 5)
                width, height = max(width, one_width), max(height, one_height)
            at += 2 + length
            if marker == 0xDA:
                scans += 1
                if scans > JPEG_SCANS:
                    raise UnreadableError(f"the JPEG has more than {JPEG_SCANS} scans")
                found = _MARKER.search(data, at)
                if not found:
                    raise UnreadableError("the file is truncated")
                at = found.start()


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    at, frames, ended = 8, 1, False
    while not ended:
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise UnreadableError("the file is truncated")
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", data, at + 8)
        ended = kind == b"IEND"
        at += 12 + length
    return Header("PNG", width, height, max(frames, 1), ((0, at),))


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0), 0
    while True:
        kind = data[at]
        if kind == 0x3B:
            break
        if kind == 0x2C:
            left, top, one_width, one_height, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = max(width, left + one_width), max(height, top + one_height)
            frames += 1
            at += 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0) + 1
        elif kind == 0x21:
            at += 2
        else:
            raise UnreadableError("the GIF's blocks are broken")
        while data[at]:
            at += data[at] + 1
        at += 1
    if not frames:
        raise UnreadableError("the GIF has no frame")
    return Header("GIF", width, height, frames, ((0, at + 1),))


def _webp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 4)
    end = 8 + size
    if data[8:12] != b"WEBP":
        raise UnreadableError("not a JPEG, PNG, GIF, WebP or BMP image")
    if end > len(data):
        raise UnreadableError("the file is truncated")
    at, frames, width, height = 12, 0, 0, 0
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if kind == b"VP8X":
            width = 1 + int.from_bytes(data[body + 4 : body + 7], "little")
            height = 1 + int.from_bytes(data[body + 7 : body + 10], "little")
        elif kind == b"VP8 ":
            w, h = struct.unpack_from("<HH", data, body + 6)
            width, height = max(width, w & 0x3FFF), max(height, h & 0x3FFF)
        elif kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, body + 1)
            width, height = max(width, 1 + (bits & 0x3FFF)), max(height, 1 + (bits >> 14 & 0x3FFF))
        elif kind == b"ANMF":
            frames += 1
        at = body + length + (length & 1)
    return Header("WEBP", width, height, max(frames, 1), ((0, end),))


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 2)
    (kind,) = struct.unpack_from("<I", data, 14)
    if kind == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    if size > len(data):
        raise UnreadableError("the file is truncated")
    return Header("BMP", width, abs(height), 1, ((0, size if size > 26 else len(data)),))


_WALKS = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
    (b"BM", _bmp),
)

__all__ = ["Header", "JPEG_SCANS", "UnreadableError", "read_header"]
