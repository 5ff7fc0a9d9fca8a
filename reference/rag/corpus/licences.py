"""The licence of a Debian package, from its copyright file."""

from __future__ import annotations

import re

_MACHINE_READABLE = re.compile(r"^Format(?:-Specification)?:\s*\S*(?:copyright-format|dep5)", re.I | re.M)


def licence_of(copyright_text: str, path: str) -> str:
    """Licences of the upstream files, in their order; "see PATH" where the file is not machine-readable.

    Stanzas about debian/* are left out: that is the packaging.
    """
    if not _MACHINE_READABLE.search(copyright_text[:2000]):
        return f"see {path}"
    names: list[str] = []
    for stanza in re.split(r"\n[ \t]*\n", copyright_text):
        files = re.search(r"^Files:\s*(.*?)(?=^\S|\Z)", stanza, re.M | re.S)
        licence = re.search(r"^Licen[sc]e:[ \t]*(\S.*)$", stanza, re.M)
        if files and licence and not re.fullmatch(r"debian/\S*", " ".join(files[1].split())):
            name = licence[1].strip()
            if name not in names:
                names.append(name)
    return "; ".join(names) or f"see {path}"
