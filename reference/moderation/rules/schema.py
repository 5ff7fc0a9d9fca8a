"""Rules as data: TOML files, checked key by key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from reference.moderation.rules import lexicon
from reference.moderation.types import ModerationError

KINDS = ("literal", "regex", "allow")
VIEWS = ("plain", "folded")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file, `[[rule]]`.

    Attributes:
        id: unique over all loaded files; goes into findings and statements of reasons.
        category: of the policy. An allow rule names the category that it excuses, or "*" for all.
        kind: literal (words and phrases), regex (RE2 syntax, on the view's casefolded text), allow (phrases inside
            which a literal does not count).
        patterns: as written; literals are brought into both views by the engine.
        lexicon: a category of the shared lexicon whose tokens are added to `patterns`.
        words: a literal must begin and end where a word does.
        split: a literal of five letters or more also counts when spaces or marks split it.
        inflect: a literal also counts with an "s" at its end.
        views: those it is matched in.
        languages: ISO 639-1; if any, the rule counts only in posts in these languages or of undetermined language.
        examples: texts that the rule must match, or the file is refused.
        note: one sentence for findings, without the offending words.
    """

    id: str
    category: str
    kind: str
    patterns: tuple[str, ...] = ()
    lexicon: str = ""
    words: bool = True
    split: bool = True
    inflect: bool = False
    views: tuple[str, ...] = VIEWS
    languages: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    note: str = ""


_STRINGS = {"id", "category", "kind", "lexicon", "note"}
_FLAGS = {"words", "split", "inflect"}
_LISTS = {"patterns", "views", "languages", "examples"}
_KEYS = tuple(field.name for field in fields(Rule))


def rule_files(paths: Path | str | Iterable[Path | str]) -> list[Path]:
    """The files of a path, a folder (its *.toml, by name; a lexicon.toml holds no rules) or several of them."""
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    files: list[Path] = []
    for path in map(Path, several):
        if path.is_dir():
            files += sorted(file for file in path.glob("*.toml") if file.name != "lexicon.toml")
        else:
            files.append(path)
    if not files:
        raise ModerationError(f"no rule file (*.toml) in {', '.join(map(str, several)) or 'an empty list of paths'}")
    return files


def read_rules(file: Path) -> list[Rule]:
    """Rules of one file. ModerationError names file, rule and key, and the nearest key that exists."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModerationError(f"{file} cannot be read as TOML: {error}") from error
    for key in document:
        if key != "rule":
            raise ModerationError(f"{file}: unknown key {key!r}; rules are written as [[rule]]")
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ModerationError(f"{file}: rules are written as [[rule]], with two brackets")
    return [_rule(file, number, table) for number, table in enumerate(tables, 1)]


def _rule(file: Path, number: int, table: dict[str, Any]) -> Rule:
    name = table.get("id")
    where = f"{file}: rule {name!r}" if isinstance(name, str) and name else f"{file}: rule number {number}"
    for key, value in table.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KEYS)}"
            raise ModerationError(f"{where}: unknown key {key!r}; {hint}")
        wanted = "a string" if key in _STRINGS else "true or false" if key in _FLAGS else "a list of strings"
        if (
            (key in _STRINGS and not isinstance(value, str))
            or (key in _FLAGS and not isinstance(value, bool))
            or (key in _LISTS and not _strings(value))
        ):
            raise ModerationError(f"{where}: {key} must be {wanted}, not {value!r:.60}")
    for key in ("id", "category", "kind"):
        if not table.get(key):
            raise ModerationError(f"{where}: {key} is missing")
    kind = table["kind"]
    if kind not in KINDS:
        raise ModerationError(f"{where}: kind {kind!r} is none of {', '.join(KINDS)}")
    for view in table.get("views", VIEWS):
        if view not in VIEWS:
            raise ModerationError(f"{where}: view {view!r} is none of {', '.join(VIEWS)}")
    if not table.get("views", VIEWS):
        raise ModerationError(f"{where}: views is empty, so the rule could never match; leave it out for both")
    patterns = tuple(table.get("patterns", ()))
    if category := table.get("lexicon"):
        try:
            patterns += lexicon.tokens(category)
        except ModerationError as error:
            raise ModerationError(f"{where}: {error}") from error
    if not patterns:
        raise ModerationError(f"{where}: it has no patterns")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Rule(**(values | {"patterns": patterns}))


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def check_distinct(rules: Sequence[Rule]) -> None:
    """ModerationError if an id, or a pattern within a category and kind, is given twice."""
    ids: set[str] = set()
    owners: dict[tuple[str, str, str], str] = {}
    for rule in rules:
        if rule.id in ids:
            raise ModerationError(f"rule {rule.id!r} is defined twice; give one of them another id")
        ids.add(rule.id)
        for pattern in rule.patterns:
            owner = owners.setdefault((rule.category, rule.kind, pattern.casefold()), rule.id)
            if owner != rule.id:
                raise ModerationError(
                    f"rule {rule.id!r} repeats a pattern of rule {owner!r} ({pattern!r}); remove one of them"
                )
        if len({pattern.casefold() for pattern in rule.patterns}) < len(rule.patterns):
            seen = [p.casefold() for p in rule.patterns]
            twice = next(p for p in seen if seen.count(p) > 1)
            raise ModerationError(f"rule {rule.id!r} holds pattern {twice!r} twice; remove one")
