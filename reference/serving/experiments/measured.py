"""MEASURED evidence for what ran just now on this machine."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.sizing import Measured


def machine_text(machine: dict[str, Any]) -> str:
    """One line: processor, cores, memory, GPUs."""
    gpus = f", {', '.join(machine['gpus'])}" if machine["gpus"] else ", no GPU"
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB{gpus}"


def measured_here(command: str, n: int, spread: str) -> Measured:
    """Evidence for a measurement of this run: machine and versions are looked up, the rest is the caller's.

    command: the call that produced the figure; n: repetitions behind it; spread: how far they lay apart, with units.
    """
    from reference.serving.load import provenance
    from reference.sizing import Measured

    versions = provenance.versions(("vllm", "torch", "redis"))
    return Measured(machine_text(provenance.machine()), versions, command, n, spread, dt.date.today())
