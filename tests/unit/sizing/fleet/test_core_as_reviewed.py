"""No event of the simulated fleet falls elsewhere without somebody reading the change."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from core_as_reviewed import REVIEWED, fleet_run, replica_run

from reference.sizing.fleet import core_state

REVIEWED_RUNS = json.loads(REVIEWED.read_text(encoding="utf-8"))
REWRITE = "if it is meant: python tests/unit/sizing/fleet/core_as_reviewed.py, and read the difference"
PARTS = 6  # runs are dealt out to so many tests
FLEET = Path(core_state.__file__).parent
UNCOMPILED = {"core_state.py", "core_fleet_state.py"}  # they make what the compiled functions work on


@pytest.mark.parametrize("name", sorted({path.name for path in FLEET.glob("core*.py")} - UNCOMPILED))
def test_every_function_of_the_loop_is_compiled(name: str) -> None:
    functions = [
        one for one in ast.walk(ast.parse((FLEET / name).read_text("utf-8"))) if isinstance(one, ast.FunctionDef)
    ]
    how = {one.name: [ast.unparse(each) for each in one.decorator_list] for one in functions if one.name != "_made"}
    assert how
    assert all(each in (["compiled"], ["compiled_apart"], ["cached"]) for each in how.values()), how


@pytest.mark.parametrize("part", range(PARTS))
def test_drawn_fleets_and_their_engines_do_what_was_reviewed(part: int) -> None:
    for name in sorted(REVIEWED_RUNS)[part::PARTS]:
        kind, seed = name.split()
        found = (fleet_run if kind == "fleet" else replica_run)(int(seed))
        # On another processor the last digit of a time may differ; times are kept as float32.
        assert found == pytest.approx(REVIEWED_RUNS[name], rel=1e-5), f"{name}: {REWRITE}"
