"""Rules as checked data: one TOML file per specialist beside this module."""

from __future__ import annotations

import functools
import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reference.agents.types import Agent, ReviewError, Severity

FOLDER = Path(__file__).parent
_ID = re.compile(r"[a-z]+/[a-z0-9-]+\Z")
_FIELDS = {"severity", "title", "why", "mend", "cwe", "owasp", "posted", "reference"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of fault.

    Attributes:
        id: "agent/name".
        title, why, mend: templates with `{name}` fields, filled from `Finding.values`; at most 120, 400 and 300
            characters.
        cwe: number, 0 if none. owasp: such as "A03:2021", empty if none.
        posted: False: in the summary's count, SARIF and HTML only, never an inline comment. For rules whose comments
            were wrong too often on the tuning set.
        reference: the tool's own name for it ("ruff B006"), for readers.
    """

    id: str
    severity: Severity
    title: str
    why: str
    mend: str
    cwe: int = 0
    owasp: str = ""
    posted: bool = True
    reference: str = ""

    @property
    def agent(self) -> Agent:
        return Agent(self.id.split("/")[0])

    @property
    def fields(self) -> frozenset[str]:
        """Names that the three templates need."""
        texts = (self.title, self.why, self.mend)
        return frozenset(name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name)

    def filled(self, values: Mapping[str, str]) -> tuple[str, str, str]:
        """(title, why, mend) with `values` put in once: braces inside a value stay as they are.

        Raises:
            ReviewError: a field of the template is missing; the message names rule and field.
        """
        if missing := self.fields - values.keys():
            raise ReviewError(f"rule {self.id}: the finding gives no value for {', '.join(sorted(missing))}")
        texts = (self.title, self.why, self.mend)
        return tuple(text.format_map(dict(values)) for text in texts)  # type: ignore[return-value]


@functools.cache
def registry() -> Mapping[str, Rule]:
    """Every rule by id. Raises ReviewError naming file, rule and field where the data is not in order."""
    found: dict[str, Rule] = {}
    for file in sorted(FOLDER.glob("*.toml")):
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            # proposed.toml holds one rule per specialist, the others one specialist's rules
            id = f"{name}/proposed" if file.stem == "proposed" else f"{file.stem}/{name}"
            made = _checked(id, entry, file.name)
            found[made.id] = made
    return found


def rule(id: str) -> Rule:
    """Raises ReviewError for an id that is in no file."""
    try:
        return registry()[id]
    except KeyError:
        raise ReviewError(f"rule {id!r} is not in the registry; add it to rules/{id.split('/')[0]}.toml") from None


def _checked(id: str, entry: Mapping[str, object], file: str) -> Rule:
    where = f"{file}: [{id.split('/')[1]}]"
    if not _ID.match(id) or id.split("/")[0] not in {agent.value for agent in Agent}:
        raise ReviewError(f"{where}: not a rule name of a specialist")
    if unknown := entry.keys() - _FIELDS:
        raise ReviewError(f"{where}: unknown field {sorted(unknown)[0]}; there are {', '.join(sorted(_FIELDS))}")
    for name, longest in (("title", 120), ("why", 400), ("mend", 300)):
        text = entry.get(name)
        if not isinstance(text, str) or not text or len(text) > longest:
            raise ReviewError(f"{where}.{name}: a text of 1 to {longest} characters is needed")
    try:
        severity = Severity[str(entry["severity"]).upper()]
    except KeyError:
        raise ReviewError(f"{where}.severity: one of suggestion, warning, critical") from None
    rest = {key: value for key, value in entry.items() if key not in {"severity"}}
    return Rule(id=id, severity=severity, **rest)  # type: ignore[arg-type]
