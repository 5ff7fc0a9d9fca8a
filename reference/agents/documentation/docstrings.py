"""Docstrings against signatures, before and after a change. Python only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reference.agents.interfaces import Snapshot
from reference.agents.quality.definitions import Definition, definitions, touches
from reference.agents.quality.guard import finding
from reference.agents.types import ChangedFile, Finding, Role

_LEAST, _SHARE, _MOST_NEIGHBOURS = 5, 0.8, 30
_SECTION = (
    r"^\s*(?:Args|Arguments|Parameters):?\s*$(.*?)"
    r"(?=^\s*(?:Returns?|Raises|Yields?|Examples?|Notes?)\b|\Z)"
)


def docstrings(file: ChangedFile, snapshot: Snapshot | None = None) -> Iterator[Finding]:
    """Removed, stale and missing ones of a source file; of what the change touches only.

    House style for missing ones is the file's own before the change, or that of its folder where the file is small.
    """
    if file.language != "python" or file.role is not Role.SOURCE or file.after is None:
        return
    before, after = definitions(file.before or ""), definitions(file.after)
    for name, one in after.items():
        old = before.get(name)
        if old is None or not one.public or type(old.node) is not type(one.node) or old.is_stub or one.is_stub:
            continue
        # Overloads and setters share one name, and only one of them is described.
        several = f"{name}#2" in before or f"{name}#2" in after or "#" in name
        if (
            not several
            and old.docstring
            and one.docstring is None
            and (line := touches(file, one.start, one.end)) is not None
        ):
            yield finding(
                file, "documentation/docstring-removed", one.line if one.line in file.added else line, name=name
            )
        elif one.docstring and old.docstring and one.kind != "class":
            yield from _signature(file, old, one, name)
    had, where = [x for x in before.values() if _wants(x)], "file"
    if len(had) < _LEAST and snapshot is not None:
        had, where = had + _neighbours(file, snapshot), "folder"
    share = sum(x.docstring is not None for x in had) / len(had) if had else 0.0
    new = [
        x for name, x in after.items()
        if name not in before and _wants(x) and x.docstring is None and x.line in file.added
    ]  # fmt: skip
    if new and len(had) >= _LEAST and share >= _SHARE:
        shown = ", ".join(x.qualified for x in new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
        yield finding(file, "documentation/missing-docstring", new[0].line, names=shown, share=round(100 * share),
                      where=where)  # fmt: skip


def _neighbours(file: ChangedFile, snapshot: Snapshot) -> list[Definition]:
    folder = file.path.rpartition("/")[0]
    paths = [x for x in snapshot.paths() if x.endswith(".py") and x.rpartition("/")[0] == folder and x != file.path]
    texts = [snapshot.read(x) or "" for x in paths[:_MOST_NEIGHBOURS]]
    return [one for text in texts for one in definitions(text).values() if _wants(one)]


def _wants(one: Definition) -> bool:
    return (
        one.public
        and not one.is_stub
        and not one.name.startswith("__")
        and not {"setter", "deleter", "overload"} & set(one.decorators)
    )


def parameters(one: Definition) -> list[str]:
    """Names in order, without self and cls; stars dropped."""
    arguments = one.node.args  # type: ignore[union-attr]
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [x for x in (arguments.vararg, arguments.kwarg) if x is not None]
    return [x.arg for x in every if x.arg not in {"self", "cls"}]


def described(text: str) -> set[str]:
    """Names that the docstring describes as an entry: `:param x:`, `x: ...` or `x (int): ...`, `x : int`."""
    found = set(re.findall(r":(?:param|parameter|arg)(?: [^:\n]*?)? \*{0,2}(\w+):", text))
    section = re.search(_SECTION, text, re.M | re.S)
    if section:
        for row in re.findall(r"^\s*((?:\*{0,2}\w+)(?:, \*{0,2}\w+)*)\s*(?:\([^)\n]*\))?\s*:", section[1], re.M):
            found |= {x.strip(" *") for x in row.split(",")}
    return found


def _signature(file: ChangedFile, old: Definition, one: Definition, name: str) -> Iterator[Finding]:
    was, now = parameters(old), parameters(one)
    line = touches(file, one.start, one.end)
    if was == now or line is None:
        return
    said, said_before = described(one.docstring or ""), described(old.docstring or "")
    if stale := [x for x in was if x not in now and x in said]:
        yield finding(file, "documentation/stale-parameter", line, name=name, parameters=", ".join(stale[:5]))
    fresh = [x for x in now if x not in was and x not in said and not x.startswith("_")]
    # House style: every parameter had an entry before.
    if fresh and not stale and len(was) > 0 and set(was) <= said_before and f"{fresh[0]}" not in (one.docstring or ""):
        yield finding(file, "documentation/undocumented-parameter", line, name=name, parameters=", ".join(fresh[:5]))
