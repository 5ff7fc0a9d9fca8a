"""What holds for every exercise: well-posed variants, solutions that earn everything, recognised mistakes."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
from functools import cache
from pathlib import Path

import pytest

from exercises.builds import draw_cases, judge_build, observe
from exercises.catalogue import QUESTIONS, all_exercises, exercise, exercises_of, solution
from exercises.checking import judge
from exercises.drawing import mistakes_of, variant
from exercises.model import Kind, Mark, Verdict
from exercises.numbers import judge_ask, rounded
from exercises.slips import SLIPS

ROOT = Path(__file__).resolve().parents[3]
VARIANTS = 50
every = pytest.mark.parametrize("one", all_exercises(), ids=lambda one: one.id)
asked = pytest.mark.parametrize("one", [e for e in all_exercises() if e.asks], ids=lambda one: one.id)
built = pytest.mark.parametrize("one", [e for e in all_exercises() if e.build], ids=lambda one: one.id)
# Hundreds of scores a case, an event loop a case, and one after the other: their variants differ in numbers only.
LONG = ("q4-safe-threshold", "q5-single-flight", "q1-conversation-window")
TRIVIAL = [None, 0, 1, -1, True, False, "", [], {}, [[]], [0], 0.5]


@cache
def _drawn(name):
    """Different ones of VARIANTS draws: whatever is checked depends on the numbers alone."""
    one = exercise(name)
    drawn = [variant(one, f"person {number}") for number in range(VARIANTS)]
    return tuple({json.dumps(params, sort_keys=True): params for params in drawn}.values())


@cache
def _known(name, number):
    """What is right and which mistakes are known, of one variant; both take most of a check's time."""
    one = exercise(name)
    params = _drawn(name)[number]
    return one.answers(params), mistakes_of(one, params)


def variants(one, n=VARIANTS):
    return _drawn(one.id)[:n]


def some(one):
    """Variants to run every case on."""
    return variants(one, 10 if one.id in LONG else VARIANTS)


def remembering(one):
    """The exercise, whose driver runs an implementation on a case once: each wrong one is compared with all others."""
    known = {}

    def driver(implementation, arguments):
        key = implementation, json.dumps(arguments, sort_keys=True)
        if key not in known:
            try:
                known[key] = one.build.driver(implementation, arguments), None
            except Exception as error:
                known[key] = None, error
        value, error = known[key]
        if error is not None:
            raise error
        return value

    return dataclasses.replace(one, build=dataclasses.replace(one.build, driver=driver))


def solved(one, params):
    """What the solution's code leaves behind, run with the variant's numbers and nothing else."""
    space = dict(json.loads(json.dumps(params)))
    exec(compile(solution(one.id).code, one.id, "exec"), space)
    return space


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_five_exercises_of_all_four_kinds(question):
    ours = exercises_of(question)
    assert len(ours) >= 5
    assert {one.kind for one in ours} == set(Kind)
    assert len({one.title for one in ours}) == len(ours)


@every
def test_an_exercise_is_described_whole(one):
    assert one.question in QUESTIONS
    assert len(one.hints) >= 2
    assert one.difficulty in (1, 2, 3)
    assert one.minutes > 0
    assert one.points > 0
    assert bool(one.asks) + bool(one.build) + bool(one.rubric) == 1
    expected = {Kind.SIZE: one.asks, Kind.FIND: one.asks, Kind.BUILD: one.build, Kind.DESIGN: one.rubric}
    assert expected[one.kind]
    assert len(solution(one.id).worked) > 100


@every
def test_the_section_that_it_names_is_in_the_notebook(one):
    (notebook,) = (ROOT / "notebooks").glob(f"{one.question}_*.py")
    headings = re.findall(r"^# ###? (\d[\d.]*)", notebook.read_text(), re.MULTILINE)
    assert one.section in [heading.rstrip(".") for heading in headings]


@pytest.mark.slow
@every
def test_variants_are_the_same_for_one_person_and_differ_between_people(one):
    first, again = variant(one, "ada"), variant(one, "ada")
    assert first == again
    if len(variants(one)) < 4:
        pytest.fail(f"{one.id} has fewer than four variants in {VARIANTS} draws")


@pytest.mark.slow
@every
def test_a_task_shows_no_unfilled_place_and_names_what_is_asked(one):
    for params in variants(one, 5):
        text = one.prompt(params)
        assert "{" not in text.replace("{{", "")
        for ask in one.asks:
            assert f"`{ask.name}`" in text
        if one.build:
            assert one.build.name in text


@pytest.mark.slow
@asked
def test_parameters_hold_no_chosen_answer(one):
    """They are handed out with the task; a choice among them would be its key."""
    for number, params in enumerate(variants(one)):
        right, _ = _known(one.id, number)
        for ask in one.asks:
            if ask.choices:
                assert right[ask.name] in ask.choices
                assert right[ask.name] not in params.values()


@asked
def test_the_solution_earns_everything_on_every_variant(one):
    for params in variants(one):
        found = solved(one, params)
        mark = judge(one, params, {ask.name: found[ask.name] for ask in one.asks})
        assert mark.earned == pytest.approx(one.points), (params, mark)


@asked
def test_every_listed_mistake_is_recognised_as_what_it_is(one):
    for number, params in enumerate(variants(one)):
        right, listed = _known(one.id, number)
        for ask in one.asks:
            for mistake in listed[ask.name]:
                value = mistake.value if ask.choices else rounded(ask, float(mistake.value))
                part = judge_ask(ask, value, right[ask.name], listed[ask.name])
                assert part.verdict is Verdict.SLIP, (params, mistake, part)
                assert part.slip == mistake.slip
                assert part.earned < 1


@asked
def test_every_exercise_knows_mistakes_of_its_own(one):
    for number in range(3):
        _, listed = _known(one.id, number)
        assert all(listed[ask.name] for ask in one.asks)


@pytest.mark.slow
@built
def test_the_solution_passes_every_case_on_every_variant(one):
    for number, params in enumerate(some(one)):
        implementation = solved(one, params)[one.build.name]
        cases = draw_cases(one, params, hidden=f"secret {number}")
        seen = [observe(one.build, implementation, case) for case in cases]
        mark = judge(one, params, {}, seen=seen, hidden=f"secret {number}")
        assert mark.earned == pytest.approx(one.points), (params, mark)


@pytest.mark.slow
@built
def test_every_wrong_implementation_is_recognised_as_what_it_is(one):
    assert len(one.build.wrong) >= 2
    for params in some(one):
        once, cases = remembering(one), draw_cases(one, params)
        for wrong in one.build.wrong:
            seen = [observe(once.build, wrong.implementation, case) for case in cases]
            mark = Mark(one.id, one.points, judge_build(once.build, cases, seen))
            assert mark.share < 1, (wrong.slip, params)
            assert {part.slip for part in mark.parts if part.slip} == {wrong.slip}, (wrong.slip, params, mark)


@pytest.mark.slow
@built
def test_what_does_nothing_earns_nothing(one):
    params, once = variant(one, "ada"), remembering(one)
    for value in TRIVIAL:
        seen = [{"value": value} for _ in draw_cases(one, params)]
        assert judge(once, params, {}, seen=seen).earned == 0, value
    echo = [{"value": next(iter(case.arguments.values()), None)} for case in draw_cases(one, params)]
    assert judge(once, params, {}, seen=echo).earned == 0


@built
def test_the_stub_is_an_open_answer(one):
    params = variant(one, "ada")
    space: dict[str, object] = {}
    exec(compile(one.build.stub, "stub", "exec"), space)
    seen = [observe(one.build, space[one.build.name], case) for case in draw_cases(one, params)]
    assert all(part.verdict is Verdict.OPEN for part in judge(one, params, {}, seen=seen).parts)


@built
def test_cases_are_enough_and_differ_when_hidden(one):
    params = variant(one, "ada")
    cases = draw_cases(one, params)
    assert len(cases) >= 12
    assert len({case.group for case in cases}) >= 3
    assert [case.group for case in cases] == [case.group for case in draw_cases(one, params, hidden="x")]
    assert cases != draw_cases(one, params, hidden="x")
    for case in cases:
        assert json.loads(json.dumps(case.arguments)) == case.arguments


@built
def test_a_driver_stands_alone_in_the_standard_library(one):
    tree = ast.parse(inspect.getsource(one.build.driver))
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    space: dict[str, object] = {}
    exec(compile(tree, "driver", "exec"), space)  # as the grader sends it: nothing of its module around it
    params = variant(one, "ada")
    implementation = solved(one, params)[one.build.name]
    for case in draw_cases(one, params):
        alone = dataclasses.replace(one.build, driver=space[function.name])
        assert observe(alone, implementation, case) == observe(one.build, implementation, case)


@pytest.mark.parametrize("one", [e for e in all_exercises() if e.rubric], ids=lambda one: one.id)
def test_a_rubric_adds_up_and_says_what_to_quote(one):
    assert sum(criterion.points for criterion in one.rubric) == one.points
    assert len(one.rubric) >= 3
    assert all(c.full and c.part and c.evidence for c in one.rubric)


def test_every_slip_is_used_or_is_tried_on_every_number():
    text = "\n".join(path.read_text() for path in (ROOT / "exercises").rglob("*.py"))
    generic = {key for key, slip in SLIPS.items() if slip.factors} | {"reciprocal", "rounded_down", "not_rounded"}
    assert not [key for key in SLIPS if key not in generic and text.count(f'"{key}"') < 2]
