"""One entrance for all formats."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from reference.rag.parsing import sniffing
from reference.rag.parsing.limits import DEFAULT_LIMITS, Limits, Unparsable, megabytes
from reference.rag.parsing.outline import Outline, one_line
from reference.rag.types import PUBLIC, Document

_LONGEST_TITLE = 200  # characters


def parse(
    data: bytes,
    name: str,
    *,
    collection: str = "",
    licence: str = "",
    source: str = "",
    tenant: str = PUBLIC,
    id: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Document:
    """A document from the bytes of a file.

    The kind follows from the content; `name` (a path or file name) decides only where content leaves it open. A .gz is
    unpacked first. The title is the document's own, else its first heading, else the file's name.

    Args:
        id: stable name within the tenant; without it `collection/name`, or `name` if there is no collection.
        source: where a reader finds the file; `name` if empty.

    Raises:
        Unparsable: empty, too large, encrypted, truncated, binary, without text. No other error escapes for any bytes.
    """
    if not data:
        raise Unparsable(name, "is empty (0 bytes)")
    if len(data) > limits.bytes:
        raise Unparsable(
            name, f"has {megabytes(len(data))}; the limit is {megabytes(limits.bytes)}: split it, or raise Limits.bytes"
        )
    content, inner_name = sniffing.decompressed(data, name, limits)
    if not content.strip():
        raise Unparsable(name, "has no text in it")
    kind, own_title, outline = _read(content, inner_name, limits)
    title = one_line(own_title) or outline.first_heading or _title_of_name(inner_name)
    sections = outline.sections(title[:_LONGEST_TITLE].rstrip())
    if not sections:
        raise Unparsable(name, "has no text in it" + (" (scanned pages?): run OCR first" if kind == "pdf" else ""))
    return Document(
        id=id if id is not None else (f"{collection}/{name}" if collection else name),
        title=sections[0].path[0],
        kind=kind,
        source=source or name,
        sections=sections,
        sha256=hashlib.sha256(data).hexdigest(),
        collection=collection,
        licence=licence,
        tenant=tenant,
    )


def _read(content: bytes, name: str, limits: Limits) -> tuple[str, str, Outline]:
    """Kind, the document's own title (may be empty) and its outline."""
    kind = sniffing.kind_by_magic(content, name)
    if kind == sniffing.PDF:
        from reference.rag.parsing.from_pdf import read_pdf

        return kind, *read_pdf(content, name, limits)
    text = sniffing.decode(content, name, html=kind == sniffing.HTML)
    kind = kind or sniffing.kind_of_text(text, name)
    if kind == sniffing.HTML:
        from reference.rag.parsing.from_html import read_html

        return kind, *read_html(text, name)
    if kind == sniffing.MARKDOWN:
        from reference.rag.parsing.from_markdown import read_markdown

        return kind, *read_markdown(text)
    if kind == sniffing.MAN:
        from reference.rag.parsing.from_man import read_man

        return kind, *read_man(text, name)
    if kind == sniffing.POD:
        from reference.rag.parsing.from_pod import read_pod

        return kind, *read_pod(text)
    from reference.rag.parsing.from_text import read_text

    return kind, *read_text(text)


def parse_file(
    path: Path,
    *,
    collection: str = "",
    licence: str = "",
    tenant: str = PUBLIC,
    id: str | None = None,
    name: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> Document:
    """`parse` of a file on disk; its size is checked before it is read. An unreadable file raises Unparsable."""
    shown = name or path.name
    try:
        size = path.stat().st_size
        if size > limits.bytes:
            raise Unparsable(
                shown, f"has {megabytes(size)}; the limit is {megabytes(limits.bytes)}: split it, or raise Limits.bytes"
            )
        data = path.read_bytes()
    except OSError as error:
        raise Unparsable(shown, f"cannot be read ({error.strerror or error})") from error
    return parse(
        data, shown, collection=collection, licence=licence, source=str(path), tenant=tenant, id=id, limits=limits
    )


def _title_of_name(name: str) -> str:
    stem = re.sub(r"\.\w{1,8}$", "", name.rsplit("/", 1)[-1])
    return one_line(re.sub(r"[_-]+", " ", stem)) or name or "untitled"
