"""PDF through pypdfium2: the document's bookmarks are its outline; without bookmarks every page is a section."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from reference.rag.parsing.limits import Limits, Unparsable
from reference.rag.parsing.outline import Outline, clean_block, one_line, words

_PDFIUM = threading.Lock()  # PDFium is not safe for threads
_PASSWORD_ERROR, _SECURITY_ERROR = 4, 5  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_END_MARK_WITHIN = 2048  # bytes before the end in which readers look for %%EOF
_HYPHENS = "\x02\ufffe"  # how PDFium gives back a hyphen at a line's end
_FEWEST_PAGES_FOR_FURNITURE = 4


@dataclass(frozen=True)
class _Bookmark:
    level: int
    title: str
    page: int  # 0-based


def read_pdf(data: bytes, name: str, limits: Limits) -> tuple[str, Outline]:
    """Title of the metadata (may be empty) and the outline.

    Raises Unparsable: encrypted, truncated, damaged, more pages than the limit.
    """
    if b"%%EOF" not in data[-_END_MARK_WITHIN:]:
        raise Unparsable(name, "truncated PDF (no end mark %%EOF): download or copy it again")
    import pypdfium2

    with _PDFIUM:
        try:
            pdf = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise Unparsable(name, _reason(error)) from error
        try:
            count = len(pdf)
            if count > limits.pages:
                raise Unparsable(
                    name, f"has {count:,} pages; the limit is {limits.pages:,}: split it, or raise Limits.pages"
                )
            title = one_line(pdf.get_metadata_value("Title") or "")
            bookmarks = _bookmarks(pdf, count)
            pages = [_page_lines(pdf, number) for number in range(count)]
        except pypdfium2.PdfiumError as error:
            raise Unparsable(name, _reason(error)) from error
        finally:
            pdf.close()
    _drop_furniture(pages)
    outline = Outline()
    if bookmarks:
        _read_by_bookmarks(pages, bookmarks, outline)
    else:
        for number, lines in enumerate(pages, 1):
            outline.heading(1, f"page {number}")
            _add(outline, lines)
    return _sound_title(title, pages), outline


def _reason(error: Any) -> str:
    code = getattr(error, "err_code", None)
    if code in (_PASSWORD_ERROR, _SECURITY_ERROR):
        return "is an encrypted PDF: save a copy without the password"
    return f"is a damaged PDF ({error}): download or export it again"


def _bookmarks(pdf: Any, pages: int) -> list[_Bookmark]:
    """Bookmarks that lead to a page, in its order; one that points back is put on the last one's page."""
    found: list[_Bookmark] = []
    for bookmark in pdf.get_toc(max_depth=10):
        destination = bookmark.get_dest()
        page = destination.get_index() if destination is not None else None
        title = one_line(bookmark.get_title())
        if page is None or not title or not 0 <= page < pages:
            continue
        if found:
            page = max(page, found[-1].page)
        found.append(_Bookmark(bookmark.level + 1, title, page))
    return found


def _page_lines(pdf: Any, number: int) -> list[str]:
    """Lines of a page; words split at a line's end are joined. A page that cannot be read has none."""
    import pypdfium2

    try:
        page = pdf[number]
        text = page.get_textpage().get_text_bounded()
    except pypdfium2.PdfiumError:
        return []
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(f"[{_HYPHENS}]\n?", "", text)
    return [line.rstrip() for line in text.split("\n")]


def _drop_furniture(pages: list[list[str]]) -> None:
    """Removes first and last lines that more than half of the pages share, page numbers aside."""
    if len(pages) < _FEWEST_PAGES_FOR_FURNITURE:
        return
    for position in (0, -1):
        keys = Counter(re.sub(r"\d+", "#", lines[position].strip()) for lines in pages if lines)
        common = {key for key, count in keys.items() if key and count > len(pages) / 2}
        for lines in pages:
            if lines and re.sub(r"\d+", "#", lines[position].strip()) in common:
                del lines[position]


def _read_by_bookmarks(pages: list[list[str]], bookmarks: list[_Bookmark], outline: Outline) -> None:
    """Cuts the pages where the bookmarks' titles stand; one whose title is not found begins at the top of its page."""
    waiting = list(reversed(bookmarks))
    for number, lines in enumerate(pages):
        start = 0
        while waiting and waiting[-1].page == number:
            mark = waiting.pop()
            at, used = _find_title(lines, mark.title, start)
            _add(outline, lines[start:at])
            outline.heading(mark.level, mark.title)
            start = at + used
        _add(outline, lines[start:])


def _find_title(lines: list[str], title: str, start: int) -> tuple[int, int]:
    """(index, lines used) of the heading at or after `start`; (start, 0) if the page does not show it.

    The printed heading may carry a number and may be broken over up to three lines.
    """
    wanted = words(title)
    if not wanted:
        return start, 0
    for index in range(start, len(lines)):
        seen: list[str] = []
        for used in range(1, min(3, len(lines) - index) + 1):
            seen += words(lines[index + used - 1])
            if seen == wanted or (len(seen) > len(wanted) and _unnumbered(seen) == _unnumbered(wanted)):
                return index, used
            if len(seen) > len(wanted) + 6:
                break
    return start, 0


def _unnumbered(found: list[str]) -> list[str]:
    """Without "Chapter 2", "2.1" or "A.3" in front, as words."""
    rest = found[1:] if found and found[0] in ("chapter", "appendix", "part", "section") else found
    while rest and (rest[0].isdigit() or (len(rest[0]) == 1 and len(rest) > 1 and rest[1].isdigit())):
        rest = rest[1:]
    return rest or found


def _add(outline: Outline, lines: list[str]) -> None:
    """Blocks of a run of lines: PDFium marks a paragraph's end by an empty line at most."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            outline.block(clean_block("\n".join(block)))
            block = []


def _sound_title(title: str, pages: list[list[str]]) -> str:
    """Metadata often hold a file name or "untitled"; then the first line of the first page is better."""
    if title and not re.search(r"(?i)untitled|microsoft word|\.(?:dvi|docx?|tex|indd|pdf|odt)$", title):
        return title
    first = next((line.strip() for line in (pages[0] if pages else []) if re.search(r"[^\W\d]{2}", line)), "")
    return first if len(first) <= 120 else ""
