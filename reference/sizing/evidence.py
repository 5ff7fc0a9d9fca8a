"""Evidence: where a number comes from. Every figure a reader sees is DERIVED, MEASURED, SIMULATED or CITED.

A constant of a stub, a mock or a sleep is none of these, and least of all MEASURED.
"""

from __future__ import annotations

import datetime as dt
import html
import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from .units import Quantity, show


def _text(value: Any) -> str:
    return show(value) if isinstance(value, Quantity | int | float) and not isinstance(value, bool) else str(value)


def plain(value: Any) -> Any:
    """A value as JSON can hold it: quantities become {"value", "unit"}, dates ISO text."""
    if isinstance(value, Quantity):
        return {"value": float(value.magnitude), "unit": f"{value.units:~P}"}
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Figure | Evidence):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


@dataclass(frozen=True)
class Evidence:
    """Base of the four kinds. `to_dict()` is the JSON form, `markdown()` and `_repr_html_()` draw the badge."""

    badge: ClassVar[str] = ""
    colour: ClassVar[str] = "#666"

    def summary(self) -> str:
        """One line for a reader: what stands behind the number."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        fields = {key: getattr(self, key) for key in asdict(self)}
        return {"kind": self.badge, **plain(fields), "summary": self.summary()}

    def markdown(self) -> str:
        """Badge and summary as Markdown."""
        return f"**{self.badge}** {self.summary()}"

    def badge_html(self) -> str:
        """The badge alone as HTML, with the summary as its title."""
        return (
            f'<span title="{html.escape(self.summary(), quote=True)}" style="background:{self.colour};color:#fff;'
            f'border-radius:3px;padding:0 .4em;font-size:75%;font-weight:600">{self.badge}</span>'
        )

    def _repr_html_(self) -> str:
        return f"{self.badge_html()} {html.escape(self.summary())}"


@dataclass(frozen=True)
class Derived(Evidence):
    """Computed by a function of this package from named assumptions. `units_checked`: the function enforces them."""

    badge: ClassVar[str] = "DERIVED"
    colour: ClassVar[str] = "#2b6cb0"
    function: str
    assumptions: Mapping[str, Any] = field(default_factory=dict)
    units_checked: bool = True

    def summary(self) -> str:
        given = ", ".join(f"{name} = {_text(value)}" for name, value in self.assumptions.items())
        return f"{self.function}({given})"


@dataclass(frozen=True)
class Measured(Evidence):
    """Came out of a real run. `spread` says how far the n repetitions lay apart, in words or with its unit."""

    badge: ClassVar[str] = "MEASURED"
    colour: ClassVar[str] = "#2f855a"
    machine: str
    versions: Mapping[str, str]
    command: str
    n: int
    spread: str
    date: dt.date

    def __post_init__(self) -> None:
        missing = [name for name in ("machine", "command", "spread") if not getattr(self, name).strip()]
        if missing or not self.versions:
            raise ValueError(f"a measurement needs {', '.join(missing or ['versions'])}")
        if self.n < 1:
            raise ValueError(f"a measurement needs n >= 1, got n={self.n}")

    def summary(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.command} on {self.machine} ({versions}), n={self.n}, spread {self.spread}, {self.date}"


@dataclass(frozen=True)
class Simulated(Evidence):
    """A discrete-event simulation; `validation` names the point at which it was checked and how close it came."""

    badge: ClassVar[str] = "SIMULATED"
    colour: ClassVar[str] = "#b7791f"
    model: str
    validation: str
    n: int
    seed: int
    spread: str

    def __post_init__(self) -> None:
        if not self.validation.strip():
            raise ValueError("a simulation needs validation: the point it was checked at and its error there")

    def summary(self) -> str:
        return f"{self.model}, n={self.n}, seed {self.seed}, spread {self.spread}; checked at {self.validation}"


@dataclass(frozen=True)
class Cited(Evidence):
    """Somebody else's published figure. `date` is that of the publication or of the look-up; None means unknown."""

    badge: ClassVar[str] = "CITED"
    colour: ClassVar[str] = "#6b46c1"
    source: str
    date: dt.date | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise ValueError("a citation needs a source")

    def summary(self) -> str:
        date = self.date.isoformat() if self.date else "date unknown"
        return f"{self.source} ({date})" + (f": {self.note}" if self.note else "")


@dataclass(frozen=True)
class Figure:
    """A value together with its evidence; a notebook cell that ends in one shows the value and the badge."""

    value: Any
    evidence: Evidence
    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "value": plain(self.value), "evidence": self.evidence.to_dict()}

    def markdown(self) -> str:
        """Name, value and badge as Markdown."""
        return f"{self.name + ': ' if self.name else ''}{_text(self.value)} {self.evidence.markdown()}"

    def _repr_html_(self) -> str:
        label = f"{html.escape(self.name)}: " if self.name else ""
        return f"{label}<b>{html.escape(_text(self.value))}</b> {self.evidence._repr_html_()}"


def derive(function: Callable[..., Any], /, *args: Any, name: str = "", **assumptions: Any) -> Figure:
    """Call `function` and keep what it was called with as DERIVED evidence. Figures are accepted as arguments."""

    def bare(value: Any) -> Any:
        return value.value if isinstance(value, Figure) else value

    bound = inspect.signature(function).bind(*args, **assumptions)
    value = function(*map(bare, args), **{key: bare(item) for key, item in assumptions.items()})
    module = getattr(function, "__module__", "").removeprefix("reference.sizing.")
    evidence = Derived(
        function=f"{module}.{function.__qualname__}",
        assumptions={key: bare(item) for key, item in bound.arguments.items()},
        units_checked=bool(getattr(function, "__checked__", False)),
    )
    return Figure(value, evidence, name or function.__name__.replace("_", " "))
