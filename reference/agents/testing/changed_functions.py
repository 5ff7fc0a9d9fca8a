"""Functions of a source file that the change makes behave differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference.agents.quality.definitions import Definition, definitions, last_name, touches
from reference.agents.testing.behaviour import behaviour, conditions, is_trivial
from reference.agents.types import ChangedFile

if TYPE_CHECKING:
    from reference.agents.syntax import Function

_SHOWN = {"__repr__", "__str__", "__hash__", "__format__", "__rich_repr__", "__rich__", "__getattr__", "__dir__"}
_COMMANDS = {"command", "group", "option", "argument", "callback", "cli", "route", "fixture", "on_event"}
_CONDITION = re.compile(r"\b(if|while|for|switch|case|catch)\b|\?|&&|\|\||[=!<>]=|[<>]")


@dataclass(frozen=True, slots=True)
class ChangedFunction:
    """`fix_like`: it stood there before and a condition of it changed. `line`: the first changed line in it."""

    name: str
    qualified: str
    owner: str
    line: int
    new: bool
    fix_like: bool
    public: bool
    weight: int


def changed_functions(file: ChangedFile, elsewhere: frozenset[str] = frozenset()) -> list[ChangedFunction]:
    """In the order of the text.

    Args:
        elsewhere: behaviours that other files of the change had before: a function that only moved is not new.
    """
    if file.after is None or (file.before is None and file.status != "added"):
        return []
    if file.language == "python":
        return _python(file, elsewhere)
    return _other(file)


def behaviours_before(files: Iterable[ChangedFile]) -> frozenset[str]:
    """Of every Python function that the change's files had."""
    found = set()
    for file in files:
        if file.language == "python" and file.before and file.removed:
            for one in definitions(file.before).values():
                if one.kind != "class":
                    found.add(behaviour(one.node))  # type: ignore[arg-type]
    return frozenset(found)


def _python(file: ChangedFile, elsewhere: frozenset[str]) -> list[ChangedFunction]:
    before, found = definitions(file.before or ""), []
    for name, one in definitions(file.after or "").items():
        if one.kind == "class" or one.nested or one.is_stub or one.name in _SHOWN or _is_glue(one):
            continue
        line = touches(file, one.start, one.end)
        if line is None:
            continue
        old = before.get(name)
        was = old.node if old is not None and old.kind != "class" else None
        mine = behaviour(one.node)  # type: ignore[arg-type]
        if was is not None and behaviour(was) == mine:  # type: ignore[arg-type]
            continue
        if was is None and mine in elsewhere:
            continue
        fix_like = was is not None and conditions(was) != conditions(one.node)  # type: ignore[arg-type]
        if (is_trivial(one.node) or one.name == "__init__") and not fix_like:  # type: ignore[arg-type]
            continue
        weight = sum(one.start <= x <= one.end for x in file.added)
        found.append(ChangedFunction(one.name, name, one.owner, line, was is None, fix_like, one.public, weight))
    return found


def _is_glue(one: Definition) -> bool:
    return one.name in {"main", "cli"} or bool(_COMMANDS & set(one.decorators)) or last_name(one.node) == "main"


def _other(file: ChangedFile) -> list[ChangedFunction]:
    from reference.agents.syntax import functions

    old = {x.qualified: x for x in functions(file.language, file.before or "")}
    found = []
    now = (file.after or "").splitlines()
    was = (file.before or "").splitlines()
    for one in functions(file.language, file.after or ""):
        line = touches(file, one.start, one.end)
        if line is None or one.name in {"", "main", "toString", "String", "constructor", "init"}:
            continue
        mine = _significant(now, one)
        earlier = _significant(was, old[one.qualified]) if one.qualified in old else None
        if earlier == mine:
            continue
        fix_like = earlier is not None and _conditions(earlier) != _conditions(mine)
        if len(mine) < 6 and not _conditions(mine[1:]) and not fix_like:
            continue
        owner = one.qualified.rpartition(".")[0]
        weight = sum(one.start <= x <= one.end for x in file.added)
        found.append(
            ChangedFunction(one.name, one.qualified, owner, line, earlier is None, fix_like, one.public, weight)
        )
    return found


def _significant(lines: Sequence[str], one: Function) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", "\n".join(lines[one.start - 1 : one.end]), flags=re.S)
    kept = (re.sub(r"(^|\s)//.*$", "", x) for x in text.splitlines())
    return [x for x in (re.sub(r"\s+", "", y).rstrip(";") for y in kept) if x and not re.match(r"(console|log)\.", x)]


def _conditions(lines: Sequence[str]) -> list[str]:
    return sorted(x for x in lines if _CONDITION.search(re.sub(r"=>|->|<-", "", x)))


def names(functions: Sequence[ChangedFunction], most: int = 5) -> str:
    """Up to `most` names, and how many more there are."""
    shown = [x.qualified.split("#")[0] for x in functions[:most]]
    rest = len(functions) - len(shown)
    return ", ".join(dict.fromkeys(shown)) + (f" and {rest} more" if rest else "")
