"""A change from two trees in memory, for tests and the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reference.agents.diff.classify import classified, language_of, role_of
from reference.agents.diff.compute import hunks_of
from reference.agents.diff.names import objection, shown
from reference.agents.diff.parse import Limits
from reference.agents.sources.words import has_word
from reference.agents.types import Change, ChangedFile, ReviewError


class MemorySnapshot:
    """Texts by path (see interfaces.Snapshot)."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)

    def paths(self) -> Sequence[str]:
        return sorted(self._texts)

    def read(self, path: str) -> str | None:
        return self._texts.get(path)

    def grep(self, word: str, among: Sequence[str]) -> list[str]:
        return [path for path in among if has_word(self._texts.get(path), word)]


def from_texts(
    before: Mapping[str, str],
    after: Mapping[str, str],
    *,
    repository: str = "memory",
    title: str = "",
    body: str = "",
    author: str = "",
    number: int = 0,
) -> Change:
    """The change from one whole tree (path -> text) to another. A file that moves with its text unchanged is a rename.

    Raises:
        ReviewError: a path is not a plain relative one; the message names it.
    """
    for path in {*before, *after}:
        if why := objection(path):
            raise ReviewError(f"{shown(path)}: the path {why}; give paths inside the tree")
    gone = {before[path]: path for path in sorted(before.keys() - after.keys(), reverse=True) if before[path]}
    files, renamed = [], set()
    for path in sorted(after):
        if path not in before and gone.get(after[path]) and gone[after[path]] not in renamed:
            renamed.add(gone[after[path]])
            files.append(_file(path, before[gone[after[path]]], after[path], gone[after[path]]))
        elif before.get(path) != after[path]:
            files.append(_file(path, before.get(path), after[path]))
    files += [_file(path, before[path], None) for path in before.keys() - after.keys() - renamed]
    files.sort(key=lambda file: file.path)
    return Change(
        repository=repository, base="before", head="after", files=tuple(files), title=title, body=body, author=author,
        number=number, snapshot=MemorySnapshot(after),
    )  # fmt: skip


def _file(path: str, before: str | None, after: str | None, old_path: str | None = None) -> ChangedFile:
    status = "renamed" if old_path else "added" if before is None else "deleted" if after is None else "modified"
    hunks = hunks_of(before or "", after or "")
    changed = sum(line.kind != "context" for hunk in hunks for line in hunk.lines)
    limit = Limits().lines
    return classified(
        ChangedFile(
            path=path, status=status, role=role_of(path), language=language_of(path), old_path=old_path, hunks=hunks,
            before=before, after=after,
            why_not_read=f"too large: {changed:,} changed lines, the limit is {limit:,}" if changed > limit else "",
        )
    )  # fmt: skip
