"""Every quantity that the core takes or gives by name has a plausibility band, and the import stays light."""

import dataclasses
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing

import pytest

import reference.sizing
from reference.sizing.bands import BANDS, kind_of
from reference.sizing.units import Quantity

# Modules that handle quantities of any kind; theirs cannot have one band.
GENERIC = {"units", "bands", "evidence", "sensitivity", "claims.verdicts", "claims.ledger"}


def public_owners() -> list[tuple[str, object]]:
    owners = []
    for info in pkgutil.walk_packages(reference.sizing.__path__, "reference.sizing."):
        short = info.name.removeprefix("reference.sizing.")
        if short in GENERIC:
            continue
        module = importlib.import_module(info.name)
        for name, member in vars(module).items():
            if name.startswith("_") or getattr(member, "__module__", None) != info.name:
                continue
            if inspect.isfunction(member) or (inspect.isclass(member) and dataclasses.is_dataclass(member)):
                owners.append((f"{short}.{name}", member))
    return owners


def mentions_quantity(annotation: object) -> bool:
    if typing.get_origin(annotation) is typing.Annotated:
        return False  # judged by kind_of
    return annotation is Quantity or any(mentions_quantity(part) for part in typing.get_args(annotation))


def is_claim(name: str) -> bool:
    # Claim functions take (assumptions, stated): the stated figure may be of any kind.
    return name.startswith("claims.q") and name.split(".")[2] not in ("assumptions", "design")


OWNERS = [(name, owner) for name, owner in public_owners() if not is_claim(name)]


@pytest.mark.parametrize(("name", "owner"), OWNERS, ids=[name for name, _ in OWNERS])
def test_every_public_quantity_has_a_band(name: str, owner: object) -> None:
    hints = typing.get_type_hints(owner, include_extras=True)
    # A mapping of named quantities (limits of one rate, costs by provider) is checked where its parts are made.
    naked = [
        argument
        for argument, hint in hints.items()
        if mentions_quantity(hint) and typing.get_origin(hint) not in (dict, list, tuple)
    ]
    assert not naked, f"{name}: {naked} need Annotated[Quantity, kind]"


@pytest.mark.parametrize(("name", "owner"), OWNERS, ids=[name for name, _ in OWNERS])
def test_every_named_kind_is_known_and_enforced(name: str, owner: object) -> None:
    hints = typing.get_type_hints(owner, include_extras=True)
    named = {kind for hint in hints.values() if (kind := kind_of(hint))}
    assert named <= set(BANDS)
    if named:
        assert getattr(owner, "__checked__", False), f"{name} names kinds but is not @checked"


def test_the_walk_finds_the_core() -> None:
    names = {name for name, _ in OWNERS}
    assert {"memory.fit", "roofline.Deployment", "throughput.capacity", "queueing.mgc", "hardware.Hardware"} <= names


def test_import_pulls_in_nothing_heavy() -> None:
    code = (
        "import sys, reference.sizing, reference.sizing.claims; reference.sizing.claims.claims(1); "
        "heavy = ('torch', 'vllm', 'transformers', 'scipy.stats', 'scipy.special', 'pandas', 'pydantic'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
