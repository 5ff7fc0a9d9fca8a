"""Every figure that the source states, and its verdict: which records of the ledger judge it.

`figures/qN.toml` lists the figures in our own words. A figure has the verdict of the first record that it names; the
others rest on it too. What a question starts from (users, documents, requests) has no truth of its own: its verdict is
"given", once the ledger shows what turns with it (`givens`). A record judges a figure only if it read it: `carries`
looks, so that none is attributed by mistake. Names of things (GPU models, versions, cache levels) are no figures.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from reference.sizing.units import Q, Quantity

from .givens import what_turns
from .ledger import Claim, claims, questions
from .verdicts import Verdict

Kind = Literal["claim", "given", "definition", "statement"]
FIELDS = ("key", "says", "values", "unit", "kind", "records", "field")


@dataclass(frozen=True)
class StatedFigure:
    """One figure of the source.

    Attributes:
        values: numbers in `unit`; more than one for a range or a list; none for a statement.
        kind: `claim`; `given`, what the question starts from; `definition`, what a word means; `statement`, a claim
            without a number.
        records: ids of the records that judge it, its own first.
        field: of a given figure, the assumption of the question that holds it.
    """

    question: int
    key: str
    says: str
    values: tuple[float, ...]
    unit: str
    kind: Kind
    records: tuple[str, ...]
    field: str

    @property
    def id(self) -> str:
        return f"q{self.question}.{self.key}"


@dataclass(frozen=True)
class JudgedFigure:
    """A figure with its verdict. `verdict` is None where nothing judges it, and `reason` says what is missing."""

    figure: StatedFigure
    verdict: Verdict | Literal["given"] | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        figure = self.figure
        return {
            "id": figure.id, "question": figure.question, "says": figure.says, "values": list(figure.values),
            "unit": figure.unit, "kind": figure.kind, "records": list(figure.records), "verdict": self.verdict,
            "reason": self.reason,
        }  # fmt: skip


@functools.cache
def _file(question: int) -> tuple[StatedFigure, ...]:
    text = resources.files(__package__).joinpath("figures", f"q{question}.toml").read_text("utf-8")
    return tuple(_row(question, row) for row in tomllib.loads(text)["figures"])


def _row(question: int, row: Mapping[str, Any]) -> StatedFigure:
    if set(row) - set(FIELDS) or not {"key", "says", "kind"} <= set(row):
        raise ValueError(f"figures/q{question}.toml: {row} needs key, says and kind, and no other than {FIELDS}")
    values = tuple(float(value) for value in row.get("values", ()))
    records = tuple(f"q{question}.{name}" for name in row.get("records", ()))
    unit, field = row.get("unit", ""), row.get("field", "")
    return StatedFigure(question, row["key"], row["says"], values, unit, row["kind"], records, field)


def stated_figures(question: int | None = None) -> list[StatedFigure]:
    """All figures of the source, or those of one question, in its order."""
    return [figure for number in (questions() if question is None else [question]) for figure in _file(number)]


def carries(record: Claim, value: float, unit: str) -> bool:
    """Whether the number is in the record: its stated figure, or an assumption that its function read."""
    read = record.evidence.to_dict()["assumptions"]
    numbers = [(record.stated, record.unit), *(pair for one in read.values() for pair in _numbers(one))]
    return any(same_figure(value, unit, number, of) for number, of in numbers)


def _numbers(value: Any) -> list[tuple[float, str]]:
    """The numbers in one assumption with their units; those in a name such as `a100-80`, and the length of a list."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [(float(value), "")]
    if isinstance(value, str):
        return [(float(number), "") for number in re.findall(r"\d+(?:\.\d+)?", value)]
    if isinstance(value, Mapping):
        return [(value["value"], value["unit"])]
    return [(float(len(value)), ""), *(pair for one in value for pair in _numbers(one))]


def same_figure(value: float, unit: str, number: float, of: str) -> bool:
    """Whether `value` in `unit` is `number` in the unit `of`, to a millionth; a number without a unit fits any."""
    if not (unit and of):  # many assumptions are plain numbers whose unit is in their words
        return math.isclose(value, number, rel_tol=1e-6)
    asked, found = Q(value, unit), Q(number, of)
    if not asked.is_compatible_with(found):
        return False
    return math.isclose(float((asked / found).to("").magnitude), 1.0, rel_tol=1e-6) if number else value == 0


def judged_figures(question: int | None = None, records: Iterable[Claim] | None = None) -> list[JudgedFigure]:
    """Every figure with its verdict. records: those of the question if they are judged already, else judged now."""
    known = {record.id: record for record in (claims(question) if records is None else records)}
    return [_judge(figure, known) for figure in stated_figures(question)]


def _judge(figure: StatedFigure, records: Mapping[str, Claim]) -> JudgedFigure:
    if figure.kind == "given":
        return _given(figure)
    missing = [id for id in figure.records if id not in records]
    if missing or not figure.records:
        return JudgedFigure(figure, None, f"no record {', '.join(missing) or 'is named'}: add one to the ledger")
    own = [records[id] for id in figure.records]
    if figure.kind == "claim":
        unread = [value for value in figure.values if not any(carries(one, value, figure.unit) for one in own)]
        if unread:
            return JudgedFigure(figure, None, f"none of its records read {unread[0]:g}: name the one that does")
        if not any(carries(own[0], value, figure.unit) for value in figure.values):
            return JudgedFigure(figure, None, f"{own[0].id} did not read it: put the record that did first")
    failed = [one.id for one in own[1:] if one.verdict == "does-not-hold" != own[0].verdict]
    rest = f"; of what rests on it does not hold: {', '.join(failed)}" if failed else ""
    return JudgedFigure(figure, own[0].verdict, own[0].reason + rest)


def _given(figure: StatedFigure) -> JudgedFigure:
    try:
        turned = what_turns(figure.question, figure.field)
    except KeyError as error:
        return JudgedFigure(figure, None, str(error.args[0]))
    held = _numbers(_plain(turned.value))
    if not all(any(same_figure(value, figure.unit, *one) for one in held) for value in figure.values):
        return JudgedFigure(figure, None, f"the assumption {figure.field} holds another value")
    if not turned.read_by:
        return JudgedFigure(figure, None, f"no record reads the assumption {figure.field}")
    return JudgedFigure(figure, "given", turned.reason)


def _plain(value: Any) -> Any:
    return {"value": float(value.magnitude), "unit": f"{value.units:~P}"} if isinstance(value, Quantity) else value


def figure_counts(question: int | None = None, judged: list[JudgedFigure] | None = None) -> dict[str, int]:
    """How many figures are listed, have a verdict, and have which."""
    found = judged_figures(question) if judged is None else judged
    verdicts = [one.verdict for one in found]
    counted = {name: verdicts.count(name) for name in ("holds", "does-not-hold", "depends", "given")}
    return {"figures": len(found), "with-verdict": len(found) - verdicts.count(None), **counted}
