"""Changes that need no specialist for code. The scan for secrets runs on them all the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reference.agents.diff.classify import is_lock_file
from reference.agents.types import Agent, Change, ChangedFile, Role

_VERSION = re.compile(r"""(?:__version__|version|"version")\s*[:=]\s*["'v]{0,2}\d+(?:\.\d+)*[\w.+-]*["']?,?\Z""")
_COMMENT = {
    "python": ("#",), "shell": ("#",), "ruby": ("#",), "javascript": ("//",), "typescript": ("//",), "tsx": ("//",),
    "go": ("//",), "java": ("//",), "rust": ("//",), "csharp": ("//",), "kotlin": ("//",),
}  # fmt: skip
# Comments that tools obey are no mere comments
_DIRECTIVE = re.compile(
    r"#\s*(?:noqa|nosec|type:|pragma|pylint|mypy|pyright|ruff|fmt:|isort|nosem|-\*-|!)|"
    r"//\s*(?:@ts-|eslint|nolint|go:|\+build|#|nosem|prettier)|^#!|^#\s*(?:vim|coding)|^//export",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Trivial:
    """`reason`: why no code specialist looks at it; empty if they do. `still`: who looks at it all the same."""

    reason: str
    still: tuple[Agent, ...] = (Agent.SECURITY,)

    def __bool__(self) -> bool:
        return bool(self.reason)


def skip_reason(change: Change) -> Trivial:
    """Trivial if every file is; the reason names the kinds. SECURITY stays for secrets and for lock files."""
    if not change.files:
        return Trivial("no file changes" if not change.problems else "")
    kinds: list[str] = []
    for file in change.files:
        kind = _kind(file)
        if not kind:
            return Trivial("")
        if kind not in kinds:
            kinds.append(kind)
    return Trivial(f"only {' and '.join([', '.join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)}")


def _kind(file: ChangedFile) -> str:
    """What kind of trivial a file's change is; empty if it is none."""
    if file.why_not_read == "only line ends change":
        return "line ends"
    if file.status == "renamed" and not file.hunks and not file.why_not_read:
        return "renames without a change"
    if file.role is Role.DOCS:
        return "documentation"
    if file.role is Role.GENERATED:
        return "generated files"
    if file.role is Role.VENDORED:
        return "vendored code"
    if is_lock_file(file.path) and file.role is Role.MANIFEST:
        return "lock files"
    if file.why_not_read or file.role in (Role.BINARY, Role.SUBMODULE, Role.SYMLINK) or not file.hunks:
        return ""
    if file.status != "modified":
        return ""
    lines = [line for hunk in file.hunks for line in hunk.lines if line.kind != "context"]
    if _blanks(file):
        return "blanks"
    texts = [line.text.strip() for line in lines]
    if all(_VERSION.match(text.removeprefix("- ")) for text in texts if text):
        return "a version number"
    marks = _COMMENT.get(file.language)
    if marks and all(text.startswith(marks) and not _DIRECTIVE.search(text) for text in texts if text):
        return "comments" if not _inside_string(file) else ""
    return ""


def _blanks(file: ChangedFile) -> bool:
    """Only blank lines and blanks at line ends. Indentation is not trivial: in Python it is the program."""
    for hunk in file.hunks:
        sides = [
            [line.text.rstrip() for line in hunk.lines if line.kind == kind and line.text.strip()]
            for kind in ("removed", "added")
        ]
        if sides[0] != sides[1]:
            return False
    return not _inside_string(file)


def _inside_string(file: ChangedFile) -> bool:
    """Whether a line that looks like a comment may stand in a string or template: then it is code."""
    marks = ('"""', "'''", "`")
    if file.language in ("ruby", "shell"):
        return True
    if file.before is None or file.after is None:
        return True
    return any(mark in text for mark in marks for text in (file.before, file.after)) and not _same_program(file)


def _same_program(file: ChangedFile) -> bool:
    if file.language != "python":
        return False
    import ast

    try:
        trees = [ast.dump(ast.parse(text)) for text in (file.before or "", file.after or "")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return trees[0] == trees[1]
