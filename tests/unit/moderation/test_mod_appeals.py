"""Appeals on a real Redis: who may answer, what evidence is taken, and what is fed back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mod_review_parts import Clock, escalated

from reference.moderation.appeals import (
    AppealError,
    Appeals,
    AppealSettings,
    AppealUnavailable,
    Evidence,
    Result,
    overturn_rate,
    rates_by_cause,
    statement_to_author,
    suspects,
)
from reference.moderation.review import Reviewer
from reference.moderation.types import Action, Finding, Media, Tier
from reference.serving.redis_store import connect, private_redis

ANNA, BEN, CLEO = Reviewer("anna"), Reviewer("ben"), Reviewer("cleo")
WHY = Evidence("I quoted it in order to report it.")


@pytest.fixture(scope="module")
def server():
    with private_redis() as running:
        yield running


class RoundLog:
    def __init__(self) -> None:
        self.rows, self.down = {}, False

    def append(self, decisions, *, round):
        if self.down:
            raise OSError("disk full")
        for one in decisions:
            self.rows.setdefault((one.post_id, one.tier, round), one)
        return len(decisions)


@pytest.fixture
def desk(server):
    client = connect(server.url)

    def make(**options) -> Appeals:
        client.flushall()
        make.clock, make.log = Clock(), RoundLog()
        first = options.pop("first_reviewers", lambda post_id: ())
        limits = AppealSettings(**options)
        return Appeals(client, make.log, settings=limits, first_reviewers=first, clock=make.clock)

    yield make
    client.close()


def rejected(post_id="p", reviewers="anna", rule="w17", at=1_700_000_000.0, **versions):
    _, decision = escalated(post_id)
    finding = Finding("hate", 1.0, Tier.RULES, "literal", "a listed word", rule)
    return replace(
        decision,
        action=Action.REJECT,
        findings=(finding,),
        versions={**decision.versions, **versions, **({"reviewers": reviewers} if reviewers else {})},
        decided_at=datetime.fromtimestamp(at, UTC),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    firsts=st.lists(
        st.tuples(st.sets(st.sampled_from(["anna", "ben", "cleo"])), st.sets(st.sampled_from(["anna", "ben", "cleo"]))),
        min_size=1,
        max_size=6,
    ),
    turns=st.lists(st.tuples(st.sampled_from([ANNA, BEN, CLEO]), st.booleans(), st.integers(0, 3000)), max_size=30),
)
def test_no_appeal_ever_reaches_anybody_who_decided_before(desk, firsts, turns):
    by_queue = {f"p{number}": queue for number, (_, queue) in enumerate(firsts)}
    appeals = desk(first_reviewers=lambda post_id: by_queue[post_id])
    barred = {}
    for number, (named, queue) in enumerate(firsts):
        appeals.file(rejected(f"p{number}", ",".join(sorted(named))), WHY)
        barred[f"p{number}"] = named | queue
    for who, answers, seconds in turns:
        desk.clock.now += seconds
        got = appeals.next(who)
        if got is not None:
            assert who.id not in barred[got.post_id]
            if answers:
                appeals.answer(who, got.post_id, Result.UPHELD, "it breaks the rule")
    for number in range(len(firsts)):
        made = appeals.answered(f"p{number}")
        assert made is None or made.reviewer not in barred[f"p{number}"]
        for name in barred[f"p{number}"]:
            with pytest.raises(AppealError):
                appeals.answer(Reviewer(name), f"p{number}", Result.OVERTURNED, "mine was wrong")


def test_an_overturned_appeal_restores_the_post_and_becomes_a_label(desk):
    appeals = desk()
    appeals.file(rejected(), WHY, post_text="he wrote zorgle")
    assert appeals.next(ANNA) is None
    got = appeals.next(BEN)
    assert (got.text, got.post_text, got.involved) == (WHY.text, "he wrote zorgle", frozenset({"anna"}))
    made = appeals.answer(BEN, "p", Result.OVERTURNED, "A quotation that reports abuse is allowed.")
    outcome = desk.log.rows["p", Tier.PERSON, 1]
    assert (outcome.action, outcome.category, outcome.severity) == (Action.APPROVE, "", 0)
    label = appeals.label_feed()[0]
    assert (label.category, label.was, label.rules, label.text) == ("", "hate", ("w17",), "he wrote zorgle")
    assert appeals.overturn_rate().overturned == 1
    text = statement_to_author(got, made)
    assert "restored" in text
    assert "A quotation" in text
    assert "2026-11" in text
    assert "anna" not in text
    assert "ben" not in text  # reviewers are not named to authors


def test_partly_names_what_remains(desk):
    appeals = desk()
    got = appeals.file(rejected(), WHY)
    appeals.next(BEN)
    with pytest.raises(AppealError, match="category"):
        appeals.answer(BEN, "p", Result.PARTLY, "only spam")
    made = appeals.answer(BEN, "p", Result.PARTLY, "only spam", "spam")
    assert desk.log.rows["p", Tier.PERSON, 1].category == "spam"
    assert "rule on spam" in statement_to_author(got, made)
    assert appeals.label_feed()[0].category == "spam"


def test_the_same_answer_counts_once_and_another_is_refused(desk):
    appeals = desk()
    appeals.file(rejected(), WHY)
    appeals.next(BEN)
    first = appeals.answer(BEN, "p", Result.UPHELD, "it breaks the rule")
    assert appeals.answer(BEN, "p", Result.UPHELD, "it breaks the rule") == first
    with pytest.raises(AppealError, match="answered before"):
        appeals.answer(CLEO, "p", Result.OVERTURNED, "no")
    assert len(appeals.label_feed()) == 1
    assert appeals.file(rejected(), WHY).filed_at == desk.clock.now  # one appeal per post
    assert appeals.next(CLEO) is None


def test_the_nearest_deadline_comes_first_and_lateness_is_said(desk):
    appeals = desk(answer_within_s=100)
    appeals.file(rejected("late"), WHY)
    desk.clock.now += 60
    appeals.file(rejected("later"), WHY)
    desk.clock.now += 50
    assert appeals.overdue() == ["late"]
    got = appeals.next(BEN)
    assert got.post_id == "late"
    made = appeals.answer(BEN, "late", Result.UPHELD, "it breaks the rule")
    assert made.late
    assert "after its deadline" in statement_to_author(got, made)


def test_a_vanished_reviewer_gives_the_appeal_back(desk):
    appeals = desk(lease_s=60)
    appeals.file(rejected(), WHY)
    assert appeals.next(BEN).post_id == "p"
    assert appeals.next(CLEO) is None
    desk.clock.now += 61
    assert appeals.next(CLEO).post_id == "p"
    with pytest.raises(AppealError, match="lease"):
        appeals.answer(BEN, "p", Result.UPHELD, "too late")


def test_files_are_only_for_the_holder_and_go_when_answered(desk):
    appeals = desk()
    appeals.file(rejected(), Evidence(files=(Media("proof.png", b"\x89PNG"),), links=("http://proof.example/",)))
    got = appeals.next(BEN)
    assert (got.files, got.links) == (("proof.png",), ("http://proof.example/",))
    assert appeals.file_bytes(BEN, "p", 0).data == b"\x89PNG"
    for who, index in ((CLEO, 0), (BEN, 1)):
        with pytest.raises(AppealError):
            appeals.file_bytes(who, "p", index)
    appeals.answer(BEN, "p", Result.UPHELD, "it breaks the rule")
    assert appeals._client.exists("mod:appeals:main:files:p") == 0


@pytest.mark.parametrize(
    ("evidence", "named"),
    [
        (Evidence("  "), "evidence"),
        (Evidence("x" * 11), "evidence.text"),
        (Evidence(links=("http://a.example",) * 3), "evidence.links"),
        (Evidence(links=("http://a.example/" + "x" * 2000,)), "evidence.links"),
        (Evidence(files=(Media("a", b"x" * 101),)), "evidence.files"),
        (Evidence(files=(Media("a", b"x"),) * 3), "evidence.files"),
    ],
)
def test_evidence_over_a_limit_is_refused_by_field(desk, evidence, named):
    appeals = desk(most_text=10, most_links=2, most_files=2, most_bytes=100)
    with pytest.raises(AppealError, match=named):
        appeals.file(rejected(), evidence)


def test_only_rejections_in_time_can_be_appealed(desk):
    appeals = desk(most_open=1)
    with pytest.raises(AppealError, match="only rejections"):
        appeals.file(escalated("p")[1], WHY)
    with pytest.raises(AppealError, match="183 days"):
        appeals.file(rejected(at=desk.clock.now - 184 * 86400), WHY)
    appeals.file(rejected("p1"), WHY)
    with pytest.raises(AppealError, match="try again later"):
        appeals.file(rejected("p2"), WHY)


def test_an_answer_outlives_a_log_that_is_down(desk):
    appeals = desk()
    appeals.file(rejected(), WHY)
    appeals.next(BEN)
    desk.log.down = True
    appeals.answer(BEN, "p", Result.OVERTURNED, "wrong")
    assert desk.log.rows == {}
    desk.log.down = False
    assert appeals.flush() == 1
    assert appeals.flush() == 0
    assert ("p", Tier.PERSON, 1) in desk.log.rows


def test_a_rule_with_many_overturned_decisions_is_named(desk):
    appeals = desk()
    for number in range(24):
        broad = number % 2 == 0
        post = f"p{number}|x"
        appeals.file(rejected(post, rule="broad" if broad else "sound", text_model="m1" if broad else "m2"), WHY)
        appeals.next(BEN)
        appeals.answer(BEN, post, Result.OVERTURNED if broad else Result.UPHELD, "looked at it")
    rates = rates_by_cause(appeals.label_feed())
    assert (rates["rule broad"].overturned, rates["rule broad"].n) == (12, 12)
    assert rates["text_model m2"].overturned == 0
    assert set(suspects(appeals.label_feed(), above=0.6)) == {"rule broad", "text_model m1"}
    assert not any("anna" in cause for cause in rates)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_the_exact_one(pair):
    from scipy.stats import binomtest

    made, exact = overturn_rate(*pair), binomtest(*pair).proportion_ci(0.95, "exact")
    assert (made.low, made.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_redis_gone_is_said():
    with private_redis() as own:
        client = connect(own.url)
        appeals = Appeals(client, clock=Clock())
        own.stop()
        with pytest.raises(AppealUnavailable, match="not filed"):
            appeals.file(rejected(), WHY)
        client.close()
