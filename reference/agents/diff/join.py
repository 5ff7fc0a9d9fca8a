"""Several changes of one file, in order, as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from reference.agents.diff.apply import apply_hunks
from reference.agents.diff.compute import hunks_of
from reference.agents.types import ChangedFile, ReviewError, Role

_SPECIAL = (Role.SYMLINK, Role.SUBMODULE, Role.BINARY)


def joined(group: Sequence[ChangedFile]) -> ChangedFile | None:
    """One entry for the changes of a series of commits; None where the text between them is not known.

    A file that becomes a link, or the reverse, is a removal and an addition in git's diff: the second stands.
    """
    if len(group) == 2 and [one.status for one in group] == ["deleted", "added"]:
        if any(one.role in _SPECIAL for one in group):
            return dataclasses.replace(group[1], status="modified" if group[1].role in _SPECIAL else "added")
        return None
    first = group[0]
    if first.status != "added" or first.old_path or any(one.role in _SPECIAL or one.why_not_read for one in group):
        return None
    if any(one.status not in ("added", "modified", "mode") or one.old_path for one in group) or any(
        one.status == "added" for one in group[1:]
    ):
        return None
    text = ""
    try:
        for one in group:
            text = apply_hunks(text, one.hunks)
    except ReviewError:
        return None
    from reference.agents.diff.classify import classified

    return classified(dataclasses.replace(first, hunks=hunks_of("", text), after=text))
