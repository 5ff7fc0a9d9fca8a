"""Code that a change adds twice, or copies from a file that stays: equal lines, or equal functions but for names.

Lines are compared by their tokens, without blanks and comments. Moved code is no copy: its old place is gone from the
head revision. Imports, tables of data and tests do not count.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reference.agents.quality.definitions import definitions, tree
from reference.agents.quality.guard import finding
from reference.agents.types import Change, ChangedFile, Finding, Role

LINES, TOKENS, FUNCTION_LINES = 12, 60, 10
_MOST_FILES, _MOST_CHARACTERS = 400, 4_000_000
_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|\w+|[^\w\s]")
_CONTROL = re.compile(
    r"(\} ?)?(if|elif|else|for|while|try|except|with|return|raise|yield|switch|case|catch|throw|await|func|def)\b"
)
_IMPORT = re.compile(r"\s*(from \S+ import|import\b|package |#include|export \* from|const \w+ = require)")
_COMMENT = {"python": re.compile(r"\s*#"), "": re.compile(r"\s*(//|/?\*)")}


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    tokens: tuple[str, ...]


def lines(language: str, text: str) -> list[Line]:
    """The lines that count, each with its tokens."""
    skipped: set[int] = set()
    if language == "python" and (module := tree(text)) is not None:
        for node in ast.walk(module):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    comment = _COMMENT.get(language, _COMMENT[""])
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if number in skipped or comment.match(line) or _IMPORT.match(line):
            continue
        tokens = tuple(_TOKEN.findall(line))
        if any(x[0].isalnum() or x[0] in "_\"'`" for x in tokens):
            found.append(Line(number, tokens))
    return found


def blocks(language: str, text: str) -> Iterator[tuple[int, int, int]]:
    """(hash, first line, last line) of each run of 12 counting lines with 60 tokens and some control flow in it."""
    every = lines(language, text)
    for at in range(len(every) - LINES + 1):
        window = every[at : at + LINES]
        if sum(len(x.tokens) for x in window) < TOKENS or sum(_controls(x) for x in window) < 3:
            continue
        if window[-1].number - window[0].number > 3 * LINES:
            continue
        yield hash(tuple(x.tokens for x in window)), window[0].number, window[-1].number


def _controls(line: Line) -> bool:
    return bool(_CONTROL.match(" ".join(line.tokens[:2])))


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """(shape, first line, last line) of Python functions of 10 lines and more: local names numbered, no docstring."""
    for one in definitions(text).values():
        if one.kind == "class" or one.end - one.line + 1 < FUNCTION_LINES or one.is_stub:
            continue
        node = one.node
        local = {x.arg for x in ast.walk(node) if isinstance(x, ast.arg)}
        local |= {x.id for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)}
        numbers: dict[str, str] = {}
        body = node.body[1:] if one.docstring is not None else node.body
        parts: list[str] = []
        for statement in body:
            parts.append(_shape(statement, local, numbers))
        shape = "\n".join(parts)
        source = "\n".join(text.splitlines()[body[0].lineno - 1 : one.end]) if body else ""
        control = sum(
            isinstance(x, ast.If | ast.For | ast.While | ast.Try | ast.With) for s in body for x in ast.walk(s)
        )
        if len(_TOKEN.findall(source)) >= TOKENS and control >= 2:
            yield shape, one.line, one.end


def _shape(node: object, local: set[str], numbers: dict[str, str]) -> str:
    if isinstance(node, ast.Name) and node.id in local:
        return numbers.setdefault(node.id, f"${len(numbers)}")
    if isinstance(node, ast.arg):
        return numbers.setdefault(node.arg, f"${len(numbers)}")
    if isinstance(node, ast.AST):
        inside = ",".join(_shape(x, local, numbers) for name, x in ast.iter_fields(node) if name != "ctx")
        return f"{type(node).__name__}({inside})"
    if isinstance(node, list):
        return "[" + ",".join(_shape(x, local, numbers) for x in node) + "]"
    return repr(node)


def _units(language: str, text: str) -> Iterator[tuple[object, int, int]]:
    yield from blocks(language, text)
    if language == "python":
        yield from functions(text)


def duplicated(change: Change, files: Sequence[ChangedFile]) -> list[Finding]:
    """At most one finding per file: the first block of it, all on added lines, that also stands elsewhere."""
    sources = [x for x in files if x.role is Role.SOURCE and x.language and x.after is not None]
    added: dict[str, list[tuple[object, int, int]]] = {}
    was: Counter[tuple[str, object]] = Counter()
    for file in change.files:
        if file.role is Role.SOURCE and file.before:
            was.update((file.language, x) for x, _, _ in _units(file.language, file.before))
    places: dict[tuple[str, object], list[tuple[str, int, int]]] = {}
    for file in sources:
        new = file.added
        if len(new) < FUNCTION_LINES:
            continue
        kept = {x.number for x in lines(file.language, file.after or "")}
        for key, first, last in _units(file.language, file.after or ""):
            if all(x in new for x in range(first, last + 1) if x in kept):
                added.setdefault(file.path, []).append((key, first, last))
    wanted = {(x.language, key) for x in sources for key, _, _ in added.get(x.path, ())}
    if not wanted:
        return []
    for path, language, text in _texts(change, {x for x, _ in wanted}):
        for key, first, last in _units(language, text):
            if (language, key) in wanted:
                places.setdefault((language, key), []).append((path, first, last))
    made = []
    reported: set[tuple[str, object]] = set()
    for file in sources:
        for key, first, last in sorted(added.get(file.path, ()), key=lambda x: (x[1], x[2])):
            whole = (file.language, key)
            others = [
                x for x in places.get(whole, ())
                if x[0] != file.path or x[2] < first or (x[1] > last and not _is_added(change, x))
            ]  # fmt: skip
            # As often as before: it was moved, or stood twice already.
            if not others or was[whole] >= len(places[whole]) or whole in reported:
                continue
            reported |= {(file.language, k) for k, _, _ in added[file.path]}
            path, there, until = others[0]
            place = f"{path}:{there}" if path != file.path else f"line {there}"
            made.append(finding(file, "quality/duplicated-code", first, first, tool="tokens", other=place,
                                count=until - there + 1))  # fmt: skip
            break
    return made


def _is_added(change: Change, place: tuple[str, int, int]) -> bool:
    """The later of two added copies is the one to name."""
    file = change.file(place[0])
    return file is not None and place[1] in file.added


def _texts(change: Change, languages: set[str]) -> Iterator[tuple[str, str, str]]:
    from reference.agents.diff.classify import language_of, role_of

    changed: Mapping[str, ChangedFile] = {x.path: x for x in change.files}
    left = _MOST_CHARACTERS
    for file in changed.values():
        if file.role is Role.SOURCE and file.after is not None and file.language in languages and not file.why_not_read:
            yield file.path, file.language, file.after
    if change.snapshot is None:
        return
    near = {x.path.split("/")[0] for x in changed.values()}
    others = [
        x for x in change.snapshot.paths()
        if x not in changed and language_of(x) in languages and role_of(x) is Role.SOURCE
    ]  # fmt: skip
    others.sort(key=lambda x: (x.split("/")[0] not in near, x))
    for path in others[:_MOST_FILES]:
        text = change.snapshot.read(path) or ""
        left -= len(text)
        if left < 0:
            return
        yield path, language_of(path), text
