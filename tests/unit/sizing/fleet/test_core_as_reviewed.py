"""No event of the simulated fleet falls elsewhere without somebody reading the change."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import reviewed_fleets
from core_as_reviewed import REVIEWED, RUNS
from reviewed import differences

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
        found = RUNS[kind][0](int(seed))
        # On another processor the last digit of a time may differ; times are kept as float32.
        assert found == pytest.approx(REVIEWED_RUNS[name], rel=1e-5), f"{name}: {REWRITE}"


@pytest.mark.parametrize("module", [name for name in reviewed_fleets.declarations() if ".core" in name])
def test_what_the_loops_work_on_is_what_was_reviewed(module: str) -> None:
    wanted = reviewed_fleets.as_reviewed().get(module, {})
    assert not differences(reviewed_fleets.found(module, wanted), wanted), reviewed_fleets.REWRITE
    now = reviewed_fleets.declared_now(module)
    assert not differences(now, reviewed_fleets.declarations()[module]), reviewed_fleets.REWRITE
