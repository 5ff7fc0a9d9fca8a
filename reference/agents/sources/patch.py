"""A change from a patch file, with or without the repository that it was made from."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from email.header import decode_header, make_header
from pathlib import Path

from reference.agents.diff.apply import apply_hunks
from reference.agents.diff.classify import classified
from reference.agents.diff.compute import hunks_of
from reference.agents.diff.names import shown
from reference.agents.diff.parse import Limits, ParsedPatch, parse_patch
from reference.agents.types import Change, ChangedFile, ReviewError, Role

_SPECIAL = (Role.BINARY, Role.SUBMODULE, Role.SYMLINK)
ONLY_LINES = "only the changed lines are known: no repository was given, so the rest of {count} files is not read"


def from_patch(
    patch: Path | str | bytes, repo: Path | None = None, *, revision: str = "HEAD", limits: Limits = Limits()
) -> Change:
    """A change from a file (or its bytes). With `repo`, the texts before come from `revision`, those after by applying
    the hunks; a file that the hunks do not fit keeps its hunks only, and a problem says so.

    Raises:
        ReviewError: no such file, over a limit, nothing readable in it, or an unknown revision.
    """
    data, name = _data(patch, limits)
    parsed = parse_patch(data, limits=limits)
    title, body, author = _mail(data)
    if repo is None:
        files = tuple(_alone(file) for file in parsed.files)
        bare = sum(1 for file in files if file.is_code and file.after is None)
        problems = (*parsed.problems, *((ONLY_LINES.format(count=bare),) if bare else ()))
        return Change(name, "", "", files, title=title, body=body, author=author, problems=problems)
    from reference.agents.sources.git import Git, GitSnapshot

    git = Git(repo)
    commit = git.commit(revision)
    inside = GitSnapshot(git, commit)
    found, problems = _applied(parsed, inside)
    return Change(
        git.folder.name, commit, "", found, title=title, body=body, author=author,
        snapshot=PatchedSnapshot(inside, found), problems=problems,
    )  # fmt: skip


class PatchedSnapshot:
    """A commit's files with a change put over them (see interfaces.Snapshot)."""

    def __init__(self, under: object, files: tuple[ChangedFile, ...]) -> None:
        from reference.agents.sources.git import GitSnapshot

        assert isinstance(under, GitSnapshot)
        self._under = under
        self._over = {file.path: file.after for file in files if file.status != "deleted" and file.role not in _SPECIAL}
        self._gone = {file.path for file in files if file.status == "deleted"}
        self._gone |= {file.old_path for file in files if file.status == "renamed" and file.old_path}

    def paths(self) -> list[str]:
        known = {path for path, text in self._over.items() if text is not None}
        return sorted((set(self._under.paths()) - self._gone) | known)

    def read(self, path: str) -> str | None:
        if path in self._over:
            return self._over[path]
        return None if path in self._gone else self._under.read(path)

    def grep(self, word: str, among: Sequence[str]) -> list[str]:
        from reference.agents.sources.words import has_word

        rest = [path for path in among if path not in self._over and path not in self._gone]
        hits = set(self._under.grep(word, rest))
        return [path for path in among if path in hits or has_word(self._over.get(path), word)]


def _data(patch: Path | str | bytes, limits: Limits) -> tuple[bytes, str]:
    if isinstance(patch, bytes):
        return patch, "patch"
    file = Path(patch)
    try:
        if not file.is_file():
            raise ReviewError(f"patch: {file} is no file")
        size = file.stat().st_size
        if size > limits.bytes:
            raise ReviewError(f"patch: {size:,} bytes, the limit is {limits.bytes:,}; review it in smaller parts")
        return file.read_bytes(), file.stem
    except OSError as problem:
        raise ReviewError(f"patch: {file} cannot be read: {problem.strerror}") from None


def _mail(data: bytes) -> tuple[str, str, str]:
    """(title, body, author) of a mail of `git format-patch`; empty for a bare diff. Of several, the last one's."""
    starts = [found.start() for found in re.finditer(rb"^From [0-9a-f]{7,64} ", data, re.MULTILINE)]
    if not starts:
        return "", "", ""
    head, _, rest = data[starts[-1] :][:100_000].decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
    fields = {
        key.lower(): re.sub(r"\n[ \t]+", " ", value)
        for key, value in re.findall(r"^([\w-]+): (.*(?:\n[ \t].*)*)", head, re.MULTILINE)
    }
    body = re.split(r"^(?:---|diff --git .*)$", rest, maxsplit=1, flags=re.MULTILINE)[0]
    title = re.sub(r"^\[PATCH[^\]]*\]\s*", "", _decoded(fields.get("subject", "")))
    author = re.sub(r"\s*<[^>]*>\s*$", "", _decoded(fields.get("from", ""))).strip('"')
    return title, body.strip(), author


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        return value


def _alone(file: ChangedFile) -> ChangedFile:
    """Without a repository only a new file's text is whole."""
    if (
        file.role in _SPECIAL
        or file.after is not None
        or file.old_path
        or file.why_not_read.startswith(("too", "a line"))
    ):
        return file
    try:
        if file.status == "added":
            return classified(dataclasses.replace(file, after=apply_hunks("", file.hunks)))
    except ReviewError:
        pass
    return file


def _applied(parsed: ParsedPatch, inside: object) -> tuple[tuple[ChangedFile, ...], tuple[str, ...]]:
    from reference.agents.sources.git import GitSnapshot

    assert isinstance(inside, GitSnapshot)
    problems = [text for text in parsed.problems if not (parsed.entries and "times; give one diff" in text)]
    made = []
    by_path: dict[str, list[ChangedFile]] = {}
    for entry in parsed.entries or parsed.files:
        by_path.setdefault(entry.path, []).append(entry)
    single = {file.path: file for file in parsed.files}
    for path, group in by_path.items():
        file = single.get(path) if len(group) == 1 or path in single else None
        if file is not None and (file.role in _SPECIAL or file.why_not_read.startswith(("too", "a line"))):
            made.append(file)
            continue
        first, last = group[0], group[-1]
        before = inside.read(first.old_path or first.path) if first.status != "added" or first.old_path else None
        if first.status == "added" and not first.old_path and inside.read(path) is not None:
            problems.append(f"{shown(path)}: new in the patch, but the revision has it; is it the right revision?")
        try:
            if before is None and first.status != "added":
                raise ReviewError("the revision does not have it as text")
            text = before or ""
            for one in group:
                text = apply_hunks(text, one.hunks)
        except ReviewError as problem:
            problems.append(f"{shown(path)}: {str(problem).removeprefix('patch: ')}; only its changed lines are read")
            if file is not None:
                made.append(file)
            continue
        after = None if last.status == "deleted" else text
        if first.old_path and first.status == "added":
            before = None
        if len(group) == 1:
            one = dataclasses.replace(first, before=before, after=after)
        else:
            status = "deleted" if after is None else first.status
            hunks = hunks_of(before or "", after or "")
            one = dataclasses.replace(first, status=status, before=before, after=after, hunks=hunks)
        made.append(classified(one))
    return tuple(made), tuple(problems)
