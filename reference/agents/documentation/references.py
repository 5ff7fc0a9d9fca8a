"""README and docs against the code: names that a change takes away, options that it adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from reference.agents.quality.definitions import definitions, touches
from reference.agents.quality.guard import finding
from reference.agents.types import Change, ChangedFile, Finding, Role

SIBLINGS = 3
_MOST_FILES, _MOST_CHARACTERS = 200, 2_000_000
# A history names what is gone on purpose.
_HISTORY = re.compile(r"(^|/)[^/]*(change|history|news|release|upgrad|migrat|deprecat|whats.?new)[^/]*(/|\.|$)", re.I)
_OPTION = re.compile(r"""(?:add_argument|option|Option|Flag|flag)\(\s*(?:["']-\w["'],\s*)?["'](--[a-z][\w-]+)""")
_VARIABLE = re.compile(
    r"""(?:environ(?:\.get\(|\[)|getenv\(|process\.env\.|process\.env\[|Getenv\()\s*["']?([A-Z][A-Z0-9_]{3,})"""
)
_KINDS = {"option": _OPTION, "environment variable": _VARIABLE}


def docs(change: Change) -> Mapping[str, str]:
    """README and docs of the head revision by path, histories aside."""
    if change.snapshot is None:
        return {}
    from reference.agents.diff.classify import role_of

    found: dict[str, str] = {}
    left = _MOST_CHARACTERS
    for path in change.snapshot.paths():
        if role_of(path) is not Role.DOCS or _HISTORY.search(path) or len(found) >= _MOST_FILES:
            continue
        text = change.snapshot.read(path) or ""
        if (left := left - len(text)) < 0:
            break
        found[path] = text
    return found


def stale_references(change: Change, files: Sequence[ChangedFile], texts: Mapping[str, str]) -> Iterator[Finding]:
    """Functions, options, variables and files that are gone from the code while a page of the docs names them."""
    if not texts or change.snapshot is None:
        return
    sources = [x for x in files if x.role is Role.SOURCE]
    now = {name for x in change.files for name in _last_names(x.after)}
    for file in sources:
        if file.language == "python" and file.before and file.after:
            after = definitions(file.after)
            for name, one in definitions(file.before).items():
                if name in after or not one.public or "#" in name or one.name in now or one.name.startswith("__"):
                    continue
                if one.name in file.after:  # kept under this name by other means: an import, an alias, __getattr__
                    continue
                quoted = re.compile(
                    rf"(?<![\w-])(?:[\w.]+\.)?{re.escape(one.name)}\(|`~?(?:[\w.]+\.)?{re.escape(one.name)}(?:\(\))?`"
                )
                page = next((x for x, text in texts.items() if quoted.search(text)), "")
                if page and len(one.name) > 5 and not _elsewhere(change, one.name):
                    line = _near(file, one.start)
                    if line is not None:
                        yield finding(
                            file, "documentation/stale-reference", line, name=one.name, kind=one.kind, page=page
                        )
        for kind, pattern in _KINDS.items():
            for gone in sorted(set(pattern.findall(file.before or "")) - set(pattern.findall(file.after or ""))):
                page = next((x for x, text in texts.items() if _has(text, gone)), "")
                bare = gone.lstrip("-")
                if (
                    page
                    and not _elsewhere(change, bare)
                    and bare not in (file.after or "")
                    and (at := _near_text(file, gone))
                ):
                    yield finding(file, "documentation/stale-reference", at, name=gone, kind=kind, page=page)
    first = next(((x, min(x.added)) for x in sources if x.added), None)
    for gone_file in change.files:
        path = gone_file.path if gone_file.status == "deleted" else gone_file.old_path
        if path and first and "/" in path and gone_file.role in (Role.SOURCE, Role.CONFIG):
            page = next((x for x, text in texts.items() if _has(text, path)), "")
            place = (gone_file, min(gone_file.commentable)) if gone_file.commentable and gone_file.old_path else first
            if page:
                yield finding(*(place[0], "documentation/stale-reference", place[1]), name=path, kind="file", page=page)


def undocumented_options(change: Change, files: Sequence[ChangedFile], texts: Mapping[str, str]) -> Iterator[Finding]:
    """Options and variables added beside at least three that one page describes, and which no page names."""
    for file in files:
        if file.role is not Role.SOURCE or not file.before or not file.after or not texts:
            continue
        for kind, pattern in _KINDS.items():
            old = set(pattern.findall(file.before))
            new = [x for x in dict.fromkeys(pattern.findall(file.after)) if x not in old]
            if not new or len(old) < SIBLINGS:
                continue
            pages = {x: sum(_has(text, one) for one in old) for x, text in texts.items()}
            page = max(pages, key=lambda x: pages[x])
            if pages[page] < 0.8 * len(old):
                continue
            missing = [x for x in new if not any(_has(text, x) for text in texts.values())]
            lines = [n for n, text in file.added.items() if missing and missing[0] in text]
            if lines:
                yield finding(file, "documentation/undocumented-option", lines[0], names=", ".join(missing[:5]),
                              kind=kind, page=page, known=pages[page])  # fmt: skip


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w/-]){re.escape(word)}(?![\w-])", text) is not None


def _last_names(text: str | None) -> set[str]:
    return {x.name for x in definitions(text or "").values()}


def _elsewhere(change: Change, word: str) -> bool:
    """Another file of the code still has the word."""
    from reference.agents.diff.classify import role_of

    assert change.snapshot is not None
    code = [x for x in change.snapshot.paths() if role_of(x) in (Role.SOURCE, Role.CONFIG)]
    return bool(change.snapshot.grep(word, code[:2000]))


def _near(file: ChangedFile, old_line: int) -> int | None:
    """The new line that a comment on removed line `old_line` can stand at."""
    for hunk in file.hunks:
        if hunk.old_start <= old_line < hunk.old_start + max(hunk.old_length, 1):
            after = [x.new for x in hunk.lines if x.new is not None and (x.old is None or x.old >= old_line)]
            every = [x.new for x in hunk.lines if x.new is not None]
            return after[0] if after else every[-1] if every else None
    return touches(file, 1, 1 << 30)


def _near_text(file: ChangedFile, text: str) -> int | None:
    return next((_near(file, number) for number, line in file.removed.items() if text in line), None)
