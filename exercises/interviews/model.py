"""What a mock interview is made of. Its numbers come from a design that `reference` computes at each follow-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from exercises.model import Criterion, Value


class Phase(StrEnum):
    CLARIFY = "clarify"
    ARCHITECTURE = "high-level architecture"
    DEEP_DIVE = "deep dive"
    SCALING = "scaling and trade-offs"
    OPERATIONS = "monitoring and operations"


# Minutes of each phase: of the usual half hour; three quarters of an hour stretch them alike.
MINUTES: dict[Phase, float] = {
    Phase.CLARIFY: 2,
    Phase.ARCHITECTURE: 5,
    Phase.DEEP_DIVE: 15,
    Phase.SCALING: 5,
    Phase.OPERATIONS: 3,
}


@dataclass(frozen=True)
class Parameter:
    """One number of the question. what: in words; unit: as shown ("users a day"); "" for a pure number."""

    value: float
    unit: str
    what: str


@dataclass(frozen=True)
class Figure:
    """One number of the design. badge: DERIVED, SIMULATED or MEASURED. note: what bounds it, or why it is so."""

    name: str
    value: float
    unit: str
    badge: str = "DERIVED"
    note: str = ""


@dataclass(frozen=True)
class FollowUp:
    """The interviewer changes the question.

    say: what they say ("Traffic grows tenfold over night. What breaks first?"), without numbers of the answer.
    change(parameters) returns the parameters that change; the design is run again with them, on top of earlier ones.
    asks: the name of the figure whose new value the candidate should estimate before it is shown.
    listen_for: what a strong candidate says, shown afterwards.
    """

    phase: Phase
    say: str
    change: Callable[[Mapping[str, float]], dict[str, float]]
    asks: str
    listen_for: str


@dataclass(frozen=True)
class Interview:
    """design(parameter values) -> figures in a fixed order; raises ValueError with a reason where no design exists.

    prompts: what the interviewer says when a phase begins, and the questions they may put in it.
    rubric: per criterion concrete evidence lines; `followed_up`: at least five, in the order they come.
    """

    question: str
    title: str
    opening: str
    parameters: Mapping[str, Parameter]
    design: Callable[[Mapping[str, float]], tuple[Figure, ...]]
    prompts: Mapping[Phase, tuple[str, ...]]
    follow_ups: tuple[FollowUp, ...]
    rubric: tuple[Criterion, ...]


def values(interview: Interview, changes: Mapping[str, float] | None = None) -> dict[str, float]:
    """The parameters as numbers, with changes on top. Raises KeyError for a name that the interview lacks."""
    found = {name: one.value for name, one in interview.parameters.items()}
    for name, value in (changes or {}).items():
        if name not in found:
            raise KeyError(f"{interview.question} has no parameter {name!r}: there are {', '.join(found)}")
        found[name] = value
    return found


__all__ = ["MINUTES", "Criterion", "Figure", "FollowUp", "Interview", "Parameter", "Phase", "Value", "values"]
