"""Ids of students: they become folder names, on whatever system the instructor and the students use."""

from __future__ import annotations

import re

LONGEST = 64
DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in range(10))}
ALLOWED = "letters a to z, digits and . _ - @ +"
_SAFE = re.compile(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]*")


def unsafe(name: str) -> str:
    """Why `name` is no safe folder name, to be read after it; "" if it is one.

    Letters outside a to z are refused: two that look the same are two students, and systems write them differently.
    """
    if not name:
        return "is empty"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if "/" in name or "\\" in name or name in (".", ".."):
        return "leads to another folder"
    if not name.isascii():
        odd = next(letter for letter in name if not letter.isascii())
        return f"has the letter {odd!r} (U+{ord(odd):04X}), which can be taken for another or be written in two ways"
    if not _SAFE.fullmatch(name):
        return f"is no folder name everywhere: only {ALLOWED} may be in it, and it may not begin with . or -"
    if name.endswith("."):
        return "ends with a dot, which Windows drops"
    if name.split(".")[0].lower() in DEVICES:
        return "is the name of a device on Windows"
    return ""
