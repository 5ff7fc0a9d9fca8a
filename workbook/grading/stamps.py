"""Stamps: who was handed which cell, and whether it is still as it was handed out.

A stamp is a keyed hash over student, exercise, role and source. Without the assignment's secret nobody can make one, so
a notebook's metadata may say anything: only what its stamps say is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable

from workbook.grading.types import Role

# Hexadecimal digits: 128 bits.
LENGTH = 32


def plain(source: str) -> str:
    """The source without what editors change by themselves: line ends, blanks at the end of a line, empty edges."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def stamp(secret: str, student: str, exercise: str, role: Role | str, source: str) -> str:
    """The stamp of a cell; exercise is "" for what belongs to the whole notebook."""
    told = json.dumps(["cell", student, exercise, str(role), plain(source)]).encode("utf-8", "surrogatepass")
    return hmac.digest(secret.encode(), told, hashlib.sha256).hex()[:LENGTH]


def fits(found: object, secret: str, student: str, exercise: str, role: Role | str, source: str) -> bool:
    """Whether `found`, as it came out of a notebook, is the stamp of this."""
    wanted = stamp(secret, student, exercise, role, source)
    return isinstance(found, str) and hmac.compare_digest(found.encode("utf-8", "replace"), wanted.encode())


def owner(
    found: object, secret: str, students: Iterable[str], exercise: str, role: Role | str, sources: Iterable[str]
) -> str:
    """The student to whom a cell with this stamp was handed, if its source was one of `sources`; "" if nobody."""
    tried = tuple(dict.fromkeys(sources))
    return next(
        (one for one in students if any(fits(found, secret, one, exercise, role, source) for source in tried)), ""
    )
