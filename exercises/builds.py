"""Run a reader's function or class on drawn cases, and judge what came out of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from exercises.drawing import seed_of
from exercises.model import Build, Case, Exercise, Params, Part, Value, Verdict
from exercises.slips import SLIPS

# What one case came to: {"value": JSON} or {"raises": "ValueError"}; {"open": true} where the stub still stands.
Observation = dict[str, Value]


def draw_cases(exercise: Exercise, params: Params, hidden: str = "") -> list[Case]:
    """The cases of a variant. With a hidden word (an instructor's secret) they differ from those of practice."""
    assert exercise.build is not None
    return exercise.build.cases(params, Random(seed_of(exercise.id, json.dumps(params, sort_keys=True), secret=hidden)))


def observe(build: Build, implementation: Any, case: Case) -> Observation:
    """Run one case in this process. Arguments are fresh copies: code that changes them changes nothing else."""
    arguments = json.loads(json.dumps(case.arguments))
    try:
        value = build.driver(implementation, arguments)
        return {"value": json.loads(json.dumps(value))}
    except NotImplementedError:
        return {"open": True}
    except Exception as error:
        return {"raises": type(error).__name__}


def judge_build(build: Build, cases: Sequence[Case], seen: Sequence[Observation] | None) -> tuple[Part, ...]:
    """One part per group of cases, in their order. A group earns the share of its cases that come out as the
    reference's; without the whole first group nothing is earned. seen: None where nothing could be run."""
    groups = list(dict.fromkeys(case.group for case in cases))
    weight = 1 / len(groups)
    if seen is None or len(seen) != len(cases):
        return tuple(Part(group, Verdict.UNUSABLE, 0.0, weight, "did not run") for group in groups)
    if all(one.get("open") is True for one in seen):
        return tuple(Part(group, Verdict.OPEN, 0.0, weight, "not attempted") for group in groups)
    expected = [observe(build, build.reference, case) for case in cases]
    same = partial(_same, tolerance=build.tolerance)
    right = [same(one, other) for one, other in zip(seen, expected, strict=True)]
    slip = "" if all(right) else _which(build, cases, seen, right)
    basics = all(ok for ok, case in zip(right, cases, strict=True) if case.group == groups[0])
    parts = []
    for group in groups:
        mine = [index for index, case in enumerate(cases) if case.group == group]
        share = sum(right[index] for index in mine) / len(mine)
        if share == 1.0:
            earned = 1.0 if basics else 0.0
            say = "right" if basics else "right, and counts once the basics are"
            parts.append(Part(group, Verdict.RIGHT if basics else Verdict.WRONG, earned, weight, say))
            continue
        first = next(index for index in mine if not right[index])
        what = f"{sum(right[i] for i in mine)} of {len(mine)} cases right"
        raised = seen[first].get("raises")
        tail = f"; the first wrong one raises {str(raised)[:80]}" if raised else ""
        verdict = Verdict.SLIP if slip else Verdict.WRONG
        hint = f"; {SLIPS[slip].say}" if slip else ""
        parts.append(Part(group, verdict, share if basics else 0.0, weight, f"not yet: {what}{tail}{hint}", slip))
    return tuple(parts)


def _which(build: Build, cases: Sequence[Case], seen: Sequence[Observation], right: Sequence[bool]) -> str:
    """The listed wrong implementation that gives what was seen in every case that came out wrong."""
    failed = [(case, one) for case, one, ok in zip(cases, seen, right, strict=True) if not ok]
    for wrong in build.wrong:
        # One by one: most are told apart by the first case, and a case of a class may run a whole event loop.
        if all(_same(one, observe(build, wrong.implementation, case), build.tolerance) for case, one in failed):
            return wrong.slip
    return ""


def _same(one: Value, other: Value, tolerance: float) -> bool:
    """Equal as JSON, floats within a relative tolerance; true is not 1, and nothing equals NaN."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        try:
            return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)
        except OverflowError:
            return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key], tolerance) for key in one)
    return type(one) is type(other) and bool(one == other)
