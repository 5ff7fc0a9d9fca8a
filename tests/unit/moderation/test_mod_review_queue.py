"""The review queue on a real Redis: order, leases, double review, limits, undo, and that nothing is lost."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mod_review_parts import CATEGORIES, Clock, MemoryLog, escalated, put

from reference.moderation.review import (
    Limits,
    QueueFull,
    QueueSettings,
    Rest,
    Reviewer,
    ReviewError,
    ReviewQueue,
    ReviewUnavailable,
)
from reference.moderation.types import Action, Media, Tier
from reference.serving.redis_store import connect, private_redis

ANNA, BEN, CLEO = Reviewer("anna"), Reviewer("ben"), Reviewer("cleo")
LEAD = Reviewer("lea", lead=True)
QUICK = {"undo_s": 0.0, "double_share": 0.0}


@pytest.fixture(scope="module")
def server():
    with private_redis() as running:
        yield running


class Desk:
    def __init__(self, client) -> None:
        self.client = client

    def __call__(self, **options) -> ReviewQueue:
        self.client.flushall()
        self.clock, self.log = Clock(), MemoryLog()
        return ReviewQueue(
            self.client,
            self.log,
            settings=QueueSettings(**{**QUICK, **options}),
            categories=CATEGORIES,
            clock=self.clock,
        )


@pytest.fixture
def desk(server):
    client = connect(server.url)
    yield Desk(client)
    client.close()


def taken(queue, reviewer):
    item = queue.next(reviewer)
    return item if isinstance(item, Rest) else item.post.id


def approve_all(queue, reviewer, clock, limit=1000):
    order = []
    while len(order) < limit:
        item = queue.next(reviewer)
        if isinstance(item, Rest):
            return order, item
        order.append(item.post.id)
        queue.submit(reviewer, item.post.id, Action.APPROVE)
    return order, None


def test_severity_then_views_then_age_decide_the_order(desk):
    queue = desk()
    put(queue, "mild")
    put(queue, "mild-later")
    put(queue, "mild-viral", views=1_000_000)
    put(queue, "severe", severity=4)
    assert approve_all(queue, ANNA, desk.clock)[0] == ["severe", "mild-viral", "mild", "mild-later"]


def test_waiting_long_enough_beats_any_severity(desk):
    queue = desk(ageing_s=10)
    put(queue, "old", severity=1)
    desk.clock.now += 10 * 57 + 1
    put(queue, "new", severity=4, views=10**9)
    assert taken(queue, ANNA) == "old"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.tuples(st.integers(1, 4), st.integers(0, 7)),
    newer=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 7)), min_size=30, max_size=30),
)
def test_no_post_starves_while_newer_ones_keep_coming(desk, start, newer):
    """One new post a step, one review a step: the queue never drains, and yet the first post is served in time."""
    queue = desk(ageing_s=0.5, limits=Limits(severe_per_hour=10**6, severe_per_shift=10**6, work_s=10**6))
    put(queue, "backlog", severity=4, views=10**6)  # keeps the queue one behind
    put(queue, "first", severity=start[0], views=10 ** start[1])
    began = desk.clock.now
    for number, (severity, power) in enumerate(newer):
        desk.clock.now += 2
        put(queue, f"n{number}", severity=severity, views=10**power)
        item = queue.next(ANNA)
        queue.submit(ANNA, item.post.id, Action.APPROVE)
        if item.post.id == "first":
            break
    else:
        pytest.fail("never served")
    # It may be overtaken by what came within 57 * ageing_s after it, and then waits for those to be worked off.
    assert desk.clock.now - began <= 57 * 0.5 + 2 * 20


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    posts=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["en", "de", "und", "fr"]), st.integers(0, 10**7)),
        min_size=1,
        max_size=12,
    ),
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("nare uxv"), st.integers(0, 400)), max_size=40),
)
def test_nobody_judges_a_post_twice_and_none_is_lost_whatever_happens(desk, posts, steps):
    queue = desk(
        double_share=0.5,
        undo_s=5,
        open_after_s=3600,
        limits=Limits(severe_per_hour=10**6, severe_per_shift=10**6, work_s=10**7),
    )
    people = [ANNA, Reviewer("ben", frozenset({"de"})), Reviewer("cleo", frozenset({"en", "fr"})), LEAD]
    for number, (severity, language, views) in enumerate(posts):
        put(queue, f"p{number}|x", severity=severity, language=language, views=views)
    holding = {}
    for index, what, seconds in steps:
        who = people[index]
        desk.clock.now += seconds
        if what == "n":
            item = queue.next(who)
            if not isinstance(item, Rest):
                holding[who.id] = item
                assert who.id not in [verdict.reviewer for verdict in queue.verdicts(item.post.id)]
        elif who.id in holding and what in "are":
            item = holding[who.id]
            action = {"a": Action.APPROVE, "r": Action.REJECT, "e": Action.ESCALATE}[what]
            with contextlib.suppress(ReviewError):  # a lost lease, or a lead who would escalate
                queue.submit(who, item.post.id, action, "hate" if what == "r" else "", stage=item.stage)
        elif who.id in holding and what == "u":
            queue.undo(who, holding[who.id].post.id)
        elif what == "x":
            queue.release(who)
    # Two more leads finish: everything is closed exactly once, and every judge of a post judged it once.
    finishers = [*people, LEAD, *[Reviewer(f"lead{n}", frozenset({"en", "de", "fr"}), lead=True) for n in range(3)]]
    for _ in range(30):
        desk.clock.now += 400
        for who in finishers:
            item = queue.next(who)
            if not isinstance(item, Rest):
                queue.submit(who, item.post.id, Action.APPROVE)
    desk.clock.now += 400
    queue.settle()
    assert queue.state().waiting == 0
    assert {post for post, _ in desk.log.rows} == {f"p{number}|x" for number in range(len(posts))}
    for number in range(len(posts)):
        judges = [verdict.reviewer for verdict in queue.verdicts(f"p{number}|x")]
        assert len(judges) == len(set(judges)) >= 1


def test_a_vanished_reviewer_gives_the_post_back(desk):
    queue = desk(lease_s=60)
    put(queue, "p")
    assert taken(queue, ANNA) == "p"
    assert taken(queue, BEN).why == "empty"
    desk.clock.now += 61
    assert taken(queue, BEN) == "p"
    with pytest.raises(ReviewError, match="lease"):
        queue.submit(ANNA, "p", Action.APPROVE)
    queue.submit(BEN, "p", Action.REJECT, "spam")
    assert [verdict.reviewer for verdict in queue.verdicts("p")] == ["ben"]


def test_a_page_loaded_again_shows_the_same_post(desk):
    queue = desk()
    put(queue, "p1")
    put(queue, "p2")
    assert taken(queue, ANNA) == taken(queue, ANNA) == "p1"
    assert taken(queue, BEN) == "p2"


def test_languages_route_posts_until_they_have_waited_too_long(desk):
    queue = desk(open_after_s=100)
    put(queue, "german", language="de")
    put(queue, "unclear", language="und")
    assert taken(queue, ANNA) == "unclear"
    queue.submit(ANNA, "unclear", Action.APPROVE)
    assert taken(queue, ANNA).why == "empty"
    desk.clock.now += 101
    item = queue.next(ANNA)
    assert (item.post.id, item.speaks) == ("german", False)


def test_two_who_agree_close_a_doubled_post_and_kappa_counts_them(desk):
    queue = desk(double_share=1.0)
    for number in range(4):
        put(queue, f"p{number}")
    for number in range(4):
        for who in (ANNA, BEN):
            item = queue.next(who)
            rejects = number % 2 == 0
            queue.submit(who, item.post.id, Action.REJECT if rejects else Action.APPROVE, "hate" if rejects else "")
    assert len(desk.log.rows) == 4
    found = queue.agreement()
    assert (found.n, found.observed, found.kappa) == (4, 1.0, 1.0)


def test_nobody_gets_the_second_copy_of_an_own_post(desk):
    queue = desk(double_share=1.0)
    put(queue, "p")
    queue.submit(ANNA, queue.next(ANNA).post.id, Action.APPROVE)
    assert taken(queue, ANNA).why == "empty"
    assert desk.log.rows == {}
    assert taken(queue, BEN) == "p"


def test_a_disagreement_goes_to_a_third_person_who_decides(desk):
    queue = desk(double_share=1.0)
    put(queue, "p")
    queue.next(ANNA), queue.next(BEN)
    queue.submit(ANNA, "p", Action.APPROVE)
    queue.submit(BEN, "p", Action.REJECT, "hate")
    assert taken(queue, ANNA).why == taken(queue, BEN).why == "empty"
    item = queue.next(CLEO)
    assert (item.post.id, item.stage) == ("p", "third")
    queue.submit(CLEO, "p", Action.REJECT, "spam")
    decision = desk.log.rows["p", Tier.PERSON]
    assert (decision.action, decision.category, decision.severity) == (Action.REJECT, "spam", 1)
    assert decision.versions["reviewers"] == "anna,ben,cleo"


def test_an_escalation_waits_for_a_lead(desk):
    queue = desk()
    put(queue, "p")
    queue.next(ANNA)
    queue.submit(ANNA, "p", Action.ESCALATE)
    assert taken(queue, BEN).why == "empty"
    item = queue.next(LEAD)
    assert item.stage == "lead"
    with pytest.raises(ReviewError, match="final"):
        queue.submit(LEAD, "p", Action.ESCALATE, stage=item.stage)
    queue.submit(LEAD, "p", Action.REJECT, "danger")
    assert desk.log.rows["p", Tier.PERSON].severity == 4


def test_a_leads_verdict_ends_the_copies_that_others_hold_or_wait_for(desk):
    queue = desk(double_share=1.0)
    put(queue, "p")
    queue.next(ANNA), queue.next(BEN)
    queue.submit(ANNA, "p", Action.ESCALATE)
    queue.submit(LEAD, queue.next(LEAD).post.id, Action.APPROVE)
    with pytest.raises(ReviewError, match="not open"):
        queue.submit(BEN, "p", Action.APPROVE)
    assert taken(queue, BEN).why == taken(queue, CLEO).why == "empty"
    assert desk.client.keys("*:s:*") == []


def test_severe_items_stop_at_the_limit_and_mild_ones_go_on(desk):
    queue = desk(limits=Limits(severe_per_hour=2, severe_per_shift=3, work_s=10**6))
    for number in range(5):
        put(queue, f"severe{number}", severity=3)
    put(queue, "mild", severity=1)
    order, rest = approve_all(queue, ANNA, desk.clock)
    assert order == ["severe0", "severe1", "mild"]
    assert rest == Rest("limit", desk.clock.now + 3600)
    assert taken(queue, BEN) == "severe2"  # others are not held up
    desk.clock.now += 3601
    assert len(approve_all(queue, ANNA, desk.clock)[0]) == 1  # the shift allows one more
    assert queue.wellbeing(ANNA).severe_shift == 3


def test_a_break_is_forced_and_ends(desk):
    queue = desk(limits=Limits(work_s=600, break_s=300))
    for number in range(10):
        put(queue, f"p{number}", severity=1)
    for _ in range(4):
        queue.submit(ANNA, queue.next(ANNA).post.id, Action.APPROVE)
        desk.clock.now += 150
    rest = queue.next(ANNA)
    assert rest == Rest("break", desk.clock.now + 300)
    desk.clock.now += 299
    assert queue.next(ANNA).why == "break"
    desk.clock.now += 2
    assert taken(queue, ANNA) == "p4"


def test_undo_within_its_time_gives_the_post_back_and_not_after(desk):
    queue = desk(undo_s=5)
    put(queue, "p1")
    put(queue, "p2")
    queue.next(ANNA)
    queue.submit(ANNA, "p1", Action.REJECT, "spam")
    assert taken(queue, ANNA) == "p2"
    desk.clock.now += 4
    assert queue.undo(ANNA, "p1")
    assert taken(queue, ANNA) == "p1"
    assert taken(queue, BEN) == "p2"  # what came meanwhile is free again
    queue.submit(ANNA, "p1", Action.APPROVE)
    desk.clock.now += 5
    assert not queue.undo(ANNA, "p1")
    assert [outcome.action for outcome in queue.settle()] == [Action.APPROVE]


def test_the_same_verdict_twice_counts_once_and_another_is_refused(desk):
    queue = desk(undo_s=5)
    put(queue, "p")
    queue.next(ANNA)
    assert queue.submit(ANNA, "p", Action.REJECT, "spam") > 0
    assert queue.submit(ANNA, "p", Action.REJECT, "spam") == 0.0
    with pytest.raises(ReviewError, match="undo"):
        queue.submit(ANNA, "p", Action.APPROVE)
    desk.clock.now += 6
    queue.settle()
    assert queue.submit(ANNA, "p", Action.REJECT, "spam") == 0.0
    assert len(desk.log.rows) == 1


def test_a_queued_or_closed_post_is_not_queued_again(desk):
    queue = desk()
    put(queue, "p")
    put(queue, "p")
    assert approve_all(queue, ANNA, desk.clock)[0] == ["p"]
    put(queue, "p")
    assert queue.state().waiting == 0


def test_a_full_queue_refuses_and_loses_nothing(desk):
    queue = desk(most_waiting=2)
    put(queue, "p1")
    put(queue, "p2")
    with pytest.raises(QueueFull, match="most_waiting"):
        put(queue, "p3")
    assert approve_all(queue, ANNA, desk.clock)[0] == ["p1", "p2"]
    put(queue, "p3")
    assert taken(queue, ANNA) == "p3"


def test_a_log_that_is_down_keeps_outcomes_in_the_outbox(desk):
    queue = desk()
    put(queue, "p1")
    put(queue, "p2")
    desk.log.down = True
    assert approve_all(queue, ANNA, desk.clock)[0] == ["p1", "p2"]
    assert (queue.state().unlogged, desk.log.rows) == (2, {})
    with pytest.raises(ReviewError, match="disk full"):
        queue.settle()
    desk.log.down = False
    assert sorted(outcome.post_id for outcome in queue.settle()) == ["p1", "p2"]
    assert len(desk.log.rows) == 2


def test_nothing_of_a_closed_post_but_its_record_stays(desk):
    queue = desk(double_share=1.0)
    for number in range(5):
        put(queue, f"p{number}", images=(Media("a.png", b"x" * 100),))
    for _ in range(5):
        for who in (ANNA, BEN):
            queue.submit(who, queue.next(who).post.id, Action.APPROVE)
    kinds = {key.decode().split(":")[3] for key in desk.client.keys("*")}
    assert kinds == {"audit", "holders", "item", "order", "pairs", "verdicts", "work"}
    assert all(desk.client.ttl(key) > 0 for key in desk.client.keys("*") if b"item" in key or b"verd" in key)


def test_media_are_bounded_and_only_for_the_holder(desk):
    queue = desk(most_media_bytes=1000)
    put(queue, "p", images=(Media("small.png", b"a" * 900), Media("big.png", b"b" * 200)))
    item = queue.next(ANNA)
    assert [(note.name, note.kept) for note in item.media] == [("small.png", True), ("big.png", False)]
    assert queue.media(ANNA, "p", 0).data == b"a" * 900
    with pytest.raises(ReviewError, match="no kept medium"):
        queue.media(ANNA, "p", 1)
    with pytest.raises(ReviewError, match="holds it"):
        queue.media(BEN, "p", 0)


def test_text_comes_back_as_it_was_and_is_cut_visibly(desk):
    queue = desk(most_text=50)
    text = "<b>zorgle</b>\u202e\x00 \ud800 é"
    put(queue, "odd", text=text)
    put(queue, "long", text="x" * 51)
    odd, long = queue.next(ANNA), queue.next(BEN)
    assert odd.post.text == text.replace("\ud800", "?")
    assert not odd.text_cut
    assert long.text_cut
    assert odd.decision.findings == escalated("odd")[1].findings


@pytest.mark.parametrize(
    ("action", "category", "named"),
    [
        (Action.REJECT, "", "category"),
        (Action.REJECT, "nonsense", "nonsense"),
        (Action.APPROVE, "hate", "category"),
    ],
)
def test_a_wrong_verdict_is_refused_by_field(desk, action, category, named):
    queue = desk()
    put(queue, "p")
    queue.next(ANNA)
    with pytest.raises(ReviewError, match=named):
        queue.submit(ANNA, "p", action, category)


def test_redis_gone_is_said_and_what_was_queued_survives_a_hang():
    with private_redis() as own:
        client = connect(own.url)
        queue = ReviewQueue(client, settings=QueueSettings(**QUICK))
        put(queue, "p1")
        own.stop()
        with pytest.raises(ReviewUnavailable, match="p2"):
            put(queue, "p2")
        with pytest.raises(ReviewUnavailable):
            queue.next(ANNA)
        client.close()


@pytest.mark.parametrize("bad", ["", "a b", "a|b", "-x", "é"])
def test_reviewer_ids_that_break_audit_lines_are_refused(bad):
    with pytest.raises(ReviewError, match="reviewer id"):
        Reviewer(bad)
