"""Cut a patch into one section per file, so that a broken one does not take the others with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_HEADERS = {
    b"old mode ": "old_mode",
    b"new mode ": "new_mode",
    b"new file mode ": "new_file",
    b"deleted file mode ": "deleted",
    b"rename from ": "rename_from",
    b"rename to ": "rename_to",
    b"copy from ": "copy_from",
    b"copy to ": "copy_to",
    b"index ": "index",
}
_BODY = (b" ", b"+", b"-", b"\\")


@dataclass(slots=True)
class Section:
    """What stands in a patch about one file, raw.

    Attributes:
        line: in the patch, from 1, where it starts.
        git: the rest of the `diff --git` line; None in a plain unified diff.
        headers: git's extended header lines by name ("rename_from", "new_file" ...).
        source, target: the rest of the `--- ` and `+++ ` lines.
        body: hunk headers and lines, without "\\n".
        changed: lines added or removed.
        longest: bytes of the longest body line.
        broken: what is wrong with it, with the line number; empty if nothing is.
    """

    line: int
    git: bytes | None = None
    headers: dict[str, bytes] = field(default_factory=dict)
    source: bytes | None = None
    target: bytes | None = None
    body: list[bytes] = field(default_factory=list)
    hunks: int = 0
    changed: int = 0
    longest: int = 0
    binary: bool = False
    combined: bool = False
    broken: str = ""


def sections(lines: list[bytes], stray: list[int]) -> Iterator[Section]:
    """Sections in order. Numbers of hunk headers that belong to no file are put into `stray`.

    A patch that a mail program gave CRLF ends has them in the header lines, too: they are dropped there, and
    `carriage_returns` tells such a patch from one about a file with CRLF ends.
    """
    current: Section | None = None
    at, last = 0, len(lines)
    in_header = after_hunk = False
    while at < last:
        raw = lines[at]
        line = raw.rstrip(b"\r")
        if line.startswith(b"diff --git ") or line.startswith((b"diff --cc ", b"diff --combined ")):
            if current:
                yield current
            current = Section(at + 1, git=line[11:], combined=not line.startswith(b"diff --git "))
            in_header, after_hunk = True, False
        elif line.startswith(b"--- ") and at + 1 < last and lines[at + 1].startswith(b"+++ "):
            if not in_header or current is None or current.source is not None:
                if current:
                    yield current
                current = Section(at + 1)
            current.source, current.target = line[4:], lines[at + 1].rstrip(b"\r")[4:]
            in_header, after_hunk = True, False
            at += 1
        elif line.startswith(b"@@ "):
            if current is None or (current.source is None and not current.combined):
                stray.append(at + 1)
            else:
                at = _hunk(lines, at, current)
                in_header, after_hunk = False, True
                continue
        elif after_hunk and line.startswith(_BODY) and line not in (b"--", b"-- "):
            assert current is not None
            current.broken = current.broken or f"line {at + 1}: more lines than the hunk's header counts"
            after_hunk = False
        elif line.startswith((b"Binary files ", b"Binary file ")) and line.endswith((b" differ", b" has changed")):
            if current is None or not in_header:
                if current:
                    yield current
                current = Section(at + 1)
                both = re.fullmatch(rb"Binary files (.+) and (.+) differ", line)
                current.source, current.target = both.groups() if both else (line[12:], line[12:])
            current.binary, in_header = True, False
        elif in_header and current is not None and line == b"GIT binary patch":
            current.binary, in_header = True, False
        elif in_header and current is not None:
            for start, name in _HEADERS.items():
                if line.startswith(start):
                    current.headers[name] = line[len(start) :]
                    break
        else:
            after_hunk = False
        at += 1
    if current:
        yield current


def _hunk(lines: list[bytes], at: int, section: Section) -> int:
    """Takes one hunk into the section; returns where the next line to read stands."""
    found = _HUNK.match(lines[at])
    if section.combined or not found:
        section.broken = section.broken or (f"line {at + 1}: not a hunk header" if not section.combined else "")
        return at + 1
    start, old, new = at, *(int(found[group]) if found[group] is not None else 1 for group in (2, 4))
    if not old + new:
        section.broken = section.broken or f"line {at + 1}: a hunk without lines"
        return at + 1
    body, changed, longest = section.body, 0, 0
    body.append(lines[at])
    at += 1
    while (old > 0 or new > 0) and at < len(lines):
        line = lines[at]
        kind = line[:1]
        if kind == b"+":
            new -= 1
            changed += 1
        elif kind == b"-":
            old -= 1
            changed += 1
        elif kind in (b" ", b"", b"\r"):  # mail programs strip the blank of an empty context line
            if kind == b"" and at == len(lines) - 1:
                break  # what follows the last line's end is no line
            old -= 1
            new -= 1
        elif kind != b"\\":
            break
        if old < 0 or new < 0:
            break
        body.append(line)
        longest = max(longest, len(line))
        at += 1
    if old < 0 or new < 0:
        section.broken = section.broken or f"line {at + 1}: the lines do not match the counts of the hunk's header"
    elif old or new:
        section.broken = section.broken or f"line {start + 1}: the hunk is cut short at line {at + 1}"
    elif at < len(lines) and lines[at].startswith(b"\\"):
        body.append(lines[at])
        at += 1
    section.hunks += 1
    section.changed += changed
    section.longest = max(section.longest, longest)
    return at


def carriage_returns(lines: list[bytes]) -> bool:
    """Whether the patch itself was given CRLF ends: its header lines have them."""
    heads = [line for line in lines if line.startswith((b"diff --git ", b"+++ ", b"@@ -"))]
    return bool(heads) and all(line.endswith(b"\r") for line in heads)
