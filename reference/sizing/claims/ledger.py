"""The claims ledger: one record for every figure of a source answer, recomputed and judged by a function.

    @claim("q1.weights", question=1, statement="...", stated=Q(140, "GB"))
    def weights(a: Q1Assumptions, stated: Quantity) -> Outcome: ...

The function gets the question's assumptions and the stated figure; which assumptions it read is recorded and becomes
the DERIVED evidence of the record.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference.sizing.evidence import Derived, Evidence, plain
from reference.sizing.hardware import NoPrice
from reference.sizing.memory import Infeasible
from reference.sizing.throughput import Unreachable
from reference.sizing.units import Q, Quantity, magnitude, show

from .verdicts import Outcome, Verdict

Judge = Callable[[Any, Any], Outcome]


@dataclass(frozen=True)
class Claim:
    """One judged figure. `stated` and `computed` are numbers in `unit`.

    `computed` is None where there is nothing to compute: the design cannot be built (it does not fit, or has no price).
    compared: whether the verdict is the comparison of these two; otherwise it is a condition on something else.
    """

    id: str
    question: int
    statement: str
    stated: float
    unit: str
    computed: float | None
    verdict: Verdict
    reason: str
    evidence: Evidence
    variable: str | None = None
    threshold: Any = None
    implied: bool = False
    compared: bool = False

    @property
    def stated_text(self) -> str:
        return _cell(self.stated, self.unit)

    @property
    def computed_text(self) -> str:
        return "none" if self.computed is None else _cell(self.computed, self.unit)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON holds it. `implied`: the source does not print the figure, its design rests on it."""
        return {
            "id": self.id,
            "question": self.question,
            "statement": self.statement,
            "stated": self.stated,
            "unit": self.unit,
            "computed": self.computed,
            "verdict": self.verdict,
            "reason": self.reason,
            "variable": self.variable,
            "threshold": plain(self.threshold),
            "implied": self.implied,
            "evidence": self.evidence.to_dict(),
        }


def _cell(value: float, unit: str) -> str:
    return show(Q(value, unit)) if unit else show(value)


@dataclass(frozen=True)
class _Entry:
    id: str
    question: int
    statement: str
    stated: Any
    implied: bool
    judge: Judge


_ENTRIES: dict[str, _Entry] = {}
_ASSUMPTIONS: dict[int, Callable[[], Any]] = {}
# Where the claims of each question live, in the order in which they are listed; imported when first asked for.
_MODULES = {
    1: tuple(f"{__package__}.q1.{part}" for part in ("interview", "demand", "serving", "caching", "scaling", "cost")),
    2: tuple(f"{__package__}.q2.{part}" for part in ("corpus", "retrieval", "serving", "quality")),
    3: tuple(f"{__package__}.q3.{part}" for part in ("gates", "canary", "way_back")),
    4: tuple(f"{__package__}.q4.{part}" for part in ("traffic", "models", "judge", "people", "quality")),
    5: tuple(f"{__package__}.q5.{part}" for part in ("bill", "strategies", "hosting", "total")),
    6: tuple(f"{__package__}.q6.{part}" for part in ("scope", "tokens", "cost", "latency")),
    7: tuple(f"{__package__}.q7.{part}" for part in ("waiting", "resources", "choices")),
}


def assumptions_of(question: int, factory: Callable[[], Any]) -> None:
    """Register what builds the default assumptions of a question."""
    _ASSUMPTIONS[question] = factory


def default_assumptions(question: int) -> Any:
    """What the question is judged under if nothing else is said. Raises KeyError for a question without claims."""
    if question not in _MODULES:
        raise KeyError(f"no claims for question {question}; there are some for {', '.join(map(str, questions()))}")
    _import([question])
    return _ASSUMPTIONS[question]()


def claim(id: str, *, question: int, statement: str, stated: Any, implied: bool = False) -> Callable[[Judge], Judge]:
    """Register a function that judges one figure. Raises ValueError if the id is taken."""

    def register(judge: Judge) -> Judge:
        if id in _ENTRIES and _ENTRIES[id].judge.__qualname__ != judge.__qualname__:
            raise ValueError(f"claim id {id!r} is used twice")
        _ENTRIES[id] = _Entry(id, question, statement, stated, implied, judge)
        return judge

    return register


def _recording(assumptions: Any) -> tuple[Any, dict[str, Any]]:
    """A twin of the assumptions that notes which of its fields are read."""
    names = {field.name for field in dataclasses.fields(assumptions)}
    read: dict[str, Any] = {}

    class Recording(type(assumptions)):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if name in names:
                read[name] = value
            return value

    twin = copy.copy(assumptions)
    object.__setattr__(twin, "__class__", Recording)
    return twin, read


def _judge(entry: _Entry, assumptions: Any) -> Claim:
    twin, read = _recording(assumptions)
    with warnings.catch_warnings():
        # A claim may well compute something implausible; that is what its verdict is for.
        warnings.simplefilter("ignore")
        try:
            outcome = entry.judge(twin, entry.stated)
        except (Infeasible, Unreachable, NoPrice) as error:
            outcome = Outcome(None, "does-not-hold", str(error))
    unit = f"{entry.stated.units:~P}" if isinstance(entry.stated, Quantity) else ""
    stated = magnitude(entry.stated, unit) if isinstance(entry.stated, Quantity) else float(entry.stated)
    computed = outcome.computed
    if isinstance(computed, Quantity):
        computed = magnitude(computed, unit, entry.id)
    if isinstance(outcome.threshold, Quantity):
        raise TypeError(f"{entry.id}: a threshold is a plain number in the unit of its variable")
    against = outcome.against
    if isinstance(against, Quantity):
        against = magnitude(against, unit, entry.id)
    return Claim(
        id=entry.id,
        question=entry.question,
        statement=entry.statement,
        stated=stated,
        unit=unit,
        computed=None if computed is None else float(computed),
        verdict=outcome.verdict,
        reason=outcome.reason,
        evidence=Derived(f"claims.{entry.judge.__module__.rsplit('.', 1)[-1]}.{entry.judge.__name__}", dict(read)),
        variable=outcome.variable,
        threshold=outcome.threshold,
        implied=entry.implied,
        compared=against is not None and math.isclose(float(against), stated),
    )


def questions() -> list[int]:
    """Questions that have claims."""
    return sorted(_MODULES)


def claims(question: int | None = None, assumptions: Mapping[int, Any] | None = None) -> list[Claim]:
    """All claims, or those of one question, judged now under the given assumptions (default: each question's own).

    Raises KeyError for a question without claims.
    """
    if question is not None and question not in _MODULES:
        raise KeyError(f"no claims for question {question}; there are some for {', '.join(map(str, questions()))}")
    chosen = questions() if question is None else [question]
    _import(chosen)
    given = {number: (assumptions or {}).get(number) or _ASSUMPTIONS[number]() for number in chosen}
    entries = sorted((entry for entry in _ENTRIES.values() if entry.question in chosen), key=_place)
    return [_judge(entry, given[entry.question]) for entry in entries]


def judge(id: str, assumptions: Any = None) -> Claim:
    """One claim by its id, judged now; cheap enough for a slider. Raises KeyError for an unknown id."""
    _import(questions())
    if id not in _ENTRIES:
        raise KeyError(f"unknown claim {id!r}; known: {', '.join(_ENTRIES)}")
    entry = _ENTRIES[id]
    return _judge(entry, assumptions if assumptions is not None else _ASSUMPTIONS[entry.question]())


def _import(chosen: list[int]) -> None:
    for number in chosen:
        for module in _MODULES[number]:
            importlib.import_module(module)


def _place(entry: _Entry) -> tuple[int, int, int]:
    """Order of the ledger: by question, then as the modules and the functions in them are written."""
    modules, code = _MODULES[entry.question], getattr(entry.judge, "__code__", None)
    place = modules.index(entry.judge.__module__) if entry.judge.__module__ in modules else len(modules)
    return entry.question, place, code.co_firstlineno if code else 0


def to_dict(records: list[Claim]) -> dict[str, Any]:
    """Claims with their count by verdict, ready for JSON."""
    tally = {"holds": 0, "does-not-hold": 0, "depends": 0}
    for record in records:
        tally[record.verdict] += 1
    return {"claims": [record.to_dict() for record in records], "verdicts": tally}


def as_dataframe(records: list[Claim]) -> Any:
    """Claims as a pandas data frame, one row each, with readable figures."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "id": record.id,
                "statement": record.statement,
                "stated": record.stated_text,
                "computed": record.computed_text,
                "verdict": record.verdict,
                "reason": record.reason,
                "evidence": record.evidence.badge,
            }
            for record in records
        ]
    )
