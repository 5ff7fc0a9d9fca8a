"""Mutants of the fleet's compiled loops meet tests as plain Python: to compile one takes a minute.

The same functions then run a hundred times slower, so they meet only runs that are small enough for that. All other
mutants meet loops that were compiled before, or each fork would load them anew.
"""

from __future__ import annotations

import re

LOOPS = re.compile(r"sizing/fleet/core\w*\.py$")
SMALL_RUNS = "test_core_as_reviewed"


class Compiled:
    """A pytest plugin: the loops are compiled, and loaded into this process, before any test."""

    def pytest_collection_finish(self) -> None:
        from reference.sizing.fleet.engine import simulate_engine
        from reference.sizing.fleet.oracle_designs import random_case
        from reference.sizing.fleet.simulate import simulate

        workload, design = random_case(0, 10)
        simulate(workload, design)
        simulate_engine(workload, design.engine)


class Uncompiled(Compiled):
    """The same loops loaded, but numba's decorators leave functions as they are."""

    def pytest_configure(self) -> None:
        import numba

        numba.config.DISABLE_JIT = 1


def how(path: str) -> Uncompiled | Compiled | None:
    """The plugin with which tests meet a mutant of `path`; None outside of sizing."""
    if LOOPS.search(path):
        return Uncompiled()
    return Compiled() if path.startswith("reference/sizing/") else None
