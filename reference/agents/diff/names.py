"""File names of a patch: git's quoting undone, and names refused that could leave the tree."""

from __future__ import annotations

import re

_ESCAPES = {
    ord("a"): 7, ord("b"): 8, ord("t"): 9, ord("n"): 10, ord("v"): 11, ord("f"): 12, ord("r"): 13,
    ord('"'): 34, ord("\\"): 92,
}  # fmt: skip
_OCTAL = re.compile(rb"[0-3][0-7]{2}")
LONGEST = 1000


def unquoted(name: bytes) -> bytes:
    """A name as git writes it: `"a/\\303\\244.py"` -> the bytes of a/ä.py; one without quotes as it is.

    Raises:
        ValueError: the quotes are not closed or an escape is not one of git's.
    """
    if not name.startswith(b'"'):
        return name
    if len(name) < 2 or not name.endswith(b'"'):
        raise ValueError("a quoted name is not closed")
    inside, made, at = name[1:-1], bytearray(), 0
    while at < len(inside):
        char = inside[at]
        if char == 34:
            raise ValueError("a quote stands inside a quoted name")
        if char != 92:
            made.append(char)
            at += 1
        elif octal := _OCTAL.match(inside, at + 1):
            made.append(int(octal[0], 8))
            at += 4
        elif at + 1 < len(inside) and inside[at + 1] in _ESCAPES:
            made.append(_ESCAPES[inside[at + 1]])
            at += 2
        else:
            raise ValueError("an escape in a quoted name is not one of git's")
    return bytes(made)


def objection(name: str) -> str:
    """Why a name is not taken; empty for a plain relative path inside the tree."""
    parts = name.split("/")
    if not name:
        return "is empty"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        return "has control characters"
    if "\\" in name:
        return "has a backslash"
    if name.startswith("/"):
        return "is absolute"
    if re.match(r"[A-Za-z]:", name):
        return "starts with a drive letter"
    if ".." in parts:
        return "leaves the repository"
    if "" in parts or "." in parts:
        return "has an empty part"
    # As git does: what a file system that ignores case, final dots and blanks would take for .git
    if any(part.casefold().rstrip(". ") in (".git", "git~1") for part in parts):
        return "lies inside .git"
    return ""


def shown(name: bytes | str) -> str:
    """A name for a message: printable ASCII, at most 80 characters. Still the author's text."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    plain = text[:400].encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= 80 else plain[:77] + "..."
