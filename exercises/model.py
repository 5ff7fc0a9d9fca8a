"""What an exercise is, and what a mark is.

An exercise draws the numbers of a variant, says what is asked, and knows three things about every answer: what
`reference` computes for it, which mistakes people make, and what someone who makes that mistake would answer. So a
mistake is recognised by its result, and tests can check that each listed one is.

Four kinds:

    SIZE    numbers with units                          asks, answers, mistakes
    FIND    somebody's worked answer, one step is wrong  the same; one ask has choices
    BUILD   write a function or class                    build
    DESIGN  open text, marked by a person                rubric
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

# What JSON can hold: None, bool, int, float, str, lists and dicts of these.
Value = Any
# The numbers of a variant: name -> JSON value. Names are Python identifiers: an answer cell finds them as variables.
Params = Mapping[str, Value]


class Kind(StrEnum):
    SIZE = "size it"
    BUILD = "build it"
    FIND = "find the mistake"
    DESIGN = "design it"


@dataclass(frozen=True)
class Ask:
    """One thing to answer, as a plain number in `unit`, or as one of `choices`.

    name: the variable that the reader assigns. what: a short phrase for the prompt and the feedback.
    tolerance: relative. whole: "up" or "down" asks for a whole number, rounded so; then only that number is right, and
    `answers` and `mistakes` still give the unrounded one, for a slip of a factor shows only before rounding.
    """

    name: str
    unit: str
    what: str
    tolerance: float = 0.02
    whole: str = ""
    choices: tuple[str, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give. slip: a key of `slips.SLIPS`. value: what they answer (unrounded, or a choice).

    credit: the share of the ask's weight; None takes the slip's own.
    """

    slip: str
    value: float | str
    credit: float | None = None


@dataclass(frozen=True)
class Case:
    """One call of the reader's code. group: what it tests, in words that the feedback shows ("ties between lists")."""

    group: str
    arguments: Mapping[str, Value]


@dataclass(frozen=True)
class Wrong:
    """A plausible but wrong implementation, recognised by its results. `implementation` has the reader's signature."""

    slip: str
    implementation: Any


def call(implementation: Any, arguments: dict[str, Value]) -> Value:
    """The usual driver: one call with keyword arguments."""
    return implementation(**arguments)


@dataclass(frozen=True)
class Build:
    """A part to implement, with the signature that `reference` uses.

    name: of the function or class. stub: the reader's copy, with a docstring that states shapes and edge cases; its
    body raises NotImplementedError. reference: the real part, or a thin adapter of it, with the same signature.
    cases(params, random): at least 12, in at least 3 groups; the first group holds the basics, and without them the
    others earn nothing, so that `return []` earns nothing.
    driver(implementation, arguments): runs one case and returns JSON. It is sent as source to where the reader's code
    runs: it must be a plain function at module level, import inside itself, from the standard library only.
    Its result must depend on the drawn case, so that it cannot be guessed.
    """

    name: str
    stub: str
    reference: Any
    wrong: tuple[Wrong, ...]
    cases: Callable[[Params, Random], list[Case]]
    driver: Callable[[Any, dict[str, Value]], Value] = call
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Criterion:
    """One line of a rubric. full, part: what the text must show for all or half of its points. evidence: the quote."""

    name: str
    points: float
    full: str
    part: str
    evidence: str


@dataclass(frozen=True)
class Exercise:
    """id: "q1-kv-per-token", as the module q1/kv_per_token.py. section: how the heading of the notebook's section that
    teaches it begins ("2.2"). difficulty: 1 warm-up, 2 core, 3 hard. draw(random): the numbers of one variant.
    hints: in steps, none of which holds the answer."""

    id: str
    kind: Kind
    title: str
    section: str
    difficulty: int
    minutes: int
    points: float
    draw: Callable[[Random], dict[str, Value]]
    prompt: Callable[[Params], str]
    hints: tuple[str, ...]
    asks: tuple[Ask, ...] = ()
    answers: Callable[[Params], dict[str, float | str]] | None = None
    mistakes: Callable[[Params], dict[str, list[Mistake]]] | None = None
    build: Build | None = None
    rubric: tuple[Criterion, ...] = ()

    @property
    def question(self) -> str:
        return self.id.split("-")[0]

    @property
    def module(self) -> str:
        return f"{self.question}.{self.id.split('-', 1)[1].replace('-', '_')}"


class Verdict(StrEnum):
    RIGHT = "right"
    SLIP = "slip"  # wrong in a way that is known
    WRONG = "wrong"
    OPEN = "not attempted"
    UNUSABLE = "unusable"  # not a number, not JSON, raised, took too long
    PERSON = "for a person"  # an open answer that waits for its marks


# One sign per verdict, told apart without colour.
SIGNS = {
    Verdict.RIGHT: "✓",
    Verdict.SLIP: "≈",
    Verdict.WRONG: "✗",
    Verdict.OPEN: "○",
    Verdict.UNUSABLE: "!",
    Verdict.PERSON: "✎",
}


@dataclass(frozen=True)
class Part:
    """The mark of one ask, one group of cases or one open answer. earned: 0 to 1, of `weight`."""

    name: str
    verdict: Verdict
    earned: float
    weight: float
    say: str
    slip: str = ""


@dataclass(frozen=True)
class Mark:
    """parts are empty only for an exercise whose answer is missing as a whole."""

    exercise: str
    points: float
    parts: tuple[Part, ...]
    notes: Sequence[str] = field(default=())

    @property
    def share(self) -> float:
        """0 to 1; what waits for a person counts as nothing until it is marked."""
        weight = sum(part.weight for part in self.parts)
        return sum(part.earned * part.weight for part in self.parts) / weight if weight else 0.0

    @property
    def earned(self) -> float:
        return self.points * self.share

    @property
    def waits_for_person(self) -> bool:
        return any(part.verdict is Verdict.PERSON for part in self.parts)


class ExerciseError(Exception):
    """The message says what is wrong and what to do."""
