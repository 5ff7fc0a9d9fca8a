"""Small PDF files written by hand, for tests of the parser."""

from __future__ import annotations

import hashlib


def pdf(pages: list[list[str]], bookmarks: list[tuple[str, int]] = (), title: str = "", locked: bool = False) -> bytes:
    """A PDF with one text line per string; `bookmarks`: (title, 0-based page). `locked`: needs a password to open."""
    first_page = 4 + len(bookmarks) + 1
    objects: dict[int, str] = {}
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    outline = "/Outlines 4 0 R /PageMode /UseOutlines" if bookmarks else ""
    objects[1] = f"<< /Type /Catalog /Pages 2 0 R {outline} >>"
    objects[2] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"
    objects[3] = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    if bookmarks:
        objects[4] = f"<< /Type /Outlines /First 5 0 R /Last {4 + len(bookmarks)} 0 R /Count {len(bookmarks)} >>"
    else:
        objects[4] = "<< >>"
    for n, (mark, page) in enumerate(bookmarks):
        number = 5 + n
        around = f"/Prev {number - 1} 0 R " if n else ""
        around += f"/Next {number + 1} 0 R" if n + 1 < len(bookmarks) else ""
        target = f"[{first_page + 2 * page} 0 R /Fit]"
        objects[number] = f"<< /Title ({escaped(mark)}) /Parent 4 0 R {around} /Dest {target} >>"
    for n, lines in enumerate(pages):
        number = first_page + 2 * n
        shown = " ".join(f"({escaped(line)}) Tj T*" for line in lines)
        content = f"BT /F1 11 Tf 14 TL 50 780 Td {shown} ET"
        objects[number] = (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {number + 1} 0 R >>"
        )
        objects[number + 1] = f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"
    extra = ""
    if title:
        objects[max(objects) + 1] = f"<< /Title ({escaped(title)}) >>"
        extra += f" /Info {max(objects)} 0 R"
    if locked:
        # Keys that no empty password opens: the file stays closed to a reader without one.
        owner, user = hashlib.sha256(b"owner").hexdigest(), hashlib.sha256(b"user").hexdigest()
        objects[max(objects) + 1] = f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{owner}> /U <{user}> >>"
        extra += f" /Encrypt {max(objects)} 0 R /ID [<{owner[:32]}> <{owner[:32]}>]"
    return _file(objects, extra)


def _file(objects: dict[int, str], extra: str) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = {}
    for number in sorted(objects):
        offsets[number] = len(out)
        out += f"{number} 0 obj\n{objects[number]}\nendobj\n".encode("latin-1")
    at = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for number in sorted(objects):
        out += f"{offsets[number]:010} 00000 n \n".encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{extra} >>\nstartxref\n{at}\n%%EOF\n".encode()
    return bytes(out)


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
