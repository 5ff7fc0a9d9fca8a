"""One case of the evaluation: a change, and what a reviewer must say about it. Made by code, never typed."""

from __future__ import annotations

import ast
import hashlib
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reference.agents.types import Agent, Change

from .releases import Release

# A statement about inserted code that is true as well: it has no test, or no docstring. Neither a hit nor false.
BYSTANDERS = frozenset({Agent.TESTS, Agent.DOCUMENTATION})
NO_SOURCE = ("docs/", "examples/", "setup", "benchmark", "hatch_build", "dummyserver/", "compliance/", "tasks")
TRIES = 4  # rounds through the releases in search of one that a case can be made from
_MARK = re.compile(r"[ \t]*#!$")
_TEST_PATH = re.compile(r"(^|/)(tests?|testing)(/|\.py$)|(^|/)(test_[^/]*|[^/]*_tests?|conftest)\.py$")


@dataclass(frozen=True, slots=True)
class Place:
    """Lines `first` to `last` (from 1, inclusive) of the new text of `path`."""

    path: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing to be said.

    Attributes:
        places: any one of them will do (a change without tests may be remarked on at any function it changes).
        agents: who may say it.
        families: of weaknesses (see matcher.family_of); empty: the agent alone decides.
        many: further findings that match are not false (each untested function is one); else only the first is right.
    """

    places: tuple[Place, ...]
    agents: frozenset[Agent]
    families: frozenset[str] = frozenset()
    many: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """Attributes:
    kind: "clean", "logic", "secret", "performance", "security", "tests", "documentation", "quality", "revert".
    change: builds it when it is needed.
    expected: empty for a clean case; then every comment is false.
    inserted: code that the case added; remarks of BYSTANDERS on it count neither way.
    detail: which template, operator or advisory.
    """

    id: str
    repository: str
    kind: str
    change: Callable[[], Change]
    expected: tuple[Expected, ...] = ()
    seed: int = 0
    inserted: tuple[Place, ...] = ()
    detail: str = ""

    @property
    def clean(self) -> bool:
        return not self.expected

    @property
    def twin(self) -> bool:
        """A clean case made to look like a faulty one; counted apart from clean releases."""
        return self.clean and self.kind != "clean"

    @property
    def split(self) -> str:
        return split_of(self.repository)


def split_of(repository: str) -> str:
    """ "tuning" or "held-out", by the first byte of the name's SHA-256; all cases of a repository fall together."""
    return "held-out" if hashlib.sha256(repository.lower().encode()).digest()[0] % 2 else "tuning"


@dataclass(frozen=True, slots=True)
class Template:
    """A function with a fault and its repaired twin. `$name` is filled from the seed; `#!` marks the fault's lines."""

    name: str
    imports: tuple[str, ...]
    bad: str
    good: str
    families: frozenset[str] = field(default_factory=frozenset)


NOUNS = (
    "invoice", "parcel", "ticket", "booking", "shipment", "reading", "lesson", "recipe", "member", "device", "permit",
    "vessel", "survey", "garment", "tenant", "plot", "ferry", "orchard", "ledger", "voucher",
)  # fmt: skip
VERBS = ("collect", "gather", "prepare", "assemble", "render", "export", "outline", "settle", "arrange", "compile")
FIELDS = ("owner", "origin", "region", "author", "station", "supplier", "branch", "editor")


def names(rng: random.Random) -> dict[str, str]:
    """Values for `$one`, `$many`, `$Model`, `$verb`, `$part`, `$Part`, `$other`, `$number`."""
    one, other = rng.sample(NOUNS, 2)
    part = rng.choice(FIELDS)
    return {
        "one": one, "many": one + ("ies" if one.endswith("y") else "s"), "Model": one.capitalize(), "other": other,
        "verb": rng.choice(VERBS), "part": part, "Part": part.capitalize(), "number": str(rng.randrange(3, 90)),
    }  # fmt: skip


def filled(text: str, values: Mapping[str, str]) -> str:
    """The template with every `$name` replaced, longest names first; ends with one line break."""
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"${name}", values[name])
    return text.strip("\n") + "\n"


def spliced(
    text: str, block: str, imports: Sequence[str], rng: random.Random
) -> tuple[str, tuple[int, int], list[int]]:
    """`block` put before one of the top-level definitions of a module, or at its end.

    Returns:
        (new text, first and last line of the block, the lines that bear `#!`); lines from 1. The marks are taken out.
    """
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    body = ast.parse(text).body
    starts = [
        min([node.lineno, *(one.lineno for one in node.decorator_list)])
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    # Between a comment and what it belongs to is no place for a new function.
    starts = [start for start in starts if start < 2 or not lines[start - 2].startswith("#")]
    at = rng.choice([*starts, len(lines) + 1]) - 1
    new = block.splitlines(keepends=True)
    marked = [number for number, line in enumerate(new) if _MARK.search(line.rstrip("\n"))]
    new = [_MARK.sub("", line.rstrip("\n")) + "\n" for line in new]
    end_of_file = at >= len(lines)
    padded = ["\n", "\n", *new] if end_of_file else [*new, "\n", "\n"]
    first = at + (2 if end_of_file else 0) + 1
    out = [*lines[:at], *padded, *lines[at:]]
    missing = [one + "\n" for one in imports if one + "\n" not in lines]
    header = _end_of_header(body)
    if header > at:
        header = 0 if not lines or not body or not isinstance(body[0], ast.Expr) else int(body[0].end_lineno or 0)
    out = [*out[:header], *missing, *out[header:]]
    shift = len(missing)
    made = "".join(out)
    ast.parse(made)
    return made, (first + shift, first + shift + len(new) - 1), [first + shift + number for number in marked]


def _end_of_header(body: Sequence[ast.stmt]) -> int:
    last = 0
    for node in body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or isinstance(node, ast.Import | ast.ImportFrom)):
            break
        last = int(node.end_lineno or 0)
    return last


def is_test(path: str) -> bool:
    """Whether the path is of a test, by its folder or name."""
    return bool(_TEST_PATH.search(path))


def source_modules(release: Release, *, least: int = 15, most: int = 900) -> list[str]:
    """Modules of the head that are source and parse: changed ones first."""
    changed = set(release.changed())
    found = []
    for path in sorted(release.after, key=lambda one: (one not in changed, one)):
        if not path.endswith(".py") or is_test(path) or path.startswith(NO_SOURCE) or "vendor" in path:
            continue
        if least <= release.after[path].count("\n") <= most:
            try:
                ast.parse(release.after[path])
            except (SyntaxError, ValueError):
                continue
            found.append(path)
    return found


def built(release: Release, after: Mapping[str, str], title: str) -> Callable[[], Change]:
    """The change from the older release to `after`, made when it is asked for."""

    def make() -> Change:
        from reference.agents.sources import from_texts

        return from_texts(release.before, after, repository=release.repository, title=title)

    return make


def from_templates(
    releases: Sequence[Release],
    templates: Sequence[Template],
    agents: frozenset[Agent],
    kind: str,
    count: int,
    *,
    twins: bool = True,
    seed: int = 0,
) -> list[Case]:
    """`count` faulty cases and as many repaired twins: template and release in turn, names and place by the seed."""
    cases: list[Case] = []
    made = 0
    for number in range(TRIES * count):
        if made == count:
            break
        release, template = releases[number % len(releases)], templates[number % len(templates)]
        for faulty in (True, False) if twins else (True,):
            rng = random.Random(f"{kind}/{seed}/{number}")
            modules = source_modules(release)
            if not modules:
                continue
            made += faulty
            path = rng.choice(modules[:6])
            block = filled(template.bad if faulty else template.good, names(rng))
            text, (first, last), marked = spliced(release.after[path], block, template.imports, rng)
            place = Place(path, min(marked, default=first), max(marked, default=last))
            cases.append(
                Case(
                    id=f"{kind}-{number:03d}-{'fault' if faulty else 'twin'}",
                    repository=release.repository,
                    kind=kind,
                    change=built(release, {**release.after, path: text}, f"Release {release.pair.new}"),
                    expected=(Expected((place,), agents, template.families),) if faulty else (),
                    seed=seed,
                    inserted=(Place(path, first, last),),
                    detail=template.name,
                )
            )
    return cases
