"""A patch, as bytes from outside, to the files that it changes."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from reference.agents.diff.classify import classified, language_of, role_of
from reference.agents.diff.names import objection, shown, unquoted
from reference.agents.diff.sections import Section, carriage_returns, sections
from reference.agents.types import ChangedFile, DiffLine, Hunk, ReviewError, Role

_PREFIX = re.compile(r"[abciow]/")
_NULL = "/dev/null"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of one change. Over `bytes` or `files` the change is refused; over the rest a file is not read."""

    bytes: int = 50_000_000
    files: int = 3_000
    lines: int = 20_000  # added and removed, per file
    line_length: int = 10_000  # bytes


@dataclass(frozen=True, slots=True)
class ParsedPatch:
    """Attributes:
    files: one entry per path.
    problems: what could not be read, one sentence each; names in them are printable ASCII but the author's.
    entries: the files of each commit in order, where the patch has several commits that touch the same file.
    """

    files: tuple[ChangedFile, ...]
    problems: tuple[str, ...] = ()
    entries: tuple[ChangedFile, ...] = ()


class _Refused(Exception):
    """A file that is left out; `malformed` where the patch, not the name, is at fault."""

    def __init__(self, message: str, malformed: bool = True) -> None:
        super().__init__(message)
        self.malformed = malformed


def parse_patch(data: bytes, *, limits: Limits = Limits()) -> ParsedPatch:
    """Files of a unified diff (git's or plain), a mail of `git format-patch`, or several of them in one.

    Texts are UTF-8; other bytes become U+FFFD and a problem says so. `before` and `after` stay None: the sources fill
    them. An empty patch has no files.

    Raises:
        ReviewError: over a limit, or nothing in it could be read; the message names the limit or the line.
    """
    if len(data) > limits.bytes:
        raise ReviewError(f"patch: {len(data):,} bytes, the limit is {limits.bytes:,}; review it in smaller parts")
    lines = data.split(b"\n")
    stray: list[int] = []
    found = list(sections(lines, stray))
    if len(found) > limits.files:
        raise ReviewError(f"patch: {len(found):,} files, the limit is {limits.files:,}; review it in smaller parts")
    if not found:
        if data.strip():
            where = f"line {stray[0]}: a hunk without a file name" if stray else "line 1: no file header"
            raise ReviewError(f"patch: {where}; give the output of `git diff` or `git format-patch`")
        return ParsedPatch(())
    problems = [f"line {at}: a hunk without a file name was left out" for at in stray[:10]]
    drop_returns, entries, malformed = carriage_returns(lines), [], []
    for section in found:
        try:
            made, remark = _file(section, limits, drop_returns)
        except _Refused as refused:
            problems.append(str(refused))
            if refused.malformed:
                malformed.append(str(refused))
            continue
        entries.append(made)
        if remark:
            problems.append(remark)
    if malformed and not entries:
        raise ReviewError(f"patch: {malformed[0]}; make it again with `git diff`")
    files, more = _one_each(entries)
    return ParsedPatch(files, (*problems, *more), tuple(entries) if len(files) != len(entries) else ())


def _file(section: Section, limits: Limits, drop_returns: bool) -> tuple[ChangedFile, str]:
    """The file and a remark about it (empty: none)."""
    old, new = _names(section)
    label = shown(new or old or "")
    if section.combined:
        raise _Refused(f"{label}: the combined diff of a merge was left out; give the diff of one parent")
    for name in {old, new} - {None}:
        assert name is not None
        if why := objection(name):
            raise _Refused(f"{shown(name)}: left out, its name {why}", malformed=False)
    if section.broken:
        raise _Refused(f"{label}: left out, {section.broken}")
    headers = section.headers
    mode = (headers.get("new_file") or headers.get("deleted") or headers.get("new_mode") or b"").strip()
    if not mode and (index := headers.get("index", b"").split()[1:]):
        mode = index[0]
    path = new or old
    assert path is not None
    status = "added" if old is None else "deleted" if new is None else "modified"
    if "copy_from" in headers:
        status = "added"
    elif old is not None and new is not None and old != new:
        status = "renamed"
    elif "old_mode" in headers and not section.hunks and not section.binary:
        status = "mode"
    made = ChangedFile(
        path=path,
        status=status,
        role=role_of(path),
        language=language_of(path),
        old_path=old if old is not None and new is not None and old != new else None,
    )
    if mode in (b"120000", b"160000"):
        role, why = (
            (Role.SYMLINK, "symbolic link, never followed")
            if mode == b"120000"
            else (Role.SUBMODULE, "submodule, another repository")
        )
        made = dataclasses.replace(made, role=role, language="", why_not_read=why)
    elif section.binary:
        return dataclasses.replace(made, role=Role.BINARY, language="", why_not_read="binary"), ""
    if section.changed > limits.lines:
        why = f"too large: {section.changed:,} changed lines, the limit is {limits.lines:,}"
        return dataclasses.replace(made, why_not_read=why), ""
    if section.longest > limits.line_length:
        why = f"a line of {section.longest:,} bytes, the limit is {limits.line_length:,}"
        return dataclasses.replace(made, why_not_read=why), ""
    hunks, exact = _hunks(section, label, drop_returns)
    if status == "added" and made.old_path is None and any(hunk.old_length for hunk in hunks):
        raise _Refused(f"{label}: left out, line {section.line}: a new file cannot have old lines")
    if status == "deleted" and any(hunk.new_length for hunk in hunks):
        raise _Refused(f"{label}: left out, line {section.line}: a deleted file cannot have new lines")
    made = dataclasses.replace(made, hunks=hunks)
    if not made.why_not_read:
        made = classified(made)
    return made, "" if exact else f"{label}: not UTF-8; bytes that are not were replaced"


def _hunks(section: Section, label: str, drop_returns: bool) -> tuple[tuple[Hunk, ...], bool]:
    """unidiff's hunks as ours, with their positions checked; and whether the text was UTF-8."""
    if not section.body:
        return (), True
    from unidiff import PatchSet
    from unidiff.errors import UnidiffParseError

    raw = b"\n".join([b"--- a", b"+++ b", *section.body, b""])
    try:
        text, exact = raw.decode("utf-8"), True
    except UnicodeDecodeError:
        text, exact = raw.decode("utf-8", "replace"), False
    try:
        parsed = PatchSet(_lines(text))
    except (UnidiffParseError, ValueError, AssertionError) as problem:
        raise _Refused(f"{label}: left out, line {section.line}: {str(problem)[:80]!a}") from None
    if len(parsed) != 1:
        raise _Refused(f"{label}: left out, line {section.line}: the hunks do not belong to one file")
    made, shift, end = [], 0, 1
    for hunk in parsed[0]:
        start = hunk.source_start + (hunk.source_length == 0)
        if start < end or hunk.target_start + (hunk.target_length == 0) - start != shift:
            raise _Refused(f"{label}: left out, line {section.line}: the hunks' line numbers do not fit each other")
        shift += hunk.target_length - hunk.source_length
        end = start + hunk.source_length
        inside: list[DiffLine] = []
        for line in hunk:
            if line.line_type == "\\":
                if not inside:
                    raise _Refused(f"{label}: left out, line {section.line}: a mark about no line")
                inside[-1] = dataclasses.replace(inside[-1], ending="")
                continue
            kind = {"+": "added", "-": "removed"}.get(line.line_type, "context")
            value, ending = line.value.removesuffix("\n"), "\n"
            if value.endswith("\r"):
                value, ending = value[:-1], "\n" if drop_returns else "\r\n"
            inside.append(DiffLine(kind, value, line.source_line_no, line.target_line_no, ending))
        made.append(Hunk(hunk.source_start, hunk.source_length, hunk.target_start, hunk.target_length, tuple(inside)))
    return tuple(made), exact


def _lines(text: str) -> list[str]:
    """Lines as git counts them: "\\n" ends one, nothing else does (str.splitlines knows eight more)."""
    return [line + "\n" for line in text.split("\n")[:-1]]


def _names(section: Section) -> tuple[str | None, str | None]:
    """(old, new) without the prefixes; None where the file does not exist on that side."""
    headers = section.headers
    if section.git is not None and section.combined:
        return None, _decoded(section.git)
    old, new = _named(section.source), _named(section.target)
    if section.git is not None and (old is None or new is None):
        both = _both(section.git)
        if both is None and not {"rename_to", "copy_to"} & headers.keys():
            raise _Refused(f"line {section.line}: a file name could not be read")
        old, new = (old or both[0], new or both[1]) if both else (old, new)
    if old is None and new is None and section.git is None:
        raise _Refused(f"line {section.line}: a file without a name")
    old, new = _without_prefix(old, new, section.git is not None)
    for kind in ("rename", "copy"):
        if f"{kind}_from" in headers or f"{kind}_to" in headers:
            pair = headers.get(f"{kind}_from"), headers.get(f"{kind}_to")
            if pair[0] is None or pair[1] is None:
                raise _Refused(f"line {section.line}: a {kind} with one name")
            first, second = _decoded(pair[0]), _decoded(pair[1])
            if (old is not None and old != first) or (new is not None and new != second):
                raise _Refused(f"{shown(second)}: left out, line {section.line}: the names of the {kind} disagree")
            old, new = first, second
            break
    else:
        if section.git is not None and None not in (old, new) and _NULL not in (old, new) and old != new:
            raise _Refused(f"{shown(new or '')}: left out, line {section.line}: the file names disagree")
    if old == _NULL or "new_file" in headers:
        old = None
    if new == _NULL or "deleted" in headers:
        new = None
    if old is None and new is None:
        raise _Refused(f"line {section.line}: a file that exists on neither side")
    return old, new


def _named(rest: bytes | None) -> str | None:
    return None if rest is None else _decoded(rest)


def _decoded(raw: bytes) -> str:
    if not raw.startswith(b'"'):
        raw = raw.split(b"\t", 1)[0]  # after a tab: a time stamp, or nothing where the name has blanks
    else:
        raw = raw.rstrip(b"\t")
    try:
        return unquoted(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(f"{shown(raw)}: left out, its name is not UTF-8", malformed=False) from None
    except ValueError as problem:
        raise _Refused(f"{shown(raw)}: left out, {problem}") from None


def _both(rest: bytes) -> tuple[str, str] | None:
    """The two names of a `diff --git` line where no other line names the file: they are the same but for a prefix."""
    if rest.startswith(b'"'):
        quoted = re.fullmatch(rb'("(?:[^"\\]|\\.)*") (.+)', rest)
        return (_decoded(quoted[1]), _decoded(quoted[2])) if quoted else None
    middle = len(rest) // 2
    if len(rest) % 2 and rest[middle : middle + 1] == b" ":
        old, new = _decoded(rest[:middle]), _decoded(rest[middle + 1 :])
        if old == new or (_PREFIX.match(old) and _PREFIX.match(new) and old[2:] == new[2:]):
            return old, new
    return None


def _without_prefix(old: str | None, new: str | None, git: bool) -> tuple[str | None, str | None]:
    names = [name for name in (old, new) if name is not None and name != _NULL]
    if all(_PREFIX.match(name) for name in names) and (git or len(names) < 2 or old != new):
        return tuple(name[2:] if name not in (None, _NULL) else name for name in (old, new))  # type: ignore[return-value]
    if not git and len(names) == 2 and names[0] != names[1]:
        # `diff -ru old new`: the first parts are the two trees' names
        tails = [name.partition("/")[2] for name in names]
        if tails[0] and tails[0] == tails[1]:
            return tails[0], tails[1]
    return old, new


def _one_each(entries: list[ChangedFile]) -> tuple[tuple[ChangedFile, ...], list[str]]:
    """One entry per path. Several changes of one file can be joined only where its whole text is known."""
    from reference.agents.diff.join import joined

    by_path: dict[str, list[ChangedFile]] = {}
    for entry in entries:
        by_path.setdefault(entry.path, []).append(entry)
    made, problems = [], []
    for path, group in by_path.items():
        if len(group) == 1:
            made.append(group[0])
            continue
        one = joined(group)
        if one is None:
            problems.append(
                f"{shown(path)}: left out, the patch changes it {len(group)} times; give one diff from base to head"
            )
        else:
            made.append(one)
    return tuple(made), problems
