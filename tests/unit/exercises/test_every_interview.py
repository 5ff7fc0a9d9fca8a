"""What holds for every interview: its design runs, every follow-up changes it, and the rubric can be marked."""

from __future__ import annotations

import math
from functools import cache

import pytest

from exercises.catalogue import QUESTIONS
from exercises.interviews.catalogue import interview_of
from exercises.interviews.model import Phase, values

every = pytest.mark.parametrize("question", QUESTIONS)


@cache
def _designed(question, numbers):
    return interview_of(question).design(dict(numbers))


def figures(interview, numbers):
    return {figure.name: figure for figure in _designed(interview.question, tuple(sorted(numbers.items())))}


@every
def test_the_design_runs_on_its_own_parameters_and_is_finite(question):
    interview = interview_of(question)
    found = figures(interview, values(interview))
    assert len(found) >= 5
    assert all(math.isfinite(figure.value) for figure in found.values())
    assert all(figure.badge in ("DERIVED", "SIMULATED", "MEASURED") for figure in found.values())
    assert len(found) == len(_designed(question, tuple(sorted(values(interview).items()))))


@pytest.mark.slow
@every
def test_every_follow_up_changes_the_figure_that_it_asks_for(question):
    interview = interview_of(question)
    now = values(interview)
    assert len(interview.follow_ups) >= 5
    for one in interview.follow_ups:
        change = one.change(now)
        assert change
        assert set(change) <= set(now)
        after = {**now, **change}
        before, later = figures(interview, now), figures(interview, after)
        assert before.keys() == later.keys()
        assert before[one.asks].value != later[one.asks].value, one.say
        now = after


@every
def test_every_phase_has_a_prompt_and_follow_ups_come_in_order(question):
    interview = interview_of(question)
    assert set(interview.prompts) == set(Phase)
    assert all(interview.prompts[phase] for phase in Phase)
    order = [list(Phase).index(one.phase) for one in interview.follow_ups]
    assert order == sorted(order)


@pytest.mark.slow
@every
def test_every_follow_up_stands_alone_too(question):
    interview = interview_of(question)
    for one in interview.follow_ups:
        assert figures(interview, {**values(interview), **one.change(values(interview))})


@every
def test_the_rubric_says_what_to_quote(question):
    rubric = interview_of(question).rubric
    assert 5 <= len(rubric) <= 9
    assert sum(criterion.points for criterion in rubric) == 20
    assert all(c.full and c.part and c.evidence for c in rubric)
    assert len({c.name for c in rubric}) == len(rubric)


@every
def test_prompts_and_follow_ups_give_no_number_of_the_answer_away(question):
    interview = interview_of(question)
    spoken = " ".join([interview.opening, *(one.say for one in interview.follow_ups)])
    for figure in figures(interview, values(interview)).values():
        if abs(figure.value) >= 13:  # small numbers stand in any sentence
            assert f"{figure.value:,.0f}" not in spoken
