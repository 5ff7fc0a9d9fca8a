"""The machine: phases, the clock, follow-ups, estimates."""

from __future__ import annotations

import dataclasses

import pytest
from sample_interview import SAMPLE, design

from exercises.interviews.model import MINUTES, Phase
from workbook.errors import UsageError
from workbook.interview.interviewer import due, remarks
from workbook.interview.session import NotNow, Session
from workbook.interview.timing import lengths


def on_to(session, phase):
    while session.phase is not phase:
        session.next()


@pytest.mark.parametrize("minutes", [30, 45])
def test_the_phases_share_the_time_as_listed(minutes):
    found = lengths(minutes)
    assert sum(found.values()) == pytest.approx(60 * minutes)
    assert found[Phase.DEEP_DIVE] / found[Phase.CLARIFY] == pytest.approx(
        MINUTES[Phase.DEEP_DIVE] / MINUTES[Phase.CLARIFY]
    )


@pytest.mark.parametrize("minutes", [0, 31, 60, -30])
def test_another_length_is_refused_by_name(minutes):
    with pytest.raises(UsageError, match="--minutes"):
        Session(SAMPLE, minutes)


def test_phases_come_in_order_and_their_times_add_up(session, clock):
    for phase, at in zip(Phase, (10, 50, 700, 900, 1000), strict=True):
        assert session.phase is phase
        clock.to(session, at)
        session.next()
    assert session.state.ended == "done"
    spent = session.state.spent()
    assert list(spent) == list(Phase)
    assert list(spent.values()) == pytest.approx([10, 40, 650, 200, 100])


def test_a_pause_is_nobodys_time(session, clock):
    clock.to(session, 30)
    session.pause()
    clock.now += 500
    assert session.elapsed == pytest.approx(30)
    with pytest.raises(NotNow, match="paused"):
        session.next()
    session.go_on()
    clock.now += 5
    assert session.elapsed == pytest.approx(35)
    assert session.in_phase == pytest.approx(35)


def test_a_phase_that_takes_too_long_is_told_once_and_goes_on(session, clock):
    clock.to(session, 119)
    assert remarks(session) == []
    clock.to(session, 121)
    assert "2:00 for clarify are over" in remarks(session)[0]
    assert remarks(session) == []
    clock.to(session, 400)
    session.note("still clarifying")
    assert session.phase is Phase.CLARIFY


def test_when_the_time_is_over_the_sentence_may_be_finished(session, clock):
    clock.to(session, 1801)
    assert "Finish your sentence" in remarks(session)[0]
    assert remarks(session) == []
    session.note("and so I would shed load")
    assert session.next() is None
    assert session.state.ended == "time"
    assert "shed load" in session.state.words()
    with pytest.raises(NotNow, match="over"):
        session.note("too late")


def test_the_computing_of_a_design_costs_the_candidate_no_time(clock):
    def slow(numbers):
        clock.now += 60
        return design(numbers)

    session = Session(dataclasses.replace(SAMPLE, design=slow), clock=clock)
    clock.to(session, 10)
    session.look()
    assert session.elapsed == pytest.approx(10)


def test_a_follow_up_shows_nothing_new_before_the_estimate(session):
    on_to(session, Phase.DEEP_DIVE)
    session.put_follow_up()
    assert session.state.changes == []
    assert [figure.name for figure in session.to_estimate()] == ["replicas"]
    with pytest.raises(NotNow, match="estimate"):
        session.look()
    with pytest.raises(NotNow, match="estimate"):
        session.put_follow_up()
    with pytest.raises(NotNow, match="cost"):
        session.estimate("cost", 1.0)
    change = session.estimate("replicas", 400.0)
    after = {figure.name: figure.value for figure in design({**now(), "users": 10_000_000})}
    assert {row.name: row.after for row in change.rows} == after


def now():
    return {name: one.value for name, one in SAMPLE.parameters.items()}


def test_follow_ups_add_up(session):
    on_to(session, Phase.DEEP_DIVE)
    session.put_follow_up()
    session.estimate("replicas", 400.0)
    session.put_follow_up()
    change = session.estimate("cost", 1.0)
    expected = {figure.name: figure.value for figure in design({**now(), "users": 10_000_000, "messages": 5})}
    assert {row.name: row.after for row in change.rows} == expected
    assert session.put_follow_up() is None


def test_an_estimate_is_kept_with_what_was_computed(session):
    on_to(session, Phase.DEEP_DIVE)
    session.put_follow_up()
    session.estimate("replicas", 400.0)
    (mine,) = session.state.estimates
    assert mine.computed == 435
    assert mine.ratio == pytest.approx(400 / 435)


def test_figures_without_an_estimate_are_shown_and_count_as_none(session):
    on_to(session, Phase.DEEP_DIVE)
    session.put_follow_up()
    assert session.estimate("replicas", None).rows
    assert session.state.estimates == []


def test_a_figure_that_was_shown_cannot_be_estimated(session):
    session.estimate("peak load", 300.0)
    session.look()
    for name in ("peak load", "cost"):
        with pytest.raises(NotNow, match=name):
            session.estimate(name, 1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_estimate_must_be_finite(session, value):
    with pytest.raises(NotNow, match="finite"):
        session.estimate("cost", value)


def test_numbers_without_a_design_are_told_and_taken_back(session):
    on_to(session, Phase.SCALING)
    session.put_follow_up()
    change = session.estimate("share of budget", 5.0)
    assert "buys no GPU" in change.reason
    assert session.state.numbers == {}
    assert session.state.pending is None
    assert {figure.name: figure.value for figure in session.look()} == {f.name: f.value for f in design(now())}


def test_a_follow_up_that_waits_ends_with_its_phase(session):
    on_to(session, Phase.DEEP_DIVE)
    session.put_follow_up()
    session.next()
    assert session.state.pending is None
    assert session.state.numbers == {}
    assert [figure.name for figure in session.look()]


def test_questions_and_follow_ups_come_by_themselves_spread_over_the_phase(session, clock):
    on_to(session, Phase.DEEP_DIVE)
    came = []
    for second in range(0, 900, 10):
        clock.to(session, second)
        what = due(session)
        if what == "question":
            session.question()
        elif what:
            session.put_follow_up()
            session.estimate(session.to_estimate()[0].name, 1.0)
        if what:
            came.append((second, what))
    assert [second for second, _ in came] == [180, 360, 540, 720]
    assert sorted(what for _, what in came) == ["follow_up", "follow_up", "question", "question"]
    assert came[0][1] != came[1][1]


def test_nothing_is_due_while_an_estimate_is_waited_for(session, clock):
    on_to(session, Phase.DEEP_DIVE)
    session.put_follow_up()
    clock.to(session, 890)
    assert due(session) == ""


def test_a_quote_that_is_not_in_the_notes_earns_nothing(session):
    session.note("Ten messages a user and a day")
    session.finish()
    assert session.score("knows what fails", 4, "an alert on the queue").points == 0
    assert "not in the notes" in session.score("knows what fails", 4, "an alert on the queue").reason
    assert session.score("knows what fails", 4, "TEN  messages").points == 4
    assert session.state.total == 4


def test_a_clarifying_question_can_be_quoted(session):
    session.ask("How many users are there on a day?")
    session.finish()
    assert session.score("asks before designing", 8, "how many users are there").points == 8


def test_points_before_the_end_are_refused(session):
    with pytest.raises(NotNow, match="still runs"):
        session.score("knows what fails", 4, "")
