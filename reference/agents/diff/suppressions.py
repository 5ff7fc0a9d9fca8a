"""What a change adds to keep tools quiet. Our own runs ignore it; the review names it, for a person to judge."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from reference.agents.types import Change, ChangedFile, Role

_MARKS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("noqa", r"#\s*(?:flake8[:=]\s*|ruff:\s*)?noqa\b"),
        ("nosec", r"(?:#|//)\s*#?nosec\b"),
        ("type: ignore", r"#\s*(?:type:\s*ignore\b|pyright:\s*ignore\b|mypy:\s*ignore-errors)"),
        ("no cover", r"(?:#\s*pragma:\s*no[ -]?(?:cover|branch)|/\*\s*(?:istanbul|c8|v8)\s+ignore)\b"),
        ("allowlist secret", r"pragma:\s*(?:allow|white)list(?: nextline)?[ -]secret|gitleaks:allow"),
        ("pylint: disable", r"#\s*pylint:\s*(?:disable|skip-file)"),
        ("eslint-disable", r"(?://|/\*)\s*eslint-disable"),
        ("ts-ignore", r"(?://|/\*)\s*@ts-(?:ignore|nocheck|expect-error)"),
        ("nolint", r"//\s*nolint\b"),
        ("nosem", r"(?:#|//|/\*)\s*nosem(?:grep)?\b"),
    )
)
_SKIP = re.compile(
    r"@(?:pytest\.mark\.|mark\.)(?:skip|skipif|xfail)\b|pytest\.(?:skip|xfail)\(|@(?:unittest\.)?(?:skip|skipIf|skipUnless|"
    r"expectedFailure)\b|\b(?:it|test|describe)\.(?:skip|todo)\(|\b(?:xit|xdescribe|xtest)\(|\bt\.Skip(?:f|Now)?\("
)
_SETTINGS = {
    ".bandit", ".flake8", "ruff.toml", ".ruff.toml", ".pylintrc", "pylintrc", ".semgrepignore", ".secrets.baseline",
    "codeowners", "mypy.ini", ".mypy.ini", "tox.ini", ".pre-commit-config.yaml", ".eslintignore", ".golangci.yml",
    ".golangci.yaml", ".gitleaks.toml", ".gitleaksignore", ".coveragerc", ".snyk", ".trivyignore", ".gitattributes",
    "bandit.yml", "bandit.yaml", "pyrightconfig.json", ".prospector.yaml",
}  # fmt: skip
_ESLINT = re.compile(r"\.?eslint(?:rc(?:\.\w+)?|\.config\.[cm]?[jt]s)\Z")
_TABLE = re.compile(r"\s*\[+\s*(?P<name>[^\]]+?)\s*\]+\s*(?:#.*)?\Z")
_ANALYSERS = re.compile(
    r"tool\.(?:ruff|bandit|pylint|mypy|flake8|coverage|pyright|vulture|pydoclint)\b|(?:tool:)?(?:flake8|mypy|pylint|bandit|coverage)\b"
)


@dataclass(frozen=True, slots=True)
class Suppression:
    """`line`: in the new text, 0 for a file that is gone. `text`: the line, at most 200 characters, the author's."""

    path: str
    line: int
    kind: str
    text: str


def new_suppressions(change: Change) -> tuple[Suppression, ...]:
    """Marks that the change adds, marks of skipped tests, and new, changed or removed settings of analysers.

    A mark that the same file loses on a line with the same text but for blanks has only moved and is not listed.
    """
    made: list[Suppression] = []
    for file in change.files:
        if kind := _setting(file):
            number, text = next(iter(sorted(file.added.items())), (0, ""))
            made.append(Suppression(file.path, number, kind, text.strip()[:200]))
        if file.path.lower().endswith(("pyproject.toml", "setup.cfg")):
            made += _tables(file)
        if file.role is Role.DOCS:
            continue
        left = Counter(re.sub(r"\s+", "", text) for text in file.removed.values())
        for number, text in sorted(file.added.items()):
            kinds = [kind for kind, pattern in _MARKS if pattern.search(text[:2_000])]
            if file.role is Role.TEST and _SKIP.search(text[:2_000]):
                kinds.append("skipped test")
            same = re.sub(r"\s+", "", text)
            if kinds and left[same] > 0:
                left[same] -= 1
                continue
            made += [Suppression(file.path, number, kind, text.strip()[:200]) for kind in kinds]
    return tuple(made)


def _setting(file: ChangedFile) -> str:
    pure = PurePosixPath(file.path.lower())
    if pure.name in _SETTINGS or _ESLINT.match(pure.name):
        return "analyser settings"
    if pure.parts[:2] == (".github", "workflows") or pure.name in (".gitlab-ci.yml", "jenkinsfile"):
        return "workflow"
    return ""


def _tables(file: ChangedFile) -> list[Suppression]:
    """The first changed line of each analyser's table in a settings file."""
    made: dict[str, Suppression] = {}
    tables = _names(file.after)
    for number, text in sorted(file.added.items()):
        heading = _TABLE.match(text)
        name = tables.get(number) or (heading["name"] if heading else "")
        if _ANALYSERS.match(name) and name not in made:
            made[name] = Suppression(file.path, number, "analyser settings", text.strip()[:200])
    return list(made.values())


def _names(text: str | None) -> dict[int, str]:
    """Line number -> the table that it stands in."""
    made, current = {}, ""
    for number, line in enumerate((text or "").split("\n"), 1):
        if found := _TABLE.match(line):
            current = found["name"]
        made[number] = current
    return made
