"""What a file is, by its content first and its name second; and bytes into text."""

from __future__ import annotations

import codecs
import re
import zlib

from reference.rag.parsing.limits import Limits, Unparsable, megabytes

HTML, PDF, MARKDOWN, TEXT, MAN, POD = "html", "pdf", "markdown", "text", "man", "pod"

_HTML_START = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_HTML_TAGS = re.compile(rb"<(?:p|div|h[1-6]|table|ul|a|br|title)\b[^<>]*>", re.IGNORECASE)
_ROFF = re.compile(r"^[.'](?:TH|SH|SS|Dd|Dt|Sh|so)\s", re.MULTILINE)
_POD = re.compile(r"^=(?:head[1-6]|pod|encoding)\b", re.MULTILINE)
_MAN_NAME = re.compile(r"\.[1-9n][a-z0-9]*$", re.IGNORECASE)
_DECLARED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x80-\x9f\ufffd]")
_FEWEST_FOR_A_GUESS = 32  # bytes beyond ASCII
_MOST_CONTROL = 0.02  # share of control characters above which a file is not text
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive (or an office file, which is one): unpack or export it first"),
    (b"\x7fELF", "a program"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BZh", "bzip2 data: unpack it first"),
    (b"\xfd7zXZ", "xz data: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd data: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"%!PS", "PostScript: convert it to PDF first"),
    (b"{\\rtf", "RTF: export it as text or PDF first"),
    (b"\xd0\xcf\x11\xe0", "an old office file: export it as PDF first"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decompressed(data: bytes, name: str, limits: Limits) -> tuple[bytes, str]:
    """The content of a gzip file and the name without .gz; anything else as it is.

    At most one byte more than the limit is ever inflated. Raises Unparsable for a bomb, a broken or truncated stream,
    and gzip inside gzip.
    """
    if data[:2] != b"\x1f\x8b":
        return data, name
    pieces, rest, size = [], data, 0
    while rest[:2] == b"\x1f\x8b":  # a gzip file may have several members
        inflater = zlib.decompressobj(wbits=31)
        try:
            piece = inflater.decompress(rest, limits.bytes + 1 - size)
        except zlib.error as error:
            raise Unparsable(name, f"broken gzip data ({error})") from error
        pieces.append(piece)
        size += len(piece)
        if size > limits.bytes:
            raise Unparsable(
                name,
                f"{megabytes(len(data))} of gzip data unpack to more than the limit of {megabytes(limits.bytes)}",
            )
        if not inflater.eof:
            raise Unparsable(name, "truncated gzip data: the file ends before its content does")
        rest = inflater.unused_data
    content = b"".join(pieces)
    if content[:2] == b"\x1f\x8b":
        raise Unparsable(name, "gzip data inside gzip data: unpack it first")
    return content, re.sub(r"\.gz$", "", name, flags=re.IGNORECASE)


def kind_by_magic(data: bytes, name: str) -> str | None:
    """PDF or HTML if the first bytes say so, None for what may be text; Unparsable for known other formats."""
    if b"%PDF-" in data[:1024]:
        return PDF
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise Unparsable(name, f"is {what}")
    suffix = _suffix(name)
    if suffix == "pdf" and not _looks_textual(data):
        raise Unparsable(name, "is named .pdf but has no PDF header; download or export it again")
    if suffix in ("md", "markdown", "rst", "pod", "pm", "py", "txt") and not re.match(
        rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)", data[:4096], re.IGNORECASE | re.DOTALL
    ):
        return None  # they may quote HTML
    if _HTML_START.search(data[:4096]):
        return HTML
    if suffix in ("html", "htm", "xhtml", "shtml") and _HTML_TAGS.search(data[:20_000]):
        return HTML
    return None


def kind_of_text(text: str, name: str) -> str:
    """man, pod, markdown or text."""
    if _ROFF.search(text[:20_000]) and (_MAN_NAME.search(name) or re.match(r"(?:[.']|\s)", text)):
        return MAN
    suffix = _suffix(name)
    if suffix in ("pod", "pm", "pl") and _POD.search(text):
        return POD
    if re.match(r"\s*=(?:head[1-6]|pod|encoding)\b", text):
        return POD
    if suffix in ("md", "markdown", "mkd"):
        return MARKDOWN
    return TEXT


def decode(data: bytes, name: str, html: bool = False) -> str:
    """Bytes into text: byte order mark, valid UTF-8, the charset an HTML page declares, mixed lines, then a guess.

    A file of which some lines are UTF-8 and others are not is decoded line by line, the others as Windows-1252.
    Raises Unparsable if what comes out is no text.
    """
    text = _decode(data, html)
    if not text.strip():
        raise Unparsable(name, "has no text in it")
    sample = text if len(text) < 200_000 else text[:100_000] + text[-100_000:]
    share = len(_CONTROL.findall(sample)) / len(sample)
    if share > _MOST_CONTROL:
        raise Unparsable(name, f"is binary data, not text ({share:.0%} of it control characters)")
    return text.replace("\x00", "")


def _decode(data: bytes, html: bool) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if wide := _utf16_without_mark(data):
        return data.decode(wide, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if html and (found := _DECLARED.search(data[:4096])):
        encoding = found[1].decode("ascii")
        try:
            return data.decode("cp1252" if encoding.lower() in ("iso-8859-1", "latin1", "us-ascii") else encoding)
        except (LookupError, UnicodeDecodeError):
            pass
    lines = data.split(b"\n")
    if any(_is_multibyte_utf8(line) for line in lines):
        return "\n".join(_decode_line(line) for line in lines)
    if sum(byte > 127 for byte in data[:500_000]) < _FEWEST_FOR_A_GUESS:
        return data.decode("cp1252", "replace")  # too little to tell by; what browsers assume
    from charset_normalizer import from_bytes

    best = from_bytes(data[:500_000]).best()
    return data.decode(best.encoding if best else "cp1252", "replace")


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _is_multibyte_utf8(line: bytes) -> bool:
    """Has characters beyond ASCII and is valid UTF-8: next to impossible by accident for more than one of them."""
    if line.isascii():
        return False
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return any(ord(character) > 127 for character in text)


def _utf16_without_mark(data: bytes) -> str:
    """Mostly Latin text in UTF-16: every second byte is zero."""
    sample = data[: 2 * (min(len(data), 4000) // 2)]
    if len(sample) < 4 or not sample.count(0):
        return ""
    half = len(sample) // 2
    if sample[1::2].count(0) > 0.7 * half and sample[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if sample[::2].count(0) > 0.7 * half and sample[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return ""


def _looks_textual(data: bytes) -> bool:
    return b"\x00" not in data[:4096]


def _suffix(name: str) -> str:
    return name.rsplit("/", 1)[-1].rpartition(".")[2].lower() if "." in name.rsplit("/", 1)[-1] else ""
