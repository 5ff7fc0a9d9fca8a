"""A rule that nobody acts on falls silent, a useful one practically never does, and the record survives bad company."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import sqlite3
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.agents.learning import OutcomeStore, Standing, is_unwanted, muted_ever, replay
from reference.agents.learning.muting import DECIDED, RETRY_S, TRIAL, posterior_mean
from reference.agents.learning.replay import ACCEPTED
from reference.agents.rules import registry
from reference.agents.types import Agent, Change, Comment, Finding, Plan, Review, ReviewError, Severity

DAY = 24 * 3600.0
SHOP = "acme/shop"
DOC = "documentation/undocumented-parameter"


def review(*lines: str, rule: str = DOC, pr: int = 1, repository: str = SHOP) -> Review:
    """One posted finding per line of text."""
    entry = registry()[rule]
    found = tuple(Finding(entry.agent, rule, entry.severity, "a.py", n, n, evidence=x) for n, x in enumerate(lines, 1))
    comments = tuple(Comment("a.py", one.line, "", one.severity, (one,)) for one in found)
    return Review(Change(repository, "b", "h", (), number=pr), Plan(()), (), comments, "COMMENT")


class Clock:
    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    made = OutcomeStore(tmp_path / "outcomes.db", clock=clock)
    yield made
    made.close()


def fed(store: OutcomeStore, outcomes: str, *, rule: str = DOC, pr: int = 1) -> None:
    """Post and decide one finding per letter: a(ccepted), s (resolved), r(ejected), i(gnored), - undecided."""
    words = {"a": "accepted", "s": "resolved", "r": "rejected", "i": "ignored"}
    posted = review(*(f"{rule} {pr} {n}" for n in range(len(outcomes))), rule=rule, pr=pr)
    store.record_posted(posted)
    for finding, letter in zip(posted.findings, outcomes, strict=True):
        if letter != "-":
            store.record_outcome(SHOP, pr, finding.fingerprint, words[letter])


# ---- when a rule falls silent


@pytest.mark.slow
def test_a_rule_that_half_the_team_acts_on_is_muted_in_less_than_one_of_a_hundred_repositories():
    assert 0 < muted_ever(0.5, 200) < 0.01
    assert muted_ever(0.5, 2000) < 0.01  # more looks add nothing to speak of


def test_a_rule_that_nearly_nobody_acts_on_is_muted_within_twenty_outcomes():
    assert muted_ever(0.02, 20) > 0.9
    assert muted_ever(0.0, DECIDED) == 1.0
    assert muted_ever(0.0, DECIDED - 1) == 0.0
    assert muted_ever(1.0, 200) == 0.0


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_the_better_a_rule_the_less_often_it_is_muted_and_more_looks_never_unmute(p, q, looks):
    low, high = sorted((p, q))
    assert muted_ever(low, looks) >= muted_ever(high, looks) - 1e-9
    assert muted_ever(p, looks) <= muted_ever(p, looks + 5) + 1e-12


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_the_dynamic_programme_gives_what_counting_every_sequence_gives(p):
    looks, expected = 13, 0.0
    for outcomes in itertools.product((0, 1), repeat=looks):
        sums = list(itertools.accumulate(outcomes))
        if any(is_unwanted(count, n) for n, count in enumerate(sums, 1)):
            expected += p ** sums[-1] * (1 - p) ** (looks - sums[-1])
    assert muted_ever(p, looks) == pytest.approx(expected, rel=1e-12)


def test_the_state_machine_mutes_as_often_as_the_dynamic_programme_says():
    rng, runs, p = random.Random(3), 4000, 0.15
    hits = 0
    for _ in range(runs):
        standing = Standing()
        for n in range(30):
            standing.outcome(n, rng.random() < p, float(n))
        hits += standing.muted_until(30.0) is not None
    exact = muted_ever(p, 30)
    assert abs(hits / runs - exact) < 4 * (exact * (1 - exact) / runs) ** 0.5


@given(st.integers(0, 300), st.integers(0, 300))
def test_fewer_than_ten_outcomes_never_mute_and_an_accepted_one_never_makes_it_worse(a, b):
    accepted, decided = min(a, b), max(a, b)
    if decided < DECIDED:
        assert not is_unwanted(accepted, decided)
    assert posterior_mean(accepted + 1, decided + 1) > posterior_mean(accepted, decided)


@pytest.mark.parametrize(("call", "named"), [
    (lambda: muted_ever(1.5, 3), "p:"), (lambda: muted_ever(0.5, -1), "looks"),
    (lambda: posterior_mean(3, 2), "accepted"),
    (lambda: replay(0), "changes"), (lambda: replay(5, rules={}), "rules"), (lambda: replay(5, rules={"x": 2.0}), "x"),
])  # fmt: skip
def test_bad_numbers_are_named(call, named):
    with pytest.raises(ReviewError, match=named):
        call()


# ---- the store


def test_ten_outcomes_without_an_acceptance_mute_the_rule_in_that_repository_alone(store):
    fed(store, "rrrrriiii")
    assert store.muted(SHOP) == frozenset()
    fed(store, "r", pr=2)
    assert store.muted(SHOP) == {DOC}
    assert store.muted("acme/other") == frozenset()


def test_a_resolved_finding_counts_as_acted_on_and_an_undecided_one_not_at_all(store):
    fed(store, "ssaa" + "r" * 8)
    fed(store, "-" * 50, pr=2)
    assert store.muted(SHOP) == frozenset()
    found = store.acceptance(SHOP, DOC)
    assert (found.posted, found.decided, found.accepted) == (62, 12, 4)
    assert found.mean == pytest.approx(5 / 14)
    assert found.interval[0] < 4 / 12 < found.interval[1]
    assert found.outcomes == {"accepted": 2, "rejected": 8, "ignored": 0, "resolved": 2}
    assert store.acceptance(SHOP, "quality/bug").interval == (0.0, 1.0)


def test_no_critical_rule_ever_falls_silent(store):
    for rule in (one for one in registry().values() if one.severity is Severity.CRITICAL):
        fed(store, "r" * 40, rule=rule.id)
    fed(store, "r" * 40)
    assert store.muted(SHOP) == {DOC}


def test_a_silent_rule_is_tried_again_after_ninety_days_for_five_findings(store, clock):
    fed(store, "r" * 10)
    clock.now += RETRY_S - 1
    assert store.muted(SHOP) == {DOC}
    clock.now += 1
    assert store.muted(SHOP) == frozenset()
    fed(store, "r" * (TRIAL - 1), pr=2)
    assert store.muted(SHOP) == frozenset()  # four of five
    fed(store, "-", pr=3)
    assert store.muted(SHOP) == {DOC}  # five are posted: silent until somebody acts on one
    assert store.muted_until(SHOP)[DOC] == clock.now + RETRY_S
    clock.now += DAY
    store.record_outcome(SHOP, 3, review(f"{DOC} 3 0").findings[0].fingerprint, "accepted")
    assert store.muted(SHOP) == frozenset()


def test_a_trial_that_nobody_acts_on_is_followed_by_another_pause_and_another_trial(store, clock):
    fed(store, "r" * 10)
    for trial in range(2, 5):
        clock.now += RETRY_S
        assert store.muted(SHOP) == frozenset()
        fed(store, "rriii", pr=trial)
        assert store.muted(SHOP) == {DOC}
        clock.now += RETRY_S - 1
        assert store.muted(SHOP) == {DOC}
        clock.now += 1 - RETRY_S


def test_after_a_trial_that_went_well_the_past_is_forgotten(store, clock):
    fed(store, "r" * 100)
    clock.now += RETRY_S
    fed(store, "aarrr", pr=2)
    assert store.muted(SHOP) == frozenset()
    fed(store, "rrrr", pr=3)
    assert store.muted(SHOP) == frozenset()


def test_posting_twice_counts_once_and_keeps_the_outcome(store):
    posted = review("x", "y")
    assert store.record_posted(posted) == 2
    store.record_outcome(SHOP, 1, posted.findings[0].fingerprint, "accepted")
    assert store.record_posted(posted) == 0
    found = store.acceptance(SHOP, DOC)
    assert (found.posted, found.decided) == (2, 1)
    assert store.undecided(SHOP, 1) == {posted.findings[1].fingerprint: DOC}


def test_what_a_person_said_stands_against_what_was_inferred(store):
    posted = review("x")
    store.record_posted(posted)
    mark = posted.findings[0].fingerprint
    assert store.record_outcome(SHOP, 1, mark, "ignored")
    assert store.record_outcome(SHOP, 1, mark, "rejected")
    assert not store.record_outcome(SHOP, 1, mark, "rejected")
    assert not store.record_outcome(SHOP, 1, mark, "resolved")
    assert store.acceptance(SHOP, DOC).outcomes["rejected"] == 1
    assert store.record_outcome(SHOP, 1, mark, "accepted")  # a person may think again
    assert store.where(mark) == [(SHOP, 1, DOC)]


def test_an_outcome_of_nothing_posted_and_an_unknown_outcome_are_refused(store):
    with pytest.raises(ReviewError, match="was not posted to acme/shop#1"):
        store.record_outcome(SHOP, 1, "0" * 16, "accepted")
    with pytest.raises(ReviewError, match="outcome: one of"):
        store.record_outcome(SHOP, 1, "0" * 16, "liked")


def test_what_was_recorded_is_there_after_a_restart(tmp_path, clock):
    first = OutcomeStore(tmp_path / "o.db", clock=clock)
    fed(first, "r" * 10)
    first.close()
    again = OutcomeStore(tmp_path / "o.db", clock=clock)
    assert again.muted(SHOP) == {DOC}
    assert again.rules() == [(SHOP, DOC)]
    again.close()


def _foreign(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (a)")


def _newer(path):
    OutcomeStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(("make", "says"), [
    (_foreign, "another program"), (_newer, "version 99"),
    (lambda path: path.write_bytes(b"no database at all" * 100), "not a database"),
    (lambda path: path.mkdir(), "unable to open"),
])  # fmt: skip
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path, make, says):
    path = tmp_path / "o.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(ReviewError, match=says) as caught:
        OutcomeStore(path)
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_file_damaged_while_open_gives_a_clear_error(tmp_path):
    path = tmp_path / "o.db"
    store = OutcomeStore(path)
    for pr in range(40):
        fed(store, "r" * 20, pr=pr)
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    store = OutcomeStore(path)
    with pytest.raises(ReviewError, match=r"outcomes file .*o\.db"):
        store.muted(SHOP)
    store.close()


def _write(path, pr: int, start) -> None:
    start.wait()
    store = OutcomeStore(path)
    for n in range(30):
        store.record_posted(review(f"shared {n}", pr=1))
        own = review(f"own {n}", pr=pr)
        store.record_posted(own)
        store.record_outcome(SHOP, pr, own.findings[0].fingerprint, "accepted")
    store.close()


def test_two_processes_open_a_new_file_at_once_and_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    workers = [context.Process(target=_write, args=(tmp_path / "o.db", pr, start)) for pr in (2, 3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert [one.exitcode for one in workers] == [0, 0]
    store = OutcomeStore(tmp_path / "o.db")
    found = store.acceptance(SHOP, DOC)
    assert (found.posted, found.accepted) == (90, 60)
    store.close()


def test_threads_share_one_store(store):
    def work(pr: int) -> None:
        for n in range(20):
            store.record_posted(review(f"x {n}", pr=pr))
            store.muted(SHOP)

    threads = [threading.Thread(target=work, args=(pr,)) for pr in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert store.acceptance(SHOP, DOC).posted == 80


# ---- replay


def windows(rows, learning: bool):
    return [row for row in rows if row["learning"] is learning]


def test_the_reviewer_that_learns_says_less_and_more_of_it_is_wanted():
    found = replay(3000, seed=1)
    quiet, loud = windows(found.rows, True), windows(found.rows, False)
    assert [row["changes"] for row in quiet] == [row["changes"] for row in loud] == list(range(150, 3001, 150))
    assert all(a["comments"] <= b["comments"] for a, b in zip(quiet, loud, strict=True))
    last = slice(5, None)
    assert sum(r["comments"] for r in quiet[last]) < 0.8 * sum(r["comments"] for r in loud[last])
    assert all(a["accepted"] > b["accepted"] for a, b in zip(quiet[last], loud[last], strict=True))
    assert found.wrongly == muted_ever(0.5, 200)


def test_with_and_without_learning_are_the_same_until_something_is_muted():
    found = replay(400, seed=2, rules={"quality/bug": 0.9, "tests/untested-change": 0.8})
    plain = [{**row, "learning": True} for row in windows(found.rows, False)]
    assert (windows(found.rows, True), found.muted) == (plain, ())


def test_a_replay_mutes_the_unwanted_rules_and_no_critical_one():
    found = replay(1500, seed=0)
    assert set(found.muted) <= {rule for rule, share in ACCEPTED.items() if share < 0.15}
    assert found.muted
    critical = replay(1500, rules={"security/sql-injection": 0.0})
    assert critical.muted == ()
    assert windows(critical.rows, True) == [{**row, "learning": True} for row in windows(critical.rows, False)]


def test_the_same_seed_gives_the_same_replay_and_another_seed_another():
    assert replay(300, seed=4).rows == replay(300, seed=4).rows
    assert replay(300, seed=4).rows != replay(300, seed=5).rows
    assert replay(7).rows[-1]["changes"] == 7


def test_the_default_rules_are_in_the_registry():
    assert set(ACCEPTED) <= set(registry())
    assert Agent.SECURITY in {registry()[rule].agent for rule in ACCEPTED}
