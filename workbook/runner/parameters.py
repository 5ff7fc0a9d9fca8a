"""Parameters of a notebook: what its cell tagged `parameters` defines, and what a run may set.

papermill warns about an unknown name and runs on with the default, so a misspelt parameter goes unnoticed; here it is
an error, and so is a value of another type than the default's.
"""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass
from typing import Any

from workbook.errors import ListingError, UsageError


@dataclass(frozen=True)
class Parameter:
    """A name of the parameters cell and its default; `literal` is False where the default is computed."""

    name: str
    default: Any
    literal: bool = True

    @property
    def kind(self) -> str:
        return type(self.default).__name__ if self.literal and self.default is not None else "any"


def declared(notebook: Any, where: str) -> dict[str, Parameter]:
    """The parameters of a notebook (an nbformat node), by name; {} where no cell is tagged `parameters`.

    Raises ListingError if two cells are tagged, or the cell does more than assign names.
    """
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if not tagged:
        return {}
    if len(tagged) > 1:
        raise ListingError(f"{where} has {len(tagged)} cells tagged `parameters`", "tag one")
    try:
        tree = ast.parse(tagged[0].source)
    except SyntaxError as error:
        raise ListingError(f"{where}: the parameters cell is not Python: {error.msg}", f"line {error.lineno}") from None
    found: dict[str, Parameter] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target, value = statement.target, statement.value
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        else:
            target, value = None, None
        if not isinstance(target, ast.Name) or value is None:
            raise ListingError(
                f"{where}: line {statement.lineno} of the parameters cell is no `name = value`",
                "keep imports and computation in the next cell",
            )
        try:
            found[target.id] = Parameter(target.id, ast.literal_eval(value))
        except ValueError:
            found[target.id] = Parameter(target.id, None, literal=False)
    return found


def parse_assignments(texts: list[str]) -> dict[str, str]:
    """`name=value` texts of the command line as {name: raw value}; UsageError names the one that is malformed."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise UsageError(f"-p {text!r} is not name=value", "write for instance -p requests=40")
        if name in found:
            raise UsageError(f"-p {name} is given twice", "keep one")
        found[name] = value
    return found


def coerce(parameter: Parameter, raw: str) -> Any:
    """The command line's text as a value of the default's type, read as YAML; UsageError if it is of another type."""
    import yaml

    if parameter.kind == "str":
        return raw
    try:
        value = yaml.safe_load(raw)
    except yaml.YAMLError:
        value = raw
    if parameter.kind == "float" and isinstance(value, str):
        # YAML 1.1 reads 1e6 as a text; a reader means the number.
        with contextlib.suppress(ValueError):
            value = float(value)
    return check(parameter, value, UsageError, f"-p {parameter.name}={raw}")


def check(parameter: Parameter, value: Any, error: type[UsageError] | type[ListingError], where: str) -> Any:
    """The value if it is of the default's type (an int may stand for a float), else `error` says what was expected."""
    if parameter.kind == "any":
        return value
    if parameter.kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if parameter.kind in ("tuple", "set") and isinstance(value, list):
        return type(parameter.default)(value)
    if type(value) is not type(parameter.default):
        raise error(
            f"{where}: {parameter.name} is {_a(parameter.kind)}, {value!r} is {_a(type(value).__name__)}",
            f"its default is {parameter.default!r}",
        )
    return value


def resolve(
    known: dict[str, Parameter], where: str, profile: str, of_profile: dict[str, Any], given: dict[str, str]
) -> dict[str, Any]:
    """What to inject: the profile's parameters overlaid by the command line's.

    A notebook that has a parameter called `profile` is told the profile's name. Raises ListingError for a fault of the
    listing, UsageError for one of the command line; both list the known names.
    """
    names = ", ".join(sorted(known)) or "none: no cell is tagged `parameters`"
    values: dict[str, Any] = {"profile": profile} if "profile" in known else {}
    for name, value in of_profile.items():
        if name not in known:
            raise ListingError(f"{where}: profile {profile} sets an unknown parameter {name!r}", f"known: {names}")
        values[name] = check(known[name], value, ListingError, f"{where}, profile {profile}")
    for name, raw in given.items():
        if name not in known:
            raise UsageError(f"{where} has no parameter {name!r}", f"known: {names}")
        values[name] = coerce(known[name], raw)
    return values


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
