"""The doctor: what this machine has for the workbook, and how to mend what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbook.doctor import machine_checks, package_checks, place_checks, service_checks
from workbook.doctor.model import Check

CHECKS: dict[str, Callable[[], Check]] = {
    "system": place_checks.system,
    "python": machine_checks.python,
    "set_up": place_checks.set_up,
    "cores": machine_checks.cores,
    "cpu_flags": machine_checks.cpu_flags,
    "memory": machine_checks.memory,
    "disk": machine_checks.disk,
    "folders": place_checks.folders,
    "shared_memory": place_checks.shared_memory,
    "limits": place_checks.limits,
    "clock": place_checks.clock,
    "gpu": machine_checks.gpu,
    "torch": package_checks.torch,
    "vllm": package_checks.vllm,
    "packages": package_checks.packages,
    "model": service_checks.model,
    "engine": service_checks.engine,
    "redis": service_checks.redis,
    "qdrant": service_checks.qdrant,
    "ports": machine_checks.ports,
}
DEEP: dict[str, Callable[[], Check]] = {"imports": package_checks.imports}

__all__ = ["CHECKS", "Check", "fix", "run_checks"]


def run_checks(deep: bool = False) -> Iterator[Check]:
    """Every check, as it is made; a check that breaks is a finding, not the end of the doctor."""
    for name, check in (CHECKS | DEEP if deep else CHECKS).items():
        try:
            yield check()
        except Exception as error:
            yield Check(name, "fail", f"the check broke: {type(error).__name__}: {error}", "`make setup`")


def fix() -> list[str]:
    """Mend what can be mended without installing anything; what was done, one line each."""
    from reference.serving import vllm_metadata

    done = []
    if vllm_metadata.needs_mending() and (folder := vllm_metadata.mend()):
        done.append(f"wrote the metadata that the `vllm` command looks for ({folder.name})")
    return done
